import Configuration
import Crypto
import Reactor

extension Connection {
  /// The user that the client's certificate names (FEATURES 4.009); nil when it names none.
  func userOfCertificate(_ settings: ServerSettings) -> UserRecord? {
    guard let certificate = tls?.peerCertificates.first else { return nil }
    let names = certificate.emailAddresses + certificate.dnsNames + certificate.uris
    for name in names {
      if let user = settings.users[name], isAllowed(user) { return user }
    }
    return settings.users[certificate.subject.text].flatMap { isAllowed($0) ? $0 : nil }
  }

  private func isAllowed(_ user: UserRecord) -> Bool {
    user.allowedConnectionTypes.isEmpty || user.allowedConnectionTypes.contains(.standard)
  }
}
