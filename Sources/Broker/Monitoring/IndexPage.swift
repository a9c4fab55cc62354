import Configuration

/// The page at `/`: links to the endpoints (FEATURES 11.001).
struct IndexPage: Sendable {
  static let links: [(title: String, path: String)] = [
    ("General", "/varz"), ("JetStream", "/jsz"), ("Connections", "/connz"), ("Accounts", "/accountz"),
    ("Account Stats", "/accstatz"), ("Subscriptions", "/subsz"), ("Routes", "/routez"), ("LeafNodes", "/leafz"),
    ("Gateways", "/gatewayz"), ("Raft Groups", "/raftz"), ("Health Probe", "/healthz"), ("Expvar", "/debug/vars"),
  ]

  let html: String

  /// - Parameter basePath: goes before all paths; empty for none.
  init(basePath: String) {
    let links = Self.links.map { "<a href=.\(basePath)\($0.path)>\($0.title)</a>" }.joined(separator: "\n")
    html = "<html lang=\"en\"><body>\(links)</body></html>"
  }
}
