/// The flags of FEATURES 3.017 to 3.022, read; and how they change what the file says (FEATURES 3.016).
struct CommandLineFlags: Sendable, Equatable {
  var showVersion = false
  var showHelp = false
  var showTLSHelp = false
  var checkConfiguration = false
  var configurationFile = ""
  var signal = ""
  /// Arguments after the flags.
  var words: [String] = []

  /// What was given, `nil` what was not: an explicit `false`, zero or empty text overrides the file too.
  private var texts: [Text: String] = [:]
  private var numbers: [Number: Int] = [:]
  private var switches: [Switch: Bool] = [:]

  private enum Text {
    case host, name, clientAdvertise, user, password, token, pidFile, portsFileDirectory, logFile, remoteSyslog
    case routes, clusterListen, clusterAdvertise, clusterName
    case tlsCertificate, tlsKey, tlsCA, storeDirectory
  }

  private enum Number {
    case port, monitoringPort, monitoringTLSPort, logSizeLimit, profilePort, connectRetries, maxTracedMessageLength
  }

  private enum Switch {
    case debug, trace, verboseTrace, debugTrace, debugVerboseTrace, logTime, logTimeUTC, syslog, noAdvertise
    case tls, tlsVerify, jetStream
  }

  private enum Target {
    case help, version, tlsHelp, check, file, signal
    case text(Text)
    case number(Number)
    case flag(Switch)
  }

  private static let targets: [String: Target] = [
    "h": .help, "help": .help, "v": .version, "version": .version, "help_tls": .tlsHelp,
    "t": .check, "c": .file, "config": .file, "sl": .signal, "signal": .signal,
    "p": .number(.port), "port": .number(.port),
    "n": .text(.name), "name": .text(.name), "server_name": .text(.name),
    "a": .text(.host), "addr": .text(.host), "net": .text(.host),
    "client_advertise": .text(.clientAdvertise),
    "D": .flag(.debug), "debug": .flag(.debug), "V": .flag(.trace), "trace": .flag(.trace),
    "VV": .flag(.verboseTrace), "DV": .flag(.debugTrace), "DVV": .flag(.debugVerboseTrace),
    "T": .flag(.logTime), "logtime": .flag(.logTime), "logtime_utc": .flag(.logTimeUTC),
    "user": .text(.user), "pass": .text(.password), "auth": .text(.token),
    "m": .number(.monitoringPort), "http_port": .number(.monitoringPort),
    "ms": .number(.monitoringTLSPort), "https_port": .number(.monitoringTLSPort),
    "P": .text(.pidFile), "pid": .text(.pidFile), "ports_file_dir": .text(.portsFileDirectory),
    "l": .text(.logFile), "log": .text(.logFile), "log_size_limit": .number(.logSizeLimit),
    "s": .flag(.syslog), "syslog": .flag(.syslog),
    "r": .text(.remoteSyslog), "remote_syslog": .text(.remoteSyslog),
    "profile": .number(.profilePort), "routes": .text(.routes),
    "cluster": .text(.clusterListen), "cluster_listen": .text(.clusterListen),
    "cluster_advertise": .text(.clusterAdvertise), "no_advertise": .flag(.noAdvertise),
    "connect_retries": .number(.connectRetries), "cluster_name": .text(.clusterName),
    "tls": .flag(.tls), "tlsverify": .flag(.tlsVerify), "tlscert": .text(.tlsCertificate),
    "tlskey": .text(.tlsKey), "tlscacert": .text(.tlsCA),
    "max_traced_msg_len": .number(.maxTracedMessageLength),
    "js": .flag(.jetStream), "jetstream": .flag(.jetStream),
    "sd": .text(.storeDirectory), "store_dir": .text(.storeDirectory),
  ]

  init() {}

  init(_ arguments: [String]) throws(FlagParser.Failure) {
    let kinds = Self.targets.mapValues { target -> FlagParser.Kind in
      switch target {
      case .help, .version, .tlsHelp, .check, .flag: .boolean
      case .number: .integer
      case .file, .signal, .text: .text
      }
    }
    let parser = try FlagParser(arguments, kinds: kinds)
    words = parser.rest
    for (name, value) in parser.values {
      guard let target = Self.targets[name] else { continue }
      switch (target, value) {
      case (.help, .boolean(let isOn)): showHelp = isOn
      case (.version, .boolean(let isOn)): showVersion = isOn
      case (.tlsHelp, .boolean(let isOn)): showTLSHelp = isOn
      case (.check, .boolean(let isOn)): checkConfiguration = isOn
      case (.file, .text(let path)): configurationFile = path
      case (.signal, .text(let text)): signal = text
      case (.text(let key), .text(let text)): texts[key] = text
      case (.number(let key), .integer(let number)): numbers[key] = number
      case (.flag(let key), .boolean(let isOn)): switches[key] = isOn
      default: break
      }
    }
  }

  /// Sets single values. Done before the file is read, because rules of the file see them, and again after it.
  func applyValues(to options: inout ServerOptions) {
    applyServerValues(to: &options)
    applyLogValues(to: &options.log)
    if let isOn = switches[.jetStream] { options.jetStream.enabled = isOn }
    if let path = texts[.storeDirectory] { options.jetStream.storeDirectory = path }
    applyClusterValues(to: &options)
  }

  private func applyServerValues(to options: inout ServerOptions) {
    if let host = texts[.host] { options.host = host }
    if let port = numbers[.port] { options.port = port }
    if let name = texts[.name] { options.serverName = name }
    if let address = texts[.clientAdvertise] { options.clientAdvertise = address }
    if let user = texts[.user] { options.authorization.user = user }
    if let password = texts[.password] { options.authorization.password = password }
    if let token = texts[.token] { options.authorization.token = token }
    if let port = numbers[.monitoringPort] { options.monitoring.port = port }
    if let port = numbers[.monitoringTLSPort] { options.monitoring.tlsPort = port }
    if let path = texts[.pidFile] { options.pidFile = path }
    if let path = texts[.portsFileDirectory] { options.portsFileDirectory = path }
    if let port = numbers[.profilePort] { options.profilePort = port }
  }

  private func applyLogValues(to log: inout LogOptions) {
    if let isOn = switches[.debug] { log.debug = isOn }
    if let isOn = switches[.trace] { log.trace = isOn }
    if let isOn = switches[.logTime] { log.time = isOn }
    if let isOn = switches[.logTimeUTC] { log.timeInUTC = isOn }
    if let isOn = switches[.syslog] { log.syslog = isOn }
    if let path = texts[.logFile] { log.file = path }
    if let limit = numbers[.logSizeLimit] { log.sizeLimit = Int64(limit) }
    if let address = texts[.remoteSyslog] { log.remoteSyslog = address }
    if let length = numbers[.maxTracedMessageLength] { log.maxTracedMessageLength = length }
  }

  private func applyClusterValues(to options: inout ServerOptions) {
    var cluster = options.cluster ?? ClusterOptions()
    let before = cluster
    if let name = texts[.clusterName] { cluster.name = name }
    if let address = texts[.clusterAdvertise] { cluster.advertise = address }
    if let isOn = switches[.noAdvertise] { cluster.noAdvertise = isOn }
    if let number = numbers[.connectRetries] { cluster.connectRetries = number }
    if cluster != before { options.cluster = cluster }
  }

  struct Failure: Error, Equatable {
    let text: String
  }

  /// What flags change beyond single values, after the file.
  func applyRules(to options: inout ServerOptions, access: FileAccess) throws(Failure) {
    if let isOn = switches[.debugTrace] {
      options.log.trace = isOn
      options.log.debug = isOn
    }
    if let isOn = switches[.debugVerboseTrace] {
      options.log.trace = isOn
      options.log.debug = isOn
      options.log.traceVerbose = isOn
    }
    if let isOn = switches[.verboseTrace] {
      options.log.trace = isOn
      options.log.traceVerbose = isOn
    }
    if let listen = texts[.clusterListen] { try applyCluster(listen, to: &options) }
    if let routes = texts[.routes] { try applyRoutes(routes, to: &options) }
    try applyTLS(to: &options, access: access)
  }

  /// `--cluster` takes the place of the file's listener and user; empty turns clustering off.
  private func applyCluster(_ listen: String, to options: inout ServerOptions) throws(Failure) {
    guard !listen.isEmpty else {
      options.cluster?.port = 0
      return
    }
    // A random port is no URL: it is put aside while the rest is parsed.
    let isRandom = listen.hasSuffix(":-1")
    let url: ServerURL
    switch ServerURL.parse(isRandom ? listen.dropLast(2) + "0" : listen) {
    case .failure(let failure): throw Failure(text: failure.description)
    case .success(let parsed): url = parsed
    }
    let host: String
    let port: String
    switch HostPort.parts(url.authority) {
    case .success(let parts): (host, port) = parts
    case .failure(.missingPort) where url.authority.isEmpty: throw Failure(text: "missing port in address")
    case .failure(let problem): throw Failure(text: "address \(url.authority): \(problem.description)")
    }
    guard let number = Int(port) else { throw Failure(text: "expected integer") }
    var cluster = options.cluster ?? ClusterOptions()
    cluster.host = host
    cluster.port = isRandom ? -1 : number
    cluster.user = url.user ?? ""
    cluster.password = url.password ?? ""
    if url.user != nil, url.password == nil { throw Failure(text: "expected cluster password to be set") }
    options.cluster = cluster
  }

  private func applyRoutes(_ text: String, to options: inout ServerOptions) throws(Failure) {
    guard !text.isEmpty else {
      options.cluster?.routes = []
      return
    }
    let listens = !(texts[.clusterListen] ?? "").isEmpty
    guard listens || !(options.cluster?.host ?? "").isEmpty || options.cluster?.port ?? 0 != 0 else {
      throw Failure(text: "solicited routes require cluster capabilities, e.g. --cluster")
    }
    var cluster = options.cluster ?? ClusterOptions()
    cluster.routes = text.split(separator: ",", omittingEmptySubsequences: false).compactMap {
      ServerURL(String($0).trimmingSpaces())
    }
    options.cluster = cluster
  }

  /// `--tls` and its companions take the place of the file's block; `--tls=false` removes it (FEATURES 3.020).
  private func applyTLS(to options: inout ServerOptions, access: FileAccess) throws(Failure) {
    if switches[.tls] == false {
      options.tls = nil
      return
    }
    let given = [texts[.tlsCertificate], texts[.tlsKey], texts[.tlsCA]].contains { $0 != nil }
    guard switches[.tls] == true || switches[.tlsVerify] != nil || given else { return }
    var tls = TLSOptions()
    if let timeout = options.tls?.timeoutNanoseconds { tls.timeoutNanoseconds = timeout }
    tls.certificateFile = texts[.tlsCertificate] ?? ""
    tls.keyFile = texts[.tlsKey] ?? ""
    tls.caFile = texts[.tlsCA] ?? ""
    tls.verify = switches[.tlsVerify] ?? false
    if tls.certificateFile.isEmpty { throw Failure(text: "TLS Server certificate must be present and valid") }
    if tls.keyFile.isEmpty { throw Failure(text: "TLS Server private key must be present and valid") }
    if let problem = TLSFileCheck.problem(of: &tls, access: access) { throw Failure(text: problem) }
    options.tls = tls
  }
}
