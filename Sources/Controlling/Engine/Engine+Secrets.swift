import Reconciliation

/// The Secrets that Accounts name: what they hold is kept as long as one names them, and the source tells of changes.
extension Engine {
  func ask(for missing: [SecretIdentity]) {
    for secret in missing where secretsAsked.insert(secret).inserted {
      source.secret(secret) { [weak self] answer in
        guard let self else { return }
        self.secretsAsked.remove(secret)
        guard self.namedSecrets.contains(secret) else { return }
        self.secrets[secret] = answer
        self.reroute { $0.secrets.contains(secret) }
      }
    }
  }

  public func secretChanged(_ identity: SecretIdentity) {
    secrets[identity] = nil
    environment.log(.debug, "Secret \(identity) has changed")
    reroute { $0.secrets.contains(identity) }
  }

  /// Of a Secret that no Account names any more nobody tells changes: when it is named again, it is read again.
  func forgetSecrets() {
    guard !secrets.isEmpty else { return }
    let named = namedSecrets
    secrets = secrets.filter { named.contains($0.key) }
  }

  private var namedSecrets: Set<SecretIdentity> {
    var named: Set<SecretIdentity> = []
    for record in records.values where record.identity.kind == .account {
      guard let account = record.resource.flatMap(AccountSettings.init) else { continue }
      named.formUnion(SecretIdentity.named(by: account, in: record.identity.namespace))
    }
    return named
  }
}
