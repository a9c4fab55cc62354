/// `ocsp`, `ocsp_cache` and `tls.ocsp_peer` (FEATURES 3.078, 3.079, 3.280).
extension OptionsReader {
  func readOCSP(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    var result = OCSPOptions()
    switch block.content {
    case .boolean(let isOn): result.mode = isOn ? .auto : .never
    case .map(let map):
      for (key, value) in map.entries {
        switch key {
        case "mode":
          let text = try value.requireString(blaming: block)
          if let mode = OCSPOptions.Mode(rawValue: text.lowercased()) {
            result.mode = mode
          } else {
            fail("error parsing ocsp config: unsupported ocsp mode string", at: value)
          }
        case "url": result.overrideURLs = [try value.requireString(blaming: block)]
        case "urls":
          for element in try value.requireArray(blaming: block) {
            result.overrideURLs.append(try element.requireString(blaming: block))
          }
        default: throw ConfigurationProblem("error parsing ocsp config: unsupported field string", at: value)
        }
      }
    default:
      throw ConfigurationProblem("error parsing ocsp config: unsupported type \(block.typeName)", at: block)
    }
    options.ocsp = result
  }

  func readOCSPCache(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    var result = OCSPCacheOptions()
    switch block.content {
    case .boolean(let isOn): result.kind = isOn ? .local : .none
    case .map(let map):
      for (key, value) in map.entries { try readOCSPCache(key, value, into: &result) }
    default: throw ConfigurationProblem("error parsing tags: unsupported type \(block.typeName)", at: block)
    }
    options.ocspCache = result
  }

  private func readOCSPCache(
    _ key: String, _ value: ConfigurationValue, into result: inout OCSPCacheOptions
  ) throws(ConfigurationProblem) {
    let start = "error parsing OCSP peer cache config,"
    let unknown = ConfigurationProblem("\(start) unknown field [\(GoText.quoted(key))]", at: value)
    switch key.lowercased() {
    case "type":
      guard let text = value.string else { throw unknown }
      guard let kind = OCSPCacheOptions.Kind(rawValue: text.lowercased()) else {
        throw ConfigurationProblem("\(start) unknown type [\(text)]", at: value)
      }
      result.kind = kind
    case "local_store":
      guard let text = value.string else { throw unknown }
      result.localStore = text
    case "preserve_revoked":
      guard let flag = value.boolean else { throw unknown }
      result.preserveRevoked = flag
    case "save_interval":
      switch seconds(value) {
      case .success(let nanoseconds):
        // Whole seconds, at least one.
        result.saveIntervalNanoseconds = max(nanoseconds / Defaults.second, 1) * Defaults.second
      case .failure(.duration(let text)):
        throw ConfigurationProblem("error parsing tls peer config, conversion error: \(text)", at: value)
      case .failure(.wrongType):
        throw ConfigurationProblem("\(start) conversion error: unexpected type", at: value)
      }
    default: throw unknown
    }
  }

  func ocspPeer(
    _ value: ConfigurationValue, of block: ConfigurationValue
  ) throws(ConfigurationProblem) -> OCSPPeerOptions {
    var result = OCSPPeerOptions()
    switch value.content {
    case .boolean(let isOn): result.verify = isOn
    case .map(let map):
      for (key, field) in map.entries {
        do throws(ConfigurationProblem) {
          try readOCSPPeer(key, field, into: &result)
        } catch {
          // The error of the field, place and all, is the text of the block's.
          throw ConfigurationProblem(error.description, at: value)
        }
      }
    default:
      throw ConfigurationProblem("error parsing ocsp peer config: unsupported type \(block.typeName)", at: value)
    }
    return result
  }

  private func readOCSPPeer(
    _ key: String, _ value: ConfigurationValue, into result: inout OCSPPeerOptions
  ) throws(ConfigurationProblem) {
    func flag() throws(ConfigurationProblem) -> Bool {
      guard let flag = value.boolean else { throw unknown }
      return flag
    }
    func interval(_ current: Int64) throws(ConfigurationProblem) -> Int64 {
      switch seconds(value) {
      case .success(let nanoseconds): return nanoseconds >= 0 ? nanoseconds : current
      case .failure(.duration(let text)):
        let shown = key.lowercased() == "allowed_clockskew" ? "unexpected type" : text
        throw ConfigurationProblem("error parsing tls peer config, conversion error: \(shown)", at: value)
      case .failure(.wrongType):
        throw ConfigurationProblem("error parsing tls peer config, conversion error: unexpected type", at: value)
      }
    }
    let unknown = ConfigurationProblem(
      "error parsing tls peer config, unknown field [\(GoText.quoted(key))]", at: value)
    switch key.lowercased() {
    case "verify": result.verify = try flag()
    case "warn_only": result.warnOnly = try flag()
    case "unknown_is_good": result.unknownIsGood = try flag()
    case "allow_when_ca_unreachable": result.allowWhenCAUnreachable = try flag()
    case "ca_timeout": result.caTimeoutNanoseconds = try interval(result.caTimeoutNanoseconds)
    case "allowed_clockskew":
      result.allowedClockSkewNanoseconds = try interval(result.allowedClockSkewNanoseconds)
    case "cache_ttl_when_next_update_unset":
      result.cacheTTLWhenNextUpdateUnsetNanoseconds = try interval(result.cacheTTLWhenNextUpdateUnsetNanoseconds)
    default: throw unknown
    }
  }
}
