import Bytes
import Configuration
import Crypto

/// Decides who a client is, in nats-server's order: nkey, user (FEATURES 4.022), then the single token or user.
struct Authenticator: Sendable {
  enum Verdict {
    /// nil: nobody in particular, in the global account.
    case granted(UserRecord?)
    case refused(CloseReason)
    /// A bcrypt hash has to be computed.
    case needsHash(given: String, hash: String, user: UserRecord?)
  }

  let settings: ServerSettings

  func check(_ connection: Connection) -> Verdict {
    let options = connection.options
    let authorization = settings.options.authorization
    guard settings.requiresAuthentication else { return .granted(nil) }
    if !settings.users.isEmpty || !settings.nkeyUsers.isEmpty {
      let hasCredentials =
        !options.user.isEmpty || !options.password.isEmpty || !options.token.isEmpty || !options.nkey.isEmpty
      if !hasCredentials {
        guard let user = settings.noAuthUser else { return .refused(.authenticationViolation) }
        return allowed(user, connection)
      }
      if !options.nkey.isEmpty { return checkKey(options, connection) }
      guard let user = settings.users[options.user] else { return .refused(.authenticationViolation) }
      guard case .granted = allowed(user, connection) else { return .refused(.authenticationViolation) }
      return compare(user.password, options.password, user)
    }
    if !authorization.token.isEmpty { return compare(authorization.token, options.token, nil) }
    guard authorization.user == options.user else { return .refused(.authenticationViolation) }
    return compare(authorization.password, options.password, nil)
  }

  private func compare(_ configured: String, _ given: String, _ user: UserRecord?) -> Verdict {
    if Bcrypt.isHash(configured) { return .needsHash(given: given, hash: configured, user: user) }
    return Password.matches(configured: configured, given: given)
      ? .granted(user) : .refused(.authenticationViolation)
  }

  /// The signature of the nonce proves the key (FEATURES 4.005).
  private func checkKey(_ options: ConnectOptions, _ connection: Connection) -> Verdict {
    guard let user = settings.nkeyUsers[options.nkey], let key = NKey.Public(options.nkey),
      let signature = Base64.rawURL.decode(options.signature) ?? Base64.standard.decode(options.signature),
      key.verify(signature, of: Array(connection.nonce.utf8))
    else { return .refused(.authenticationViolation) }
    return allowed(user, connection)
  }

  private func allowed(_ user: UserRecord, _ connection: Connection) -> Verdict {
    user.allowedConnectionTypes.isEmpty || user.allowedConnectionTypes.contains(.standard)
      ? .granted(user) : .refused(.authenticationViolation)
  }
}
