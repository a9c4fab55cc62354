import Configuration
import Crypto
import Reactor

extension Connection {
  /// The user that the client's certificate names (FEATURES 4.009); nil when it names none.
  func userOfCertificate(_ settings: ServerSettings) -> UserRecord? {
    guard let mapping = settings.certificateMapping, let certificate = tls?.peerCertificates.first else { return nil }
    let outcome = mapping.user(for: certificate) { name in
      settings.users[name].map { $0.allows(.standard) } ?? false
    }
    for line in outcome.debugLines { server.logger.debug("\(self.label) - \(line)") }
    guard let name = outcome.user, let user = settings.users[name] else { return nil }
    if !options.user.isEmpty {
      server.logger.warning("User \(quoted(options.user)) found in connect proto, but user required from cert")
    }
    return user
  }
}
