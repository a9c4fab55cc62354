import Configuration
import HTTP

/// The page at `/`: links to the endpoints as nats-server has them (FEATURES 11.001), and a live view of the server.
///
/// One file without outside assets; everything it shows comes from the endpoints, and everything they say is put in as
/// text, since names are chosen by clients. Without scripts the links remain.
struct IndexPage: Sendable {
  static let links: [(title: String, path: String)] = [
    ("General", "/varz"), ("JetStream", "/jsz"), ("Connections", "/connz"), ("Accounts", "/accountz"),
    ("Account Stats", "/accstatz"), ("Subscriptions", "/subsz"), ("Routes", "/routez"), ("LeafNodes", "/leafz"),
    ("Gateways", "/gatewayz"), ("Raft Groups", "/raftz"), ("Health Probe", "/healthz"), ("Expvar", "/debug/vars"),
    ("Metrics", "/metrics"),
  ]
  private static let policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

  let response: HTTPResponse

  /// - Parameter basePath: goes before all paths; empty for none.
  init(basePath: String) {
    var response = HTTPResponse.html(Self.html(basePath: basePath))
    response.headers.set("Content-Security-Policy", Self.policy)
    self.response = response
  }

  private static func html(basePath: String) -> String {
    let links = self.links.map { "<a href=\".\(basePath)\($0.path)\">\($0.title)</a>" }.joined(separator: "\n")
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>natsd</title>
      <link rel="icon" href="data:,">
      <style>\(DashboardStyle.text)</style>
      </head>
      <body>
      \(DashboardBody.text)
      <nav aria-label="Endpoints">
      \(links)
      </nav>
      <footer>natsd \(Version.natsd), compatible with nats-server \(Version.compatibleServer) ·
      <a href="https://docs.nats.io/running-a-nats-service/nats_admin/monitoring">Help</a></footer>
      <script>\(DashboardScript.text)</script>
      </body>
      </html>

      """
  }
}
