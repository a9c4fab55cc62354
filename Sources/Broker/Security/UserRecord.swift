import Configuration

/// Somebody who may log in, with what that grants. Made from the configuration; never changes.
final class UserRecord: Sendable {
  /// User name, or the public key of an nkey user.
  let name: String
  /// Plain or bcrypt; empty for users known by key or certificate.
  let password: String
  let account: Account
  /// nil: everything is allowed.
  let permissions: ConnectionPermissions?
  let scope: PublishScope
  let allowedConnectionTypes: Set<ConnectionType>
  /// The permissions as configured, for those who ask.
  let configured: Permissions?

  init(
    name: String, password: String, account: Account, permissions: Permissions?,
    allowedConnectionTypes: Set<ConnectionType>
  ) {
    self.name = name
    self.password = password
    self.account = account
    self.allowedConnectionTypes = allowedConnectionTypes
    configured = permissions
    self.permissions = permissions.map(ConnectionPermissions.init)
    if let publish = permissions?.publish {
      scope = PublishScope(account: account, permission: SubjectFilter(publish))
    } else {
      scope = account.openScope
    }
  }

  /// Whether the user may come by this kind of connection (FEATURES 4.021).
  func allows(_ type: ConnectionType) -> Bool {
    allowedConnectionTypes.isEmpty || allowedConnectionTypes.contains(type)
  }
}
