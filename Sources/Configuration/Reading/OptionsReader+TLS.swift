/// `tls` blocks, which many blocks have (FEATURES 3.259 to 3.280). The first error ends the block.
extension OptionsReader {
  /// Where a block stands decides what it may say.
  enum TLSPlace {
    case client
    /// Clusters and gateways check the certificates of both sides always.
    case cluster
  }

  func tls(_ block: ConfigurationValue, in place: TLSPlace = .client) throws(ConfigurationProblem) -> TLSOptions {
    var reading = TLSReading(place: place)
    for (key, value) in try block.requireMap().entries {
      try read(key, value, of: block, into: &reading)
    }
    var result = reading.options
    if !result.certificates.isEmpty, !result.certificateFile.isEmpty {
      throw ConfigurationProblem(
        "error parsing tls config, cannot combine 'cert_file' option with 'certs' option", at: block)
    }
    if !result.allowInsecureCipherSuites, !reading.insecureSuites.isEmpty {
      throw ConfigurationProblem(
        "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: "
          + reading.insecureSuites.joined(separator: ", "), at: block)
    }
    if place == .cluster { result.verify = true }
    if let problem = TLSFileCheck.problem(of: &result, access: access) {
      throw ConfigurationProblem(problem, at: block)
    }
    return result
  }

  private struct TLSReading {
    let place: TLSPlace
    var options = TLSOptions()
    var insecureSuites: [String] = []
  }

  private func read(
    _ key: String, _ value: ConfigurationValue, of block: ConfigurationValue, into reading: inout TLSReading
  ) throws(ConfigurationProblem) {
    if try readVerification(key, value, into: &reading) { return }
    if try readWindowsStore(key, value, into: &reading.options) { return }
    switch key.lowercased() {
    case "cert_file": reading.options.certificateFile = try fileName(value, "cert_file")
    case "key_file": reading.options.keyFile = try fileName(value, "key_file")
    case "ca_file": reading.options.caFile = try fileName(value, "ca_file")
    case "certs", "certificates": reading.options.certificates = try certificates(value, of: block)
    case "cipher_suites": try readCipherSuites(value, into: &reading)
    case "allow_insecure_cipher_suites":
      reading.options.allowInsecureCipherSuites = try flag(value, "allow_insecure_cipher_suites")
    case "curve_preferences": reading.options.curvePreferences = try curves(value)
    case "min_version": reading.options.minimumVersion = try minimumVersion(value)
    case "timeout": try readTimeout(value, into: &reading.options)
    case "connection_rate_limit":
      guard let limit = value.integer else {
        throw ConfigurationProblem("error parsing tls config, 'connection_rate_limit' wrong type", at: value)
      }
      reading.options.connectionRateLimit = limit
    case "pinned_certs": reading.options.pinnedCertificates = try pinnedCertificates(value)
    case "handshake_first", "first", "immediate":
      reading.options.handshakeFirst = try handshakeFirst(value, key: key)
    case "ocsp_peer": reading.options.ocspPeer = try ocspPeer(value, of: block)
    default:
      throw ConfigurationProblem("error parsing tls config, unknown field \(GoText.quoted(key))", at: value)
    }
  }

  private func readVerification(
    _ key: String, _ value: ConfigurationValue, into reading: inout TLSReading
  ) throws(ConfigurationProblem) -> Bool {
    switch key.lowercased() {
    case "insecure": reading.options.insecure = try flag(value, "insecure")
    case "verify": reading.options.verify = try flag(value, "verify")
    case "verify_and_map":
      reading.options.verifyAndMap = try flag(value, "verify_and_map")
      if reading.options.verifyAndMap { reading.options.verify = true }
    case "verify_cert_and_check_known_urls":
      let isOn = try flag(value, "verify_cert_and_check_known_urls")
      if isOn, reading.place == .client {
        throw ConfigurationProblem("verify_cert_and_check_known_urls not supported in this context", at: value)
      }
      reading.options.verifyAndCheckKnownURLs = isOn
      if isOn { reading.options.verify = true }
    default: return false
    }
    return true
  }

  /// Options of the Windows certificate store: understood, and refused where nats-server on Linux refuses them.
  private func readWindowsStore(
    _ key: String, _ value: ConfigurationValue, into options: inout TLSOptions
  ) throws(ConfigurationProblem) -> Bool {
    func text(_ name: String) throws(ConfigurationProblem) -> String {
      guard let text = value.string, !text.isEmpty else {
        throw ConfigurationProblem("expected '\(name)' to be a valid non-empty string", at: value)
      }
      return text
    }
    switch key.lowercased() {
    case "cert_store":
      guard ["windowscurrentuser", "windowslocalmachine"].contains(try text("cert_store").lowercased()) else {
        throw ConfigurationProblem("cert store type not implemented", at: value)
      }
      throw ConfigurationProblem("cert_store not compatible with current operating system", at: value)
    case "cert_match_by":
      options.certificateMatchBy = try text("cert_match_by").lowercased()
      guard ["issuer", "subject", "thumbprint"].contains(options.certificateMatchBy) else {
        throw ConfigurationProblem("cert match by type not implemented", at: value)
      }
    case "cert_match": options.certificateMatch = try text("cert_match")
    case "cert_match_skip_invalid":
      guard let isOn = value.boolean else {
        throw ConfigurationProblem("expected 'cert_match_skip_invalid' to be a boolean", at: value)
      }
      options.certificateMatchSkipInvalid = isOn
    case "ca_certs_match":
      switch value.content {
      case .string(let text): options.caCertificatesMatch = [text]
      case .array(let elements):
        for element in elements {
          guard let text = element.string else {
            throw ConfigurationProblem(
              "error parsing ca_cert_match: unsupported type *conf.token where string is expected", at: value)
          }
          options.caCertificatesMatch.append(text)
        }
      default: break
      }
    default: return false
    }
    return true
  }

  private func fileName(_ value: ConfigurationValue, _ name: String) throws(ConfigurationProblem) -> String {
    guard let text = value.string else {
      throw ConfigurationProblem("error parsing tls config, expected '\(name)' to be filename", at: value)
    }
    return text
  }

  private func flag(_ value: ConfigurationValue, _ name: String) throws(ConfigurationProblem) -> Bool {
    guard let isOn = value.boolean else {
      throw ConfigurationProblem("error parsing tls config, expected '\(name)' to be a boolean", at: value)
    }
    return isOn
  }

  private func certificates(
    _ value: ConfigurationValue, of block: ConfigurationValue
  ) throws(ConfigurationProblem) -> [TLSCertificatePair] {
    guard let elements = value.array else {
      throw ConfigurationProblem("error parsing certificates config: unsupported type \(block.typeName)", at: value)
    }
    var result: [TLSCertificatePair] = []
    for element in elements {
      guard let map = element.map else {
        throw ConfigurationProblem(
          "error parsing certificates config: unsupported type \(element.typeName)", at: element)
      }
      var pair = TLSCertificatePair(certificateFile: "", keyFile: "")
      var last = element
      for (key, field) in map.entries {
        last = field
        guard let file = field.string else {
          throw ConfigurationProblem(
            "error parsing certificates config: unsupported type \(field.typeName)", at: field)
        }
        switch key {
        case "cert_file": pair.certificateFile = file
        case "key_file": pair.keyFile = file
        default:
          throw ConfigurationProblem(
            "error parsing tls certs config, unknown field \(GoText.quoted(key))", at: field)
        }
      }
      guard !pair.certificateFile.isEmpty, !pair.keyFile.isEmpty else {
        throw ConfigurationProblem(
          "error parsing certificates config: both 'cert_file' and 'cert_key' options are required", at: last)
      }
      result.append(pair)
    }
    return result
  }

  private func readCipherSuites(
    _ value: ConfigurationValue, into reading: inout TLSReading
  ) throws(ConfigurationProblem) {
    let elements = try value.requireArray()
    guard !elements.isEmpty else {
      throw ConfigurationProblem("error parsing tls config, 'cipher_suites' cannot be empty", at: value)
    }
    for element in elements {
      let name = try element.requireString()
      guard let suite = TLSNames.cipherSuite(name) else {
        throw ConfigurationProblem("unrecognized cipher \(name)", at: element)
      }
      reading.options.cipherSuites.append(name)
      if suite.isInsecure { reading.insecureSuites.append(name) }
    }
  }

  private func curves(_ value: ConfigurationValue) throws(ConfigurationProblem) -> [String] {
    let elements = try value.requireArray()
    guard !elements.isEmpty else {
      throw ConfigurationProblem("error parsing tls config, 'curve_preferences' cannot be empty", at: value)
    }
    var names: [String] = []
    for element in elements {
      let name = try element.requireString()
      guard TLSNames.curves.contains(name) else {
        throw ConfigurationProblem("unrecognized curve preference \(name)", at: element)
      }
      names.append(name)
    }
    return names
  }

  private func minimumVersion(_ value: ConfigurationValue) throws(ConfigurationProblem) -> TLSVersion {
    func refuse(_ text: String) -> ConfigurationProblem {
      ConfigurationProblem("error parsing tls config: \(text)", at: value)
    }
    guard let text = value.string else { throw refuse("'min_version' wrong type: \(value.text)") }
    guard let version = TLSVersion(rawValue: text) else { throw refuse("unknown version: \(text)") }
    guard version == .tls12 || version == .tls13 else { throw refuse("unsupported TLS version: TLS \(text)") }
    return version
  }

  private func readTimeout(
    _ value: ConfigurationValue, into options: inout TLSOptions
  ) throws(ConfigurationProblem) {
    switch seconds(value) {
    case .success(let nanoseconds): if nanoseconds != 0 { options.timeoutNanoseconds = nanoseconds }
    case .failure(.duration(let text)):
      throw ConfigurationProblem("error parsing tls config, 'timeout' \(text)", at: value)
    case .failure(.wrongType):
      throw ConfigurationProblem("error parsing tls config, 'timeout' wrong type", at: value)
    }
  }

  private func pinnedCertificates(_ value: ConfigurationValue) throws(ConfigurationProblem) -> Set<String> {
    let digest = "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo"
    guard let elements = value.array else {
      throw ConfigurationProblem(
        "error parsing tls config, expected 'pinned_certs' to be a list of \(digest)", at: value)
    }
    var result: Set<String> = []
    for element in elements {
      let entry = try element.requireString().lowercased()
      guard entry.utf8.count == 64, entry.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
        throw ConfigurationProblem(
          "error parsing tls config, 'pinned_certs' key \(entry) does not look like \(digest)", at: element)
      }
      result.insert(entry)
    }
    return result
  }

  private func handshakeFirst(
    _ value: ConfigurationValue, key: String
  ) throws(ConfigurationProblem) -> HandshakeFirst {
    switch value.content {
    case .boolean(let isOn): return isOn ? .on : .off
    case .string(let text):
      switch text.lowercased() {
      case "true", "on": return .on
      case "false", "off": return .off
      case "auto", "auto_fallback":
        return .auto(fallbackNanoseconds: Defaults.handshakeFirstFallbackNanoseconds)
      default:
        if case .success(let nanoseconds) = plainDuration(text) {
          return nanoseconds > 0 ? .auto(fallbackNanoseconds: nanoseconds) : .on
        }
        throw ConfigurationProblem(
          "field \(GoText.quoted(key))'s value \(GoText.quoted(text)) is invalid", at: value)
      }
    default:
      throw ConfigurationProblem(
        "field \(GoText.quoted(key)) should be a boolean or a string, got \(value.typeName)", at: value)
    }
  }
}
