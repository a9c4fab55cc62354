import Bytes

/// One of the names by which a certificate can be some user (`verify_and_map`, FEATURES 4.009).
public struct CertificateCandidate: Sendable, Equatable {
  public enum Source: Sendable, Equatable {
    case email
    case dnsName
    case uri
    /// The whole subject, compared part by part.
    case distinguishedName
    /// The text of the subject with its domain components.
    case subjectWithDomain
    /// The text of the subject.
    case subject
  }

  public let source: Source
  /// The user's name; for `distinguishedName` the subject's text, for the log.
  public let name: String
  /// Only for `distinguishedName`.
  public let distinguishedName: DistinguishedName?

  init(_ source: Source, _ name: String, _ distinguishedName: DistinguishedName? = nil) {
    self.source = source
    self.name = name
    self.distinguishedName = distinguishedName
  }

  /// All candidates of a certificate, in the order in which they are tried.
  public static func list(of certificate: Certificate) -> [CertificateCandidate] {
    let subject = certificate.subject
    let hasNames =
      !certificate.emailAddresses.isEmpty || !certificate.dnsNames.isEmpty || !certificate.uris.isEmpty
    guard hasNames || !subject.text.isEmpty else { return [] }
    let text = subject.standardText
    let domain = subject.domainComponents
    return certificate.emailAddresses.map { CertificateCandidate(.email, $0) }
      + certificate.dnsNames.map { CertificateCandidate(.dnsName, $0) }
      + certificate.uris.map { CertificateCandidate(.uri, $0) }
      + (DistinguishedName(subject).map { [CertificateCandidate(.distinguishedName, text, $0)] } ?? [])
      + (domain.isEmpty ? [] : [CertificateCandidate(.subjectWithDomain, text + "," + domain)])
      + [CertificateCandidate(.subject, text)]
  }

  /// nats-server's debug line for a match by this candidate.
  func line(matching user: String) -> String {
    let how =
      switch source {
      case .email: "email found in cert"
      case .dnsName: "SAN found in cert"
      case .uri: "URI found in cert"
      case .distinguishedName: "DistinguishedNameMatch"
      case .subjectWithDomain: "RDNSequence"
      case .subject: "certificate subject"
      }
    return "Using \(how) for auth [\(GoString.quote(user))]"
  }

  /// nats-server's debug line for a candidate that is nobody; most have none.
  var lineWithoutMatch: String? {
    switch source {
    case .email, .dnsName, .uri: nil
    case .distinguishedName: "DistinguishedNameMatch could not be used for auth [\(GoString.quote(name))]"
    case .subjectWithDomain: "RDNSequence could not be used for auth [\(GoString.quote(name))]"
    case .subject: "User in cert [\(GoString.quote(name))], not found"
    }
  }
}

/// Which configured user a certificate is. Made once per configuration, asked for every connection.
public struct CertificateUserMapping: Sendable {
  public struct Outcome: Sendable, Equatable {
    /// Nil when the certificate is nobody.
    public let user: String?
    /// What nats-server logs at debug level on the way.
    public let debugLines: [String]
  }

  private let names: Set<String>
  /// Users whose names are distinguished names, in the order of the configuration.
  private let distinguished: [(user: String, name: DistinguishedName)]

  public init(users: [String]) {
    names = Set(users)
    distinguished = users.compactMap { user in DistinguishedName(user).map { (user, $0) } }
  }

  /// The user of the first candidate that names one. Users that `isAllowed` refuses (by their connection types) are
  /// passed over.
  public func user(for certificate: Certificate, where isAllowed: (String) -> Bool = { _ in true }) -> Outcome {
    var lines: [String] = []
    let candidates = CertificateCandidate.list(of: certificate)
    guard !candidates.isEmpty else {
      return Outcome(user: nil, debugLines: ["User required in cert, none found"])
    }
    for candidate in candidates {
      let user =
        if let name = candidate.distinguishedName {
          lookUp(name, isAllowed)
        } else {
          lookUp(candidate.name, isAllowed)
        }
      if let user { return Outcome(user: user, debugLines: lines + [candidate.line(matching: user)]) }
      if let line = candidate.lineWithoutMatch { lines.append(line) }
    }
    return Outcome(user: nil, debugLines: lines)
  }

  private func lookUp(_ name: String, _ isAllowed: (String) -> Bool) -> String? {
    !name.isEmpty && names.contains(name) && isAllowed(name) ? name : nil
  }

  /// A user with the same parts in the same order, else one with the same parts in another order.
  private func lookUp(_ name: DistinguishedName, _ isAllowed: (String) -> Bool) -> String? {
    let allowed = distinguished.filter { isAllowed($0.user) }
    return (allowed.first { $0.name == name } ?? allowed.first { $0.name.matchesReordered(name) })?.user
  }
}

/// Whether a certificate's DNS name covers one of the configured hosts: `verify_cert_and_check_known_urls`
/// (FEATURES 4.011, RFC 6125). A wildcard stands for the whole first label only.
public enum KnownHosts {
  public static func contain(_ dnsName: String, hosts: some Sequence<String>) -> Bool {
    let labels = dnsName.lowercased().split(separator: ".", omittingEmptySubsequences: false)
    return hosts.contains { host in
      let hostLabels = host.lowercased().split(separator: ".", omittingEmptySubsequences: false)
      guard hostLabels.count == labels.count else { return false }
      return zip(labels, hostLabels).enumerated().allSatisfy { index, pair in
        pair.0 == pair.1 || (index == 0 && pair.0 == "*")
      }
    }
  }
}
