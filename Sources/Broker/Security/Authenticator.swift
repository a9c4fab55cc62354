import Bytes
import Configuration
import Crypto

/// Decides who a client is, in nats-server's order: nkey, user (or certificate), then the single token or user
/// (FEATURES 4.022). A value: the same settings and the same CONNECT always give the same verdict.
struct Authenticator: Sendable {
  enum Verdict {
    /// nil: nobody in particular, in the global account.
    case granted(UserRecord?)
    /// The text is for the debug log; clients are never told.
    case refused(String)
    /// A bcrypt hash has to be computed first.
    case needsHash(given: String, hash: String, user: UserRecord?)
  }

  let settings: ServerSettings

  /// - Parameters:
  ///   - connect: what CONNECT said; a user that the server chooses is written back.
  ///   - nonce: what an nkey's signature must be of.
  ///   - certificateUser: finds the user of the client's certificate; nil where certificates name nobody.
  func check(_ connect: inout ConnectOptions, nonce: String, certificateUser: (() -> UserRecord?)?) -> Verdict {
    guard settings.requiresAuthentication else { return .granted(nil) }
    let isAnonymous = connect.user.isEmpty && connect.password.isEmpty && connect.token.isEmpty
    let unknown = settings.options.noAuthUser
    if isAnonymous, connect.nkey.isEmpty, !settings.nkeyUsers.isEmpty, settings.nkeyUsers[unknown] != nil {
      connect.nkey = unknown
    }
    if !connect.nkey.isEmpty, !settings.nkeyUsers.isEmpty { return checkKey(connect, nonce) }
    if !settings.users.isEmpty {
      if let certificateUser {
        guard let user = certificateUser() else { return .refused("User in cert not found") }
        connect.user = user.name
        return compare(user.password, connect.password, user)
      }
      if isAnonymous {
        if let user = settings.users[unknown] {
          connect.user = user.name
          return checkType(user)
        }
        if let user = settings.openUser { return .granted(user) }
      }
      if !connect.user.isEmpty {
        guard let user = settings.users[connect.user] else { return .refused("unknown user") }
        guard case .granted = checkType(user) else { return .refused("connection type not allowed") }
        if user.password.isEmpty, user.name != unknown, settings.mapsCertificatesSomewhere {
          return .refused("User \(quoted(user.name)) requires a client certificate")
        }
        return compare(user.password, connect.password, user)
      }
    } else if isAnonymous, connect.nkey.isEmpty, let user = settings.openUser {
      return .granted(user)
    }
    let authorization = settings.options.authorization
    if !authorization.token.isEmpty { return compare(authorization.token, connect.token, nil) }
    if !authorization.user.isEmpty, authorization.user == connect.user {
      return compare(authorization.password, connect.password, nil)
    }
    return .refused("no match")
  }

  private func compare(_ configured: String, _ given: String, _ user: UserRecord?) -> Verdict {
    if Bcrypt.isHash(configured) { return .needsHash(given: given, hash: configured, user: user) }
    return Password.matches(configured: configured, given: given) ? .granted(user) : .refused("wrong password")
  }

  /// The signature of the nonce proves the key (FEATURES 4.005).
  private func checkKey(_ connect: ConnectOptions, _ nonce: String) -> Verdict {
    guard let user = settings.nkeyUsers[connect.nkey] else { return .refused("unknown nkey") }
    guard case .granted = checkType(user) else { return .refused("connection type not allowed") }
    if user.name == settings.options.noAuthUser { return .granted(user) }
    guard !connect.signature.isEmpty else { return .refused("Signature missing") }
    guard let signature = Base64.rawURL.decode(connect.signature) ?? Base64.standard.decode(connect.signature) else {
      return .refused("Signature not valid base64")
    }
    guard let key = NKey.Public(connect.nkey) else { return .refused("User nkey not valid") }
    return key.verify(signature, of: Array(nonce.utf8)) ? .granted(user) : .refused("Signature not verified")
  }

  private func checkType(_ user: UserRecord) -> Verdict {
    user.allows(.standard) ? .granted(user) : .refused("connection type not allowed")
  }
}
