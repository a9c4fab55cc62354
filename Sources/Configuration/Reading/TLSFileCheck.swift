import Crypto

/// What can be said about a block's files without parsing certificates: all are named, present and PEM.
struct TLSFileCheck {
  private let access: FileAccess
  private var digests: [UInt8] = []

  /// The first problem; without one, `filesDigest` is set.
  static func problem(of options: inout TLSOptions, access: FileAccess) -> String? {
    var check = TLSFileCheck(access: access)
    if let problem = check.run(options) { return problem }
    options.filesDigest = Hex.encode(SHA256.digest(check.digests))
    return nil
  }

  private init(access: FileAccess) {
    self.access = access
  }

  private mutating func run(_ options: TLSOptions) -> String? {
    if !options.certificateFile.isEmpty, options.keyFile.isEmpty { return "missing 'key_file' in TLS configuration" }
    if options.certificateFile.isEmpty, !options.keyFile.isEmpty { return "missing 'cert_file' in TLS configuration" }
    if !options.certificateFile.isEmpty {
      if let problem = problem(certificate: options.certificateFile, key: options.keyFile) {
        return "error parsing X509 certificate/key pair: \(problem)"
      }
    }
    for (index, pair) in options.certificates.enumerated() {
      if let problem = problem(certificate: pair.certificateFile, key: pair.keyFile) {
        return "error parsing X509 certificate/key pair \(index + 1)/\(options.certificates.count): \(problem)"
      }
    }
    guard !options.caFile.isEmpty else { return nil }
    switch access.read(options.caFile) {
    case .failure(let failure): return failure.description
    case .success(let text):
      add(text)
      return Self.isPEM(text) ? nil : "failed to parse root ca certificate"
    }
  }

  private mutating func problem(certificate: String, key: String) -> String? {
    switch (access.read(certificate), access.read(key)) {
    case (.failure(let failure), _), (_, .failure(let failure)): return failure.description
    case (.success(let certificateText), .success(let keyText)):
      add(certificateText)
      add(keyText)
      if !Self.isPEM(certificateText) { return "tls: failed to find any PEM data in certificate input" }
      return Self.isPEM(keyText) ? nil : "tls: failed to find any PEM data in key input"
    }
  }

  private mutating func add(_ text: [UInt8]) {
    digests += SHA256.digest(text)
  }

  private static func isPEM(_ text: [UInt8]) -> Bool {
    let marker = Array("-----BEGIN ".utf8)
    guard text.count >= marker.count else { return false }
    return (0...(text.count - marker.count)).contains { text[$0...].starts(with: marker) }
  }
}
