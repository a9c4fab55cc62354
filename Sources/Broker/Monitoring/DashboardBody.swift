/// What stands on the page at `/` before the first answer has come.
enum DashboardBody {
  static let text = """
    <header>
      <h1><span id="dot" class="dot" aria-hidden="true"></span><span id="name">natsd</span></h1>
      <p id="about" class="quiet"></p>
      <p id="status" role="status" aria-live="polite">Waiting for the server</p>
      <div class="controls">
        <label>Every <select id="interval">
          <option value="1">1 s</option><option value="2" selected>2 s</option>
          <option value="5">5 s</option><option value="10">10 s</option>
        </select></label>
        <button id="pause" type="button" aria-pressed="false" aria-keyshortcuts="p">Pause</button>
      </div>
    </header>
    <noscript><p>The figures need JavaScript; the links below do not.</p></noscript>
    <main>
      <section aria-label="Traffic" class="charts">
        <figure><figcaption>Messages a second <b class="in">in <output id="in-rate">–</output></b>
          <b class="out">out <output id="out-rate">–</output></b></figcaption>
          <svg id="messages" viewBox="0 0 600 120" preserveAspectRatio="none" role="img"
            aria-label="Messages a second over the last minutes"></svg></figure>
        <figure><figcaption>Bytes a second <b class="in">in <output id="in-bytes">–</output></b>
          <b class="out">out <output id="out-bytes">–</output></b></figcaption>
          <svg id="bytes" viewBox="0 0 600 120" preserveAspectRatio="none" role="img"
            aria-label="Bytes a second over the last minutes"></svg></figure>
      </section>
      <section aria-label="Now">
        <dl class="tiles" id="tiles"></dl>
      </section>
      <section aria-labelledby="connections-title">
        <h2 id="connections-title">Connections <label class="small">by <select id="sort">
          <option value="msgs_to">messages sent</option><option value="msgs_from">messages received</option>
          <option value="bytes_to">bytes sent</option><option value="bytes_from">bytes received</option>
          <option value="pending">pending bytes</option><option value="subs">subscriptions</option>
          <option value="rtt">round trip</option><option value="idle">idle time</option>
          <option value="start">age</option>
        </select></label></h2>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="connections-title">
          <table id="connections"></table></div>
      </section>
      <section aria-labelledby="accounts-title">
        <h2 id="accounts-title">Accounts</h2>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="accounts-title">
          <table id="accounts"></table></div>
      </section>
      <section class="pair">
        <div><h2>JetStream</h2><dl class="list" id="jetstream"></dl></div>
        <div><h2>Cluster</h2><dl class="list" id="cluster"></dl></div>
      </section>
    </main>
    """
}
