import Flags

/// Every flag with its explanation: what is accepted and what is printed come from here.
enum Usage {
  struct Flag {
    let names: [String]
    let kind: FlagReader.Kind
    let text: String
    /// Shown behind the text.
    let standard: String?

    init(_ names: [String], _ kind: FlagReader.Kind, _ text: String, standard: String? = nil) {
      self.names = names
      self.kind = kind
      self.text = text
      self.standard = standard
    }
  }

  static let flags: [Flag] = [
    Flag(["varz"], .toggle, "Collect /varz: the server as a whole."),
    Flag(["connz"], .toggle, "Collect /connz: totals over the connections."),
    Flag(["connz_detailed"], .toggle, "Collect /connz with a row for each connection; includes -connz."),
    Flag(["subz"], .toggle, "Collect /subsz: subscriptions and their cache."),
    Flag(["routez"], .toggle, "Collect /routez: routes."),
    Flag(["gatewayz"], .toggle, "Collect /gatewayz: gateways."),
    Flag(["leafz"], .toggle, "Collect /leafz: leaf nodes."),
    Flag(["accstatz"], .toggle, "Collect /accstatz: statistics of accounts."),
    Flag(["accountz"], .toggle, "Collect /accountz: details and limits of accounts."),
    Flag(["healthz"], .toggle, "Collect /healthz."),
    Flag(["healthz_js_enabled_only"], .toggle, "Collect /healthz with js-enabled-only=true."),
    Flag(["healthz_js_server_only"], .toggle, "Collect /healthz with js-server-only=true."),
    Flag(["jsz"], .text, "Collect /jsz: account(s), stream(s), consumer(s) or all."),
    Flag(["jsz_stream_meta_keys"], .text, "Metadata keys of streams that become labels, separated by commas."),
    Flag(["jsz_consumer_meta_keys"], .text, "Metadata keys of consumers that become labels, separated by commas."),
    Flag(["p", "port"], .integer, "Port to listen on.", standard: "7777"),
    Flag(["a", "addr"], .text, "Address to listen on.", standard: "0.0.0.0"),
    Flag(["path"], .text, "Path of the scrapes.", standard: "/metrics"),
    Flag(["tlscert"], .text, "Certificate of the scrape port; makes it HTTPS."),
    Flag(["tlskey"], .text, "Key of that certificate."),
    Flag(["tlscacert"], .text, "Authorities that scrapers' certificates are verified by."),
    Flag(["http_user"], .text, "User that scrapers must name (Basic authentication)."),
    Flag(["http_pass"], .text, "Password of that user, plain or bcrypt."),
    Flag(["prefix"], .text, "Replaces gnatsd and jetstream at the start of metric names."),
    Flag(["use_internal_server_id"], .toggle, "Label server_id from the server's id instead of its URL."),
    Flag(["use_internal_server_name"], .toggle, "Label server_id from the server's name instead of its URL."),
    Flag(["ri"], .integer, "Seconds between tries to reach a server whose id is not known yet.", standard: "30"),
    Flag(["l", "log"], .text, "File to log to."),
    Flag(["s", "syslog"], .toggle, "Log to syslog."),
    Flag(["r", "remote_syslog"], .text, "Log to a remote syslog: udp://host:514."),
    Flag(["D"], .toggle, "Log debug lines."),
    Flag(["V"], .toggle, "Log trace lines."),
    Flag(["DV"], .toggle, "Log debug and trace lines."),
    Flag(["scrape_timeout"], .text, "Time in which a scrape answers, whatever servers do.", standard: "5s"),
    Flag(["max_series"], .integer, "Series that one endpoint of one server may give.", standard: "500000"),
    Flag(["max_response_bytes"], .integer, "Bytes of one answer of a server.", standard: "268435456"),
    Flag(["server_tlscacert"], .text, "Authorities that servers' certificates are verified by."),
    Flag(["version"], .toggle, "Print the version."),
  ]

  static func text(_ program: String) -> String {
    var text = "Usage:  \(program) <flags> url...\n\nEach url is a server's monitoring port, or id,url.\n\n"
    for flag in flags.sorted(by: { $0.names[0].lowercased() < $1.names[0].lowercased() }) {
      let names = flag.names.map { "-" + $0 }.joined(separator: ", ")
      let value =
        switch flag.kind {
        case .toggle: ""
        case .integer: " int"
        case .text: " string"
        }
      let standard = flag.standard.map { " (default \($0))" } ?? ""
      text += "  \(names)\(value)\n    \t\(flag.text)\(standard)\n"
    }
    return text
  }
}
