import NATSClient
import Reconciliation

/// Puts a resource's connection together. FEATURES 13.015: flags, then the Account, then the resource's own fields;
/// what is empty leaves the former as it is. Authentication is replaced as a whole.
struct ConnectionResolver {
  enum Outcome: Equatable {
    case resolved(ResolvedConnection)
    /// These Secrets must be read first.
    case needs([SecretIdentity])
    /// The text says what is wrong, with the field's path.
    case failed(String)
  }

  /// What the controller's flags say.
  var flags: ResolvedConnection
  /// Where a Secret's entry lies as a file; nil when it cannot be written.
  var file: (_ secret: SecretIdentity, _ account: String, _ key: String, _ contents: [UInt8]) -> String?
  var digest: (_ path: String) -> [UInt8]

  /// - Parameters:
  ///   - account: the Account that the settings name; nil when there is none.
  ///   - secrets: those that have been read; a failure is in place of the data.
  func resolve(
    _ settings: ConnectionSettings, account: AccountSettings?,
    secrets: [SecretIdentity: Result<[String: [UInt8]], SourceError>]
  ) -> Outcome {
    var connection = flags
    if !settings.account.isEmpty {
      guard let account else {
        return .failed("spec.account: there is no Account \(settings.namespace)/\(settings.account)")
      }
      var overlay = AccountOverlay(resolver: self, settings: settings, secrets: secrets)
      do throws(AccountOverlay.Problem) {
        try overlay.apply(account, to: &connection)
      } catch {
        switch error {
        case .needs(let missing): return .needs(missing)
        case .failed(let text): return .failed(text)
        }
      }
    }
    overlay(settings, on: &connection)
    guard !connection.servers.isEmpty else {
      return .failed("spec.servers: no server is named, neither here, nor by an Account, nor by the flag -s")
    }
    if let bad = connection.servers.first(where: { (try? ServerURL.list($0)) == nil }) {
      let isSecret = bad.contains("@")
      return .failed("spec.servers: invalid URL\(isSecret ? "" : " \(bad)")")
    }
    addDigests(to: &connection)
    return .resolved(connection)
  }

  private func overlay(_ settings: ConnectionSettings, on connection: inout ResolvedConnection) {
    if !settings.servers.isEmpty { connection.servers = settings.servers }
    if settings.startsWithTLS { connection.startsWithTLS = true }
    // Credentials go before an NKey.
    if !settings.credentialsFile.isEmpty {
      connection.authentication = .credentialsFile(settings.credentialsFile)
    } else if !settings.nkeyFile.isEmpty {
      connection.authentication = .seedFile(settings.nkeyFile)
    }
    if !settings.authorities.isEmpty { connection.authorities = settings.authorities }
    if !settings.clientCertificate.isEmpty, !settings.clientKey.isEmpty {
      connection.clientCertificate = settings.clientCertificate
      connection.clientKey = settings.clientKey
    }
  }

  private func addDigests(to connection: inout ResolvedConnection) {
    var paths = connection.authorities + [connection.clientCertificate, connection.clientKey]
    switch connection.authentication {
    case .credentialsFile(let path), .seedFile(let path): paths.append(path)
    default: break
    }
    for path in paths where !path.isEmpty { connection.fileDigests[path] = digest(path) }
  }
}

/// What an Account says. FEATURES 13.016.
private struct AccountOverlay {
  enum Problem: Error {
    case needs([SecretIdentity])
    case failed(String)
  }

  let resolver: ConnectionResolver
  let settings: ConnectionSettings
  let secrets: [SecretIdentity: Result<[String: [UInt8]], SourceError>]

  mutating func apply(_ account: AccountSettings, to connection: inout ResolvedConnection) throws(Problem) {
    let missing = account.secretNames.map(identity).filter { secrets[$0] == nil }
    guard missing.isEmpty else { throw .needs(missing.sorted { $0.name < $1.name }) }
    if !account.servers.isEmpty { connection.servers = account.servers }
    if account.startsWithTLS { connection.startsWithTLS = true }
    try applyTLS(account.tls, to: &connection)
    try applyAuthentication(account, to: &connection)
  }

  private func applyTLS(
    _ reference: AccountSettings.Reference?, to connection: inout ResolvedConnection
  ) throws(Problem) {
    guard let reference else { return }
    if let authority = try file(reference, "tls", "ca") { connection.authorities = [authority] }
    let certificate = try file(reference, "tls", "cert")
    let key = try file(reference, "tls", "key")
    if let certificate, let key {
      connection.clientCertificate = certificate
      connection.clientKey = key
    }
  }

  /// Credentials, then NKey, then token, then user and password; the first one that is there counts.
  private func applyAuthentication(
    _ account: AccountSettings, to connection: inout ResolvedConnection
  ) throws(Problem) {
    if let reference = account.credentials, let value = try value(reference, "creds", "file") {
      connection.authentication = reference.secret == nil ? .credentialsFile(value) : .credentials(value)
    } else if let reference = account.nkey, let value = try value(reference, "nkey", "seed") {
      connection.authentication =
        reference.secret == nil ? .seedFile(value) : .seed(String(value.filter { !$0.isWhitespace }))
    } else if let reference = account.token, let value = try value(reference, "token", "token") {
      connection.authentication = .token(value)
    } else if let reference = account.user, let user = try value(reference, "user", "user") {
      connection.authentication = .user(user, password: try value(reference, "user", "password") ?? "")
    }
  }

  private func identity(_ name: String) -> SecretIdentity {
    SecretIdentity(namespace: settings.namespace, name: name)
  }

  /// The value of a field, or the entry of the Secret that it names; nil when the field is empty.
  private func value(
    _ reference: AccountSettings.Reference, _ field: String, _ member: String
  ) throws(Problem) -> String? {
    guard let value = reference.values[member], !value.isEmpty else { return nil }
    guard let secret = reference.secret else { return value }
    return String(decoding: try entry(secret, value, field, member), as: UTF8.self)
  }

  private func file(
    _ reference: AccountSettings.Reference, _ field: String, _ member: String
  ) throws(Problem) -> String? {
    guard let value = reference.values[member], !value.isEmpty else { return nil }
    guard let secret = reference.secret else { return value }
    // Who gives an authority only need not have the other two.
    if member != "ca", !has(secret, value) { return nil }
    let contents = try entry(secret, value, field, member)
    guard let path = resolver.file(identity(secret), settings.account, value, contents) else {
      throw .failed("Account \(settings.account): spec.\(field).\(member): the cache directory cannot be written")
    }
    return path
  }

  private func has(_ secret: String, _ key: String) -> Bool {
    if case .success(let data)? = secrets[identity(secret)] { data[key] != nil } else { true }
  }

  private func entry(
    _ secret: String, _ key: String, _ field: String, _ member: String
  ) throws(Problem) -> [UInt8] {
    let place = "Account \(settings.account): spec.\(field)"
    switch secrets[identity(secret)] {
    case .success(let data):
      guard let bytes = data[key] else {
        throw .failed("\(place).\(member): the Secret \(identity(secret)) has no entry \(key)")
      }
      return bytes
    case .failure(.absent): throw .failed("\(place).secret.name: there is no Secret \(identity(secret))")
    case .failure(let error): throw .failed("\(place).secret.name: \(error)")
    case nil: throw .needs([identity(secret)])
    }
  }
}
