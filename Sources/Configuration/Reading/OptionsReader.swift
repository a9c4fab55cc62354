import Bytes

/// Turns the tree of a configuration file into options, collecting every error and every warning.
///
/// nats-server walks its maps in random order; this walks the file from top to bottom, so that what depends on order
/// (which of two conflicting blocks is blamed) is the same at every start. Lives for one reading, on one thread.
final class OptionsReader {
  var options: ServerOptions
  private(set) var errors: [ConfigurationProblem] = []
  private(set) var warnings: [ConfigurationProblem] = []
  let access: FileAccess

  init(access: FileAccess) {
    self.access = access
    options = .unresolved
  }

  // MARK: Reporting

  func fail(_ text: String, at value: ConfigurationValue?) {
    errors.append(ConfigurationProblem(text, at: value))
  }

  func fail(_ problem: ConfigurationProblem) {
    errors.append(problem)
  }

  func warn(_ text: String, at value: ConfigurationValue?) {
    warnings.append(ConfigurationProblem(text, at: value))
  }

  func warn(field: String, _ reason: String, at value: ConfigurationValue?) {
    warn("invalid use of field \(GoText.quoted(field)): \(reason)", at: value)
  }

  /// An option that does not exist (FEATURES 3.012), unless the key serves as a variable (FEATURES 3.009).
  func unknownField(_ key: String, _ value: ConfigurationValue) {
    if !value.isUsedAsVariable { fail("unknown field \(GoText.quoted(key))", at: value) }
  }

  /// Runs one step; what it throws is collected.
  func collecting(_ step: () throws(ConfigurationProblem) -> Void) {
    do {
      try step()
    } catch {
      fail(error)
    }
  }

  // MARK: Walking

  /// Reads each field of a map. A field that throws is reported and the next one is read.
  func readFields(
    of map: ConfigurationMap,
    _ read: (_ name: String, _ key: String, _ value: ConfigurationValue) throws(ConfigurationProblem) -> Void
  ) {
    for (key, value) in map.entries {
      collecting { () throws(ConfigurationProblem) in try read(key.lowercased(), key, value) }
    }
  }

  // MARK: Values of many blocks

  /// A duration; a bare number means seconds and earns a warning (FEATURES 3.006).
  func duration(
    _ value: ConfigurationValue, field: String, blaming block: ConfigurationValue? = nil
  ) throws(ConfigurationProblem) -> Int64 {
    if let text = value.string {
      do throws(GoDuration.ParseError) {
        return try GoDuration.parse(text)
      } catch {
        fail("error parsing \(field): \(error.description)", at: value)
        return 0
      }
    }
    warn(field: field, "\(field) should be converted to a duration", at: value)
    return try value.requireInteger(blaming: block) &* Defaults.second
  }

  /// A duration that must be text; the error carries Go's words only.
  func plainDuration(_ text: String) -> Result<Int64, GoDuration.ParseError> {
    do throws(GoDuration.ParseError) {
      return .success(try GoDuration.parse(text))
    } catch {
      return .failure(error)
    }
  }

  /// `host:port`, or a port alone, which leaves the host empty.
  func listen(_ value: ConfigurationValue) throws(ConfigurationProblem) -> (host: String, port: Int) {
    switch value.content {
    case .integer(let port): return ("", Int(port))
    case .string(let text):
      guard let (host, port) = HostPort.split(text) else {
        throw ConfigurationProblem("could not parse address string \(GoText.quoted(text))", at: value)
      }
      guard let number = Int(port) else {
        throw ConfigurationProblem("could not parse port \(GoText.quoted(port))", at: value)
      }
      return (host, number)
    default: throw ConfigurationProblem("expected port or host:port, got \(value.typeName)", at: value)
    }
  }

  func writeTimeout(_ value: ConfigurationValue) throws(ConfigurationProblem) -> WriteTimeoutPolicy {
    let text = try value.requireString()
    guard let policy = WriteTimeoutPolicy(rawValue: text) else {
      fail("write_timeout must be 'default', 'close' or 'retry'", at: value)
      return .default
    }
    return policy
  }

  /// One string, or a list of them; other elements are reported and left out.
  func strings(_ value: ConfigurationValue, field: String) -> [String]? {
    switch value.content {
    case .string(let text): return [text]
    case .array(let elements):
      return elements.compactMap { element in
        if element.string == nil {
          fail("error parsing \(field): unsupported type in array \(element.typeName)", at: element)
        }
        return element.string
      }
    default:
      fail("error parsing \(field): unsupported type \(value.typeName)", at: value)
      return nil
    }
  }

  /// Seconds as a number, or a duration as text.
  func seconds(_ value: ConfigurationValue) -> Result<Int64, SecondsProblem> {
    switch value.content {
    case .integer(let number): return .success(number &* Defaults.second)
    case .float(let number): return .success(Int64(clamping: number * Double(Defaults.second)))
    case .string(let text): return plainDuration(text).mapError { .duration($0.description) }
    default: return .failure(.wrongType)
    }
  }

  enum SecondsProblem: Error {
    case duration(String)
    case wrongType
  }

  /// URLs of one kind of peer. An entry given twice earns a warning and counts once.
  func urls(_ values: [ConfigurationValue], kind: String) throws(ConfigurationProblem) -> [ServerURL] {
    var seen: Set<String> = []
    var result: [ServerURL] = []
    for value in values {
      let text = try value.requireString()
      guard seen.insert(text).inserted else {
        warn(field: text, "Duplicate \(kind) entry detected", at: value)
        continue
      }
      collecting { () throws(ConfigurationProblem) in result.append(try url(text, kind: kind, at: value)) }
    }
    return result
  }

  func url(_ text: String, kind: String, at value: ConfigurationValue) throws(ConfigurationProblem) -> ServerURL {
    let trimmed = text.trimmingSpaces()
    guard let url = ServerURL(trimmed) else {
      throw ConfigurationProblem("error parsing \(kind) url [\(GoText.quoted(trimmed))]", at: value)
    }
    return url
  }

  /// `compression` (FEATURES 3.316, 3.317). The mode's name is checked later, with all cross checks.
  func compression(
    _ value: ConfigurationValue, key: String, whenOn: CompressionOptions.Mode
  ) throws(ConfigurationProblem) -> CompressionOptions {
    var result = CompressionOptions()
    switch value.content {
    case .string(let text): result.modeText = text
    case .boolean(let isOn): result.modeText = isOn ? whenOn.rawValue : CompressionOptions.Mode.off.rawValue
    case .map(let map):
      for (key, field) in map.entries {
        switch key.lowercased() {
        case "mode": result.modeText = try field.requireString()
        case "rtt_thresholds", "thresholds", "rtts", "rtt":
          for element in try field.requireArray() {
            switch plainDuration(try element.requireString()) {
            case .success(let nanoseconds): result.roundTripThresholdsNanoseconds.append(nanoseconds)
            case .failure(let failure): throw ConfigurationProblem(failure.description, at: field)
            }
          }
        default:
          if !field.isUsedAsVariable {
            throw ConfigurationProblem("unknown field \(GoText.quoted(key))", at: field)
          }
        }
      }
    default:
      throw ConfigurationProblem(
        "field \(GoText.quoted(key)) should be a boolean or a structure, got \(value.typeName)", at: value)
    }
    return result
  }
}

extension Int64 {
  /// The nearest whole number; the end of the range for what lies beyond it.
  init(clamping value: Double) {
    self = value.isNaN ? 0 : value >= 9.2e18 ? .max : value <= -9.2e18 ? .min : Int64(value)
  }
}

extension String {
  /// Without white space at both ends.
  func trimmingSpaces() -> String {
    var scalars = Substring(self).unicodeScalars
    while let first = scalars.first, ConfigurationCharacter.isSpace(first) { scalars.removeFirst() }
    while let last = scalars.last, ConfigurationCharacter.isSpace(last) { scalars.removeLast() }
    return String(scalars)
  }
}
