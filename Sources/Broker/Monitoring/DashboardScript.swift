/// What keeps the page at `/` alive: asks the endpoints, computes rates, draws. Answers are put in as text only.
enum DashboardScript {
  static let text = #"""
    "use strict";
    // The page may be served below any path: endpoints stand beside it.
    const base = location.pathname.replace(/\/+$/, "");
    const points = 120;
    const history = {inMessages: [], outMessages: [], inBytes: [], outBytes: []};
    const byId = id => document.getElementById(id);
    let previous = null, timer = 0, paused = false, asking = false;

    async function ask(path) {
      const stop = new AbortController();
      const limit = setTimeout(() => stop.abort(), 10000);
      try {
        const answer = await fetch(base + path, {signal: stop.signal, cache: "no-store"});
        return await answer.json();
      } finally { clearTimeout(limit); }
    }

    function short(number) {
      if (!isFinite(number)) return "–";
      const units = ["", " k", " M", " G", " T"];
      let unit = 0;
      while (Math.abs(number) >= 10000 && unit < units.length - 1) { number /= 1000; unit++; }
      const shown = unit && Math.abs(number) < 100 ? number.toFixed(1) : Math.round(number).toLocaleString("en");
      return shown + units[unit];
    }

    function size(bytes) {
      if (!isFinite(bytes)) return "–";
      const units = ["B", "KiB", "MiB", "GiB", "TiB"];
      let unit = 0;
      while (Math.abs(bytes) >= 1024 && unit < units.length - 1) { bytes /= 1024; unit++; }
      return (unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)) + " " + units[unit];
    }

    function element(name, text, kind) {
      const made = document.createElement(name);
      if (text !== undefined) made.textContent = text;
      if (kind) made.className = kind;
      return made;
    }

    function list(id, rows) {
      byId(id).replaceChildren(...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
    }

    function tile(name, value, note, options = {}) {
      const box = element("div", undefined, options.bad ? "bad" : "");
      const shown = element("dd", value);
      if (note) shown.append(element("small", note));
      if (options.limit) {
        const meter = element("meter");
        Object.assign(meter, {min: 0, max: options.limit, value: options.used, high: options.limit * 0.85});
        meter.setAttribute("aria-label", name + " used");
        shown.append(meter);
      }
      box.append(element("dt", name), shown);
      return box;
    }

    // Columns: [title, value of a row, is text].
    function table(id, columns, rows, empty) {
      const head = element("tr");
      for (const [title, , isText] of columns) {
        const cell = element("th", title, isText ? "text" : "");
        cell.scope = "col";
        head.append(cell);
      }
      const body = element("tbody");
      for (const row of rows) {
        const line = element("tr");
        for (const [, value, isText] of columns) {
          const cell = element("td", value(row), isText ? "text" : "");
          if (isText) cell.title = cell.textContent;
          line.append(cell);
        }
        body.append(line);
      }
      if (!rows.length) {
        const cell = element("td", empty, "text");
        cell.colSpan = columns.length;
        const line = element("tr");
        line.append(cell);
        body.append(line);
      }
      const top = element("thead");
      top.append(head);
      byId(id).replaceChildren(top, body);
    }

    function draw(id, lines) {
      const space = "http://www.w3.org/2000/svg";
      const top = Math.max(1, ...lines.flatMap(([, values]) => values)) * 1.1;
      const drawn = [0.25, 0.5, 0.75].map(part => {
        const line = document.createElementNS(space, "line");
        for (const [name, value] of [["x1", 0], ["x2", 600], ["y1", 120 * part], ["y2", 120 * part]])
          line.setAttribute(name, value);
        return line;
      });
      for (const [kind, values] of lines) {
        const path = document.createElementNS(space, "path");
        const start = points - values.length;
        path.setAttribute("class", kind);
        path.setAttribute("d", values.map((value, index) =>
          (index ? "L" : "M") + ((start + index) * 600 / (points - 1)).toFixed(1) + " "
            + (118 - value / top * 116).toFixed(1)).join(""));
        drawn.push(path);
      }
      byId(id).replaceChildren(...drawn);
    }

    function remember(values, value) {
      values.push(value);
      if (values.length > points) values.shift();
    }

    function showRates(now) {
      const time = Date.parse(now.now);
      if (previous && previous.server_id === now.server_id && time > Date.parse(previous.now)) {
        const seconds = (time - Date.parse(previous.now)) / 1000;
        const rate = name => Math.max(0, (now[name] - previous[name]) / seconds);
        remember(history.inMessages, rate("in_msgs"));
        remember(history.outMessages, rate("out_msgs"));
        remember(history.inBytes, rate("in_bytes"));
        remember(history.outBytes, rate("out_bytes"));
        byId("in-rate").textContent = short(rate("in_msgs"));
        byId("out-rate").textContent = short(rate("out_msgs"));
        byId("in-bytes").textContent = size(rate("in_bytes"));
        byId("out-bytes").textContent = size(rate("out_bytes"));
        draw("messages", [["in", history.inMessages], ["out", history.outMessages]]);
        draw("bytes", [["in", history.inBytes], ["out", history.outBytes]]);
      }
      previous = now;
    }

    function showServer(now) {
      // Without a name of its own a server goes by its identifier.
      const name = now.server_name === now.server_id ? "Server " + now.server_id.slice(0, 8) + "…" : now.server_name;
      document.title = name + " · natsd";
      byId("name").textContent = name;
      const cluster = now.cluster.name ? ", cluster " + now.cluster.name : "";
      byId("about").textContent = now.version + ", up " + now.uptime + cluster;
      const limit = now.gomemlimit || 0;
      byId("tiles").replaceChildren(
        tile("Connections", short(now.connections), short(now.total_connections) + " since the start"),
        tile("Subscriptions", short(now.subscriptions)),
        tile("Slow consumers", short(now.slow_consumers), "", {bad: now.slow_consumers > 0}),
        tile("Stalled, stale", short(now.stalled_clients) + ", " + short(now.stale_connections)),
        tile("Messages in", short(now.in_msgs), size(now.in_bytes)),
        tile("Messages out", short(now.out_msgs), size(now.out_bytes)),
        tile("CPU", now.cpu.toFixed(1) + " %", "of " + now.gomaxprocs + " × 100 %",
          {limit: now.gomaxprocs * 100, used: now.cpu}),
        tile("Memory", size(now.mem), limit ? "of " + size(limit) : "no limit",
          limit ? {limit, used: now.mem, bad: now.mem > limit * 0.9} : {}));
    }

    function showConnections(answer) {
      table("connections", [
        ["Connection", row => row.cid + (row.name ? " " + row.name : ""), true],
        ["Client", row => [row.lang, row.version].filter(Boolean).join(" ") || row.kind, true],
        ["Address", row => row.ip + ":" + row.port, true],
        ["Account", row => row.account || "$G", true],
        ["Subs", row => short(row.subscriptions)], ["To", row => short(row.out_msgs)],
        ["From", row => short(row.in_msgs)], ["Sent", row => size(row.out_bytes)],
        ["Received", row => size(row.in_bytes)], ["Pending", row => size(row.pending_bytes)],
        ["RTT", row => row.rtt || ""], ["Idle", row => row.idle]], answer.connections, "Nobody is connected.");
    }

    function showAccounts(answer) {
      const accounts = answer.account_statz.sort((a, b) => b.total_conns - a.total_conns || (a.acc < b.acc ? -1 : 1));
      table("accounts", [
        ["Account", row => row.name || row.acc, true], ["Connections", row => short(row.conns)],
        ["Leaf nodes", row => short(row.leafnodes)], ["Subscriptions", row => short(row.num_subscriptions)],
        ["Received", row => short(row.received.msgs)], ["Sent", row => short(row.sent.msgs)],
        ["Slow", row => short(row.slow_consumers)]], accounts, "No accounts.");
    }

    function showJetStream(answer) {
      if (answer.disabled) return list("jetstream", [["State", "off"]]);
      list("jetstream", [
        ["Streams", short(answer.streams)], ["Consumers", short(answer.consumers)],
        ["Messages", short(answer.messages)], ["Bytes", size(answer.bytes)],
        ["Memory", size(answer.memory) + " of " + size(answer.config.max_memory)],
        ["Storage", size(answer.storage) + " of " + size(answer.config.max_storage)],
        ["API requests, errors", short(answer.api.total) + ", " + short(answer.api.errors)],
        ...(answer.meta_cluster ? [["Meta leader", answer.meta_cluster.leader || "none"]] : [])]);
    }

    function showCluster(now) {
      list("cluster", [["Name", now.cluster.name || "–"], ["Routes", short(now.routes)],
        ["Leaf nodes", short(now.leafnodes)], ["Gateway", now.gateway.name || "–"]]);
    }

    function showState(text, kind) {
      const status = byId("status");
      if (status.textContent !== text) status.textContent = text;
      byId("dot").className = "dot " + kind;
    }

    async function refresh() {
      if (asking) return;
      asking = true;
      try {
        const [now, health, connections, accounts, jetStream] = await Promise.all([
          ask("/varz"), ask("/healthz"), ask("/connz?limit=10&auth=1&sort=" + byId("sort").value),
          ask("/accstatz?unused=1"), ask("/jsz")]);
        showRates(now);
        showServer(now);
        showConnections(connections);
        showAccounts(accounts);
        showJetStream(jetStream);
        showCluster(now);
        const isGood = health.status === "ok";
        showState(isGood ? "Healthy" : health.error || health.status, isGood ? "good" : "bad");
      } catch (problem) {
        previous = null;
        showState("The server does not answer", "bad");
      }
      asking = false;
    }

    function schedule() {
      clearInterval(timer);
      if (!paused) timer = setInterval(() => { if (!document.hidden) refresh(); }, byId("interval").value * 1000);
    }

    function toggle() {
      paused = !paused;
      byId("pause").textContent = paused ? "Go on" : "Pause";
      byId("pause").setAttribute("aria-pressed", paused);
      schedule();
      if (!paused) refresh();
    }

    byId("pause").addEventListener("click", toggle);
    byId("interval").addEventListener("change", schedule);
    byId("sort").addEventListener("change", refresh);
    document.addEventListener("keydown", event => {
      if (event.key === "p" && !event.ctrlKey && !event.metaKey && !event.altKey && event.target.tagName !== "SELECT")
        toggle();
    });
    refresh();
    schedule();
    """#
}
