import Subjects

/// `exports` and `imports` of accounts (FEATURES 3.228 to 3.241).
extension OptionsReader {
  func readExports(
    _ value: ConfigurationValue, into account: inout AccountOptions
  ) throws(ConfigurationProblem) {
    guard let elements = value.array else {
      throw ConfigurationProblem("Exports should be an array, got \(value.typeName)", at: value)
    }
    for element in elements {
      do throws(ConfigurationProblem) {
        try readExport(element, into: &account)
      } catch {
        fail(error)
      }
    }
  }

  /// What one item says so far; whether it is a stream or a service may come last.
  private struct Export {
    var stream: StreamExportOptions?
    var service: ServiceExportOptions?
    var accounts: [String] = []
    var tokenPosition = 0
    var responseType: ServiceExportOptions.ResponseType?
    var threshold: Int64?
    var latency: ServiceLatencyOptions?
    var allowTrace: Bool?
    /// Where directives that only services have stand.
    var responsePlace: ConfigurationValue?
    var latencyPlace: ConfigurationValue?
    var tracePlace: ConfigurationValue?
  }

  private func readExport(
    _ element: ConfigurationValue, into account: inout AccountOptions
  ) throws(ConfigurationProblem) {
    guard let map = element.map else {
      throw ConfigurationProblem(
        "Export Items should be a map with type entry, got \(element.typeName)", at: element)
    }
    var export = Export()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "stream": try readStreamExport(value, into: &export)
      case "service":
        if export.stream != nil {
          throw ConfigurationProblem(
            "Detected service \(GoText.quotedVerb(value)) but already saw a stream", at: value)
        }
        guard let subject = value.string else {
          throw ConfigurationProblem("Expected service name to be string, got \(value.typeName)", at: value)
        }
        export.service = ServiceExportOptions(subject: subject)
      case "response", "response_type": try readResponseType(value, into: &export)
      case "threshold", "response_threshold", "response_max_time", "response_time":
        try readThreshold(value, into: &export)
      case "accounts":
        for element in try value.requireArray() { export.accounts.append(try element.requireString()) }
      case "latency":
        export.latencyPlace = value
        export.latency = try latency(value)
        if export.stream != nil {
          throw ConfigurationProblem("Detected latency directive on non-service", at: value)
        }
      case "account_token_position": export.tokenPosition = try value.requireInt()
      case "allow_trace":
        export.tracePlace = value
        export.allowTrace = try value.requireBoolean()
        if export.stream != nil {
          throw ConfigurationProblem("Detected allow_trace directive on non-service", at: value)
        }
      default: unknownField(key, value)
      }
    }
    let accounts = export.accounts.isEmpty ? nil : export.accounts
    if var stream = export.stream {
      stream.accounts = accounts
      stream.accountTokenPosition = export.tokenPosition
      account.streamExports.append(stream)
    }
    if var service = export.service {
      service.accounts = accounts
      service.accountTokenPosition = export.tokenPosition
      service.responseType = export.responseType ?? .singleton
      if let threshold = export.threshold, threshold != 0 { service.responseThresholdNanoseconds = threshold }
      service.latency = export.latency
      service.allowTrace = export.allowTrace ?? false
      account.serviceExports.append(service)
    }
  }

  private func readStreamExport(
    _ value: ConfigurationValue, into export: inout Export
  ) throws(ConfigurationProblem) {
    if export.service != nil {
      throw ConfigurationProblem(
        "Detected stream \(GoText.quotedVerb(value)) but already saw a service", at: value)
    }
    for (place, directive) in [
      (export.responsePlace, "response"), (export.latencyPlace, "latency"), (export.tracePlace, "allow_trace"),
    ] {
      if let place {
        throw ConfigurationProblem("Detected \(directive) directive on non-service", at: place)
      }
    }
    guard let subject = value.string else {
      throw ConfigurationProblem("Expected stream name to be string, got \(value.typeName)", at: value)
    }
    export.stream = StreamExportOptions(subject: subject)
  }

  private func readResponseType(
    _ value: ConfigurationValue, into export: inout Export
  ) throws(ConfigurationProblem) {
    guard export.responsePlace == nil else {
      throw ConfigurationProblem("Duplicate response type definition", at: value)
    }
    export.responsePlace = value
    guard let text = value.string else {
      throw ConfigurationProblem("Expected response type to be string, got \(value.typeName)", at: value)
    }
    switch text.lowercased() {
    case "single", "singleton": export.responseType = .singleton
    case "stream": export.responseType = .stream
    case "chunk", "chunked": export.responseType = .chunked
    default: throw ConfigurationProblem("Unknown response type: \(GoText.quoted(text))", at: value)
    }
    if export.stream != nil {
      throw ConfigurationProblem("Detected response directive on non-service", at: value)
    }
  }

  private func readThreshold(
    _ value: ConfigurationValue, into export: inout Export
  ) throws(ConfigurationProblem) {
    guard export.threshold == nil else {
      throw ConfigurationProblem("Duplicate response threshold detected", at: value)
    }
    export.threshold = 0
    let expected = "Expected response threshold to be a parseable time duration, got"
    guard let text = value.string else {
      throw ConfigurationProblem("\(expected) \(value.typeName)", at: value)
    }
    guard case .success(let nanoseconds) = plainDuration(text) else {
      throw ConfigurationProblem("\(expected) \(GoText.quoted(text))", at: value)
    }
    export.threshold = nanoseconds
    if export.stream != nil {
      throw ConfigurationProblem("Detected response directive on non-service", at: value)
    }
  }

  private func latency(_ value: ConfigurationValue) throws(ConfigurationProblem) -> ServiceLatencyOptions {
    if let subject = value.string { return ServiceLatencyOptions(subject: subject) }
    guard let map = value.map else {
      throw ConfigurationProblem(
        "Expected latency entry to be a map/struct or string, got \(value.typeName)", at: value)
    }
    var result = ServiceLatencyOptions(subject: "")
    if let field = map["sampling"] { result.sampling = try latencySampling(field) }
    guard let field = map["subject"] else {
      throw ConfigurationProblem("Latency subject required, but missing", at: value)
    }
    guard let subject = field.string else {
      throw ConfigurationProblem("Expected latency subject to be a string, got string", at: field)
    }
    result.subject = subject
    return result
  }

  private func latencySampling(_ value: ConfigurationValue) throws(ConfigurationProblem) -> Int {
    let number: Int64
    switch value.content {
    case .integer(let integer): number = integer
    case .string(let text):
      if text.trimmingSpaces().lowercased() == "headers" { return 0 }
      let digits = text.hasSuffix("%") ? String(text.dropLast()) : text
      switch GoInteger.parse(digits) {
      case .success(let parsed): number = parsed
      case .failure(let problem):
        throw ConfigurationProblem(
          "Failed to parse latency sample: strconv.Atoi: parsing \(GoText.quoted(digits)): \(problem.text)",
          at: value)
      }
    default:
      throw ConfigurationProblem(
        "Expected latency sample to be a string or map/struct, got \(value.typeName)", at: value)
    }
    guard (1...100).contains(number) else {
      throw ConfigurationProblem("bad sampling percentage, should be 1-100", at: value)
    }
    return Int(number)
  }

  // MARK: Imports

  func readImports(
    _ value: ConfigurationValue, into account: inout AccountOptions
  ) throws(ConfigurationProblem) {
    guard let elements = value.array else {
      throw ConfigurationProblem("Imports should be an array, got \(value.typeName)", at: value)
    }
    for element in elements {
      do throws(ConfigurationProblem) {
        try readImport(element, into: &account)
      } catch {
        fail(error)
      }
    }
  }

  /// What one item says so far; whether it is a stream or a service may come last.
  private struct Import {
    var stream: StreamImportOptions?
    var service: ServiceImportOptions?
    var prefix = ""
    var to = ""
    var share = false
    var allowTrace = false
    var tracePlace: ConfigurationValue?
  }

  private func readImport(
    _ element: ConfigurationValue, into account: inout AccountOptions
  ) throws(ConfigurationProblem) {
    guard let map = element.map else {
      throw ConfigurationProblem(
        "Import Items should be a map with type entry, got \(element.typeName)", at: element)
    }
    var item = Import()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "stream":
        if item.service != nil {
          throw ConfigurationProblem("Detected stream but already saw a service", at: value)
        }
        let (exporter, subject) = try importSource(value, kind: "Stream")
        item.stream = StreamImportOptions(account: exporter, subject: subject)
      case "service":
        if item.stream != nil {
          throw ConfigurationProblem("Detected service but already saw a stream", at: value)
        }
        if let place = item.tracePlace {
          throw ConfigurationProblem("Detected allow_trace directive on a non-stream", at: place)
        }
        let (exporter, subject) = try importSource(value, kind: "Service")
        item.service = ServiceImportOptions(account: exporter, subject: subject)
      case "prefix": item.prefix = try value.requireString()
      case "to":
        item.to = try value.requireString()
        if item.stream != nil, !item.prefix.isEmpty {
          throw ConfigurationProblem(
            "Stream import can not have a 'prefix' and a 'to' property", at: value)
        }
      case "share": item.share = try value.requireBoolean()
      case "allow_trace":
        if item.service != nil {
          throw ConfigurationProblem("Detected allow_trace directive on a non-stream", at: value)
        }
        item.allowTrace = try value.requireBoolean()
        item.tracePlace = value
      default: unknownField(key, value)
      }
    }
    try add(item, from: element, to: &account)
  }

  private func add(
    _ item: Import, from element: ConfigurationValue, to account: inout AccountOptions
  ) throws(ConfigurationProblem) {
    if var stream = item.stream {
      stream.to = item.to
      stream.prefix = item.prefix
      stream.allowTrace = item.allowTrace
      account.streamImports.append(stream)
    }
    if var service = item.service {
      service.to = item.to.isEmpty ? service.subject : item.to
      service.share = item.share
      if let other = account.serviceImports.first(where: { $0.to == service.to && $0.account == service.account }) {
        throw ConfigurationProblem(
          "Duplicate service import subject \(GoText.quoted(service.to)), previously used in import for account "
            + "\(GoText.quoted(other.account)), subject \(GoText.quoted(other.subject))", at: element)
      }
      account.serviceImports.append(service)
    }
  }

  private func importSource(
    _ value: ConfigurationValue, kind: String
  ) throws(ConfigurationProblem) -> (account: String, subject: String) {
    guard let map = value.map else {
      throw ConfigurationProblem(
        "\(kind) entry should be an account map, got \(value.typeName)", at: value)
    }
    var account = ""
    var subject = ""
    readFields(of: map) { [self] (name, key, field) throws(ConfigurationProblem) in
      switch name {
      case "account": account = try field.requireString()
      case "subject": subject = try field.requireString()
      default: unknownField(key, field)
      }
    }
    guard !account.isEmpty, !subject.isEmpty else {
      throw ConfigurationProblem("Expect an account name and a subject", at: value)
    }
    return (account, subject)
  }
}
