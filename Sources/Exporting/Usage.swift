import Flags

/// Every flag with its explanation. FEATURES 15.1.
enum Usage {
  static let flags: [FlagDescription] = [
    FlagDescription("varz", kind: .toggle, "Collect /varz: the server as a whole."),
    FlagDescription("connz", kind: .toggle, "Collect /connz: totals over the connections."),
    FlagDescription("connz_detailed", kind: .toggle, "Collect /connz with a row for each connection; includes -connz."),
    FlagDescription("subz", kind: .toggle, "Collect /subsz: subscriptions and their cache."),
    FlagDescription("routez", kind: .toggle, "Collect /routez: routes."),
    FlagDescription("gatewayz", kind: .toggle, "Collect /gatewayz: gateways."),
    FlagDescription("leafz", kind: .toggle, "Collect /leafz: leaf nodes."),
    FlagDescription("accstatz", kind: .toggle, "Collect /accstatz: statistics of accounts."),
    FlagDescription("accountz", kind: .toggle, "Collect /accountz: details and limits of accounts."),
    FlagDescription("healthz", kind: .toggle, "Collect /healthz."),
    FlagDescription("healthz_js_enabled_only", kind: .toggle, "Collect /healthz with js-enabled-only=true."),
    FlagDescription("healthz_js_server_only", kind: .toggle, "Collect /healthz with js-server-only=true."),
    FlagDescription("jsz", kind: .text, "Collect /jsz: account(s), stream(s), consumer(s) or all."),
    FlagDescription(
      "jsz_stream_meta_keys", kind: .text, "Metadata keys of streams that become labels, separated by commas."),
    FlagDescription(
      "jsz_consumer_meta_keys", kind: .text, "Metadata keys of consumers that become labels, separated by commas."),
    FlagDescription("p", "port", kind: .integer, "Port to listen on.", standard: "7777"),
    FlagDescription("a", "addr", kind: .text, "Address to listen on.", standard: "0.0.0.0"),
    FlagDescription("path", kind: .text, "Path of the scrapes.", standard: "/metrics"),
    FlagDescription("tlscert", kind: .text, "Certificate of the scrape port; makes it HTTPS."),
    FlagDescription("tlskey", kind: .text, "Key of that certificate."),
    FlagDescription("tlscacert", kind: .text, "Authorities that scrapers' certificates are verified by."),
    FlagDescription("http_user", kind: .text, "User that scrapers must name (Basic authentication)."),
    FlagDescription("http_pass", kind: .text, "Password of that user, plain or bcrypt."),
    FlagDescription("prefix", kind: .text, "Replaces gnatsd and jetstream at the start of metric names."),
    FlagDescription(
      "use_internal_server_id", kind: .toggle, "Label server_id from the server's id instead of its URL."),
    FlagDescription(
      "use_internal_server_name", kind: .toggle, "Label server_id from the server's name instead of its URL."),
    FlagDescription(
      "ri", kind: .integer, "Seconds between tries to reach a server whose id is not known yet.", standard: "30"),
    FlagDescription("l", "log", kind: .text, "File to log to."),
    FlagDescription("s", "syslog", kind: .toggle, "Log to syslog."),
    FlagDescription("r", "remote_syslog", kind: .text, "Log to a remote syslog: udp://host:514."),
    FlagDescription("D", kind: .toggle, "Log debug lines."),
    FlagDescription("V", kind: .toggle, "Log trace lines."),
    FlagDescription("DV", kind: .toggle, "Log debug and trace lines."),
    FlagDescription(
      "scrape_timeout", kind: .text, "Time in which a scrape answers, whatever servers do.", standard: "5s"),
    FlagDescription(
      "max_series", kind: .integer, "Series that one endpoint of one server may give.", standard: "500000"),
    FlagDescription("max_response_bytes", kind: .integer, "Bytes of one answer of a server.", standard: "268435456"),
    FlagDescription("server_tlscacert", kind: .text, "Authorities that servers' certificates are verified by."),
    FlagDescription("version", kind: .toggle, "Print the version."),
  ]

  static func text(_ program: String) -> String {
    "Usage:  \(program) <flags> url...\n\nEach url is a server's monitoring port, or id,url.\n\n"
      + FlagDescription.usage(flags)
  }
}
