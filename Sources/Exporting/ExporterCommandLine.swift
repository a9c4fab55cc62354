import Bytes
import Flags
import HTTP
import Metrics

/// What the exporter's arguments come to. FEATURES 15.001 to 15.013.
public enum ExporterCommandLine {
  /// - Parameter arguments: without the program's name.
  public static func decide(_ arguments: [String], program: String = "exporter") -> LaunchDecision<ExporterOptions> {
    var reader = FlagReader(arguments, kinds: kinds.merging(help) { first, _ in first })
    var selection = Selection()
    do throws(FlagReader.Failure) {
      while let (name, value) = try reader.next() {
        if help[name] != nil { return .leave(output: Usage.text(program), status: 0) }
        try selection.apply(name, value)
      }
      if selection.printsVersion {
        return .leave(output: "prometheus-nats-exporter version \(Exporter.version)\n", status: 0)
      }
    } catch {
      return .fail(error.text + "\n" + Usage.text(program), status: 2)
    }
    let urls = reader.positional
    guard !urls.isEmpty else { return .leave(output: Usage.text(program), status: 0) }
    do throws(FlagReader.Failure) {
      return .run(try selection.options(urls), notices: selection.notices)
    } catch {
      return .fail(error.text, status: 1)
    }
  }

  private static let help: [String: FlagReader.Kind] = ["h": .toggle, "help": .toggle]

  static let kinds: [String: FlagReader.Kind] = {
    var kinds: [String: FlagReader.Kind] = [:]
    for flag in Usage.flags {
      for name in flag.names { kinds[name] = flag.kind }
    }
    return kinds
  }()
}

/// The flags as they were given, before they are put together.
private struct Selection {
  var given = ExporterOptions()
  var selected: Set<MonitoringEndpoint> = []
  var jetStreamFlag = ""
  var streamKeys = ""
  var consumerKeys = ""
  var usesServerID = false
  var usesServerName = false
  var logFile = ""
  var usesSyslog = false
  var remoteSyslog = ""
  var printsVersion = false
  var notices: [String] = []

  mutating func apply(_ name: String, _ value: FlagReader.Value) throws(FlagReader.Failure) {
    switch value {
    case .toggle(let isOn): applyToggle(name, isOn)
    case .integer(let number): try applyInteger(name, number)
    case .text(let text): try applyText(name, text)
    }
  }

  private mutating func applyToggle(_ name: String, _ isOn: Bool) {
    switch name {
    case "version": printsVersion = isOn
    case "s", "syslog": usesSyslog = isOn
    case "D": given.debug = isOn
    case "V": given.trace = isOn
    case "DV":
      given.debug = given.debug || isOn
      given.trace = given.trace || isOn
    case "use_internal_server_id": usesServerID = isOn
    case "use_internal_server_name": usesServerName = isOn
    default:
      guard let endpoint = MonitoringEndpoint(rawValue: name == "subz" ? "subsz" : name) else { return }
      if isOn { selected.insert(endpoint) } else { selected.remove(endpoint) }
    }
  }

  private mutating func applyInteger(_ name: String, _ number: Int64) throws(FlagReader.Failure) {
    func inRange(_ range: ClosedRange<Int64>) throws(FlagReader.Failure) -> Int64 {
      guard range.contains(number) else {
        throw FlagReader.Failure(
          text: "invalid value \"\(number)\" for flag -\(name): not in \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
    switch name {
    case "p", "port": given.port = UInt16(try inRange(0...65535))
    case "ri": given.retrySeconds = try inRange(1...86_400)
    case "max_series": given.maximumSeries = Int(try inRange(1...100_000_000))
    case "max_response_bytes": given.maximumAnswerBytes = Int(try inRange(1024...(1 << 40)))
    default: break
    }
  }

  private mutating func applyText(_ name: String, _ text: String) throws(FlagReader.Failure) {
    switch name {
    case "a", "addr": given.address = text
    case "path": given.path = text.hasPrefix("/") ? text : "/" + text
    case "l", "log": logFile = text
    case "r", "remote_syslog": remoteSyslog = text
    case "jsz": jetStreamFlag = text
    case "jsz_stream_meta_keys": streamKeys = text
    case "jsz_consumer_meta_keys": consumerKeys = text
    case "tlscert": given.certificateFile = text
    case "tlskey": given.keyFile = text
    case "tlscacert": given.authorityFile = text
    case "http_user": given.user = text
    case "http_pass": given.password = text
    case "prefix": given.prefix = text.isEmpty ? nil : text
    case "server_tlscacert": given.serverAuthorityFile = text
    case "scrape_timeout":
      guard let nanoseconds = try? GoDuration.parse(text), nanoseconds > 0 else {
        throw FlagReader.Failure(text: "invalid value \"\(text)\" for flag -scrape_timeout: parse error")
      }
      given.scrapeTimeoutNanoseconds = min(nanoseconds, FlagReader.longestNanoseconds)
    default: break
    }
  }

  // MARK: - Putting together

  mutating func options(_ urls: [String]) throws(FlagReader.Failure) -> ExporterOptions {
    var options = given
    try checkNames(options)
    try selectEndpoints(&options)
    options.streamMetadata = try metadata(streamKeys, "stream", MetricMapping.MetadataLabel.init(streamKey:))
    options.consumerMetadata = try metadata(consumerKeys, "consumer", MetricMapping.MetadataLabel.init(consumerKey:))
    options.identity = usesServerID ? .serverID : usesServerName ? .serverName : .url
    // Remote syslog goes before syslog, syslog before a file.
    if !remoteSyslog.isEmpty {
      options.log = .remoteSyslog(remoteSyslog)
    } else if usesSyslog {
      options.log = .syslog
    } else if !logFile.isEmpty {
      options.log = .file(logFile)
    }
    options.targets = try targets(urls)
    if options.certificateFile.isEmpty != options.keyFile.isEmpty {
      throw FlagReader.Failure(text: "-tlscert and -tlskey go together")
    }
    return options
  }

  private func checkNames(_ options: ExporterOptions) throws(FlagReader.Failure) {
    guard let prefix = options.prefix else { return }
    guard LabelSet.name(from: prefix) == prefix else {
      throw FlagReader.Failure(text: "invalid prefix \"\(prefix)\": metric names have letters, digits and _")
    }
  }

  private mutating func selectEndpoints(_ options: inout ExporterOptions) throws(FlagReader.Failure) {
    var endpoints = selected
    if !jetStreamFlag.isEmpty {
      guard let detail = JetStreamDetail(flag: jetStreamFlag) else {
        throw FlagReader.Failure(text: "error starting the exporter: invalid jsz filter \"\(jetStreamFlag)\"")
      }
      options.jetStream = detail
      // The original counts neither -jsz nor -connz_detailed as a choice, but -jsz alone lets it start.
      if endpoints.subtracting([.connzDetailed]).isEmpty {
        notices.append("No metrics specified.  Defaulting to varz.")
        endpoints.insert(.varz)
      }
      endpoints.insert(.jsz)
    }
    guard !endpoints.isEmpty else {
      throw FlagReader.Failure(text: "error starting the exporter: no Collectors specified")
    }
    // One request serves both.
    if endpoints.contains(.connzDetailed) { endpoints.remove(.connz) }
    options.endpoints = MonitoringEndpoint.allCases.filter { endpoints.contains($0) }
  }

  private func metadata(
    _ keys: String, _ kind: String, _ make: (String) -> MetricMapping.MetadataLabel
  ) throws(FlagReader.Failure) -> [MetricMapping.MetadataLabel] {
    guard !keys.isEmpty else { return [] }
    var labels: [MetricMapping.MetadataLabel] = []
    for key in keys.split(separator: ",", omittingEmptySubsequences: false) {
      let label = make(String(key))
      guard key.utf8.contains(where: { $0 != UInt8(ascii: "_") && LabelSet.isNameByte($0) }) else {
        throw FlagReader.Failure(text: "error starting the exporter: invalid jsz \(kind) meta key: '\(key)'")
      }
      guard !labels.contains(where: { $0.label == label.label }) else {
        throw FlagReader.Failure(text: "two jsz \(kind) meta keys give the label \(label.label)")
      }
      labels.append(label)
    }
    return labels
  }

  private func targets(_ urls: [String]) throws(FlagReader.Failure) -> [ExporterOptions.Target] {
    var targets: [ExporterOptions.Target] = []
    for argument in urls {
      let comma = argument.lastIndex(of: ",")
      let text = comma.map { String(argument[argument.index(after: $0)...]) } ?? argument
      guard var url = HTTPURL(text) else { throw FlagReader.Failure(text: "Unable to parse URL \"\(argument)\"") }
      let path = url.target.prefix { $0 != "?" }
      url.target = String(path.reversed().drop { $0 == "/" }.reversed())
      let id = comma.map { String(argument[..<$0]) } ?? Self.schemeAndHost(text)
      guard !targets.contains(where: { $0.id == id }) else {
        throw FlagReader.Failure(text: "two servers have the id \"\(id)\"; give each its own: id,url")
      }
      targets.append(ExporterOptions.Target(id: id, isNamed: comma != nil, url: url))
    }
    return targets
  }

  /// The URL up to its path, without credentials.
  private static func schemeAndHost(_ url: String) -> String {
    guard let colon = url.firstIndex(of: ":") else { return url }
    let rest = url[colon...].dropFirst(3)
    let authority = rest.prefix { !"/?#".contains($0) }
    let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    return url[..<colon].lowercased() + "://" + host
  }
}
