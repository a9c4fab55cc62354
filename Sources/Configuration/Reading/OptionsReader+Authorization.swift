import Crypto

/// `authorization` blocks and their users (FEATURES 3.242 to 3.255).
extension OptionsReader {
  /// What an `authorization` block says, before its place decides what of it is allowed.
  struct Authorization {
    var user = ""
    var password = ""
    var token = ""
    /// 0: not given.
    var timeoutNanoseconds: Int64 = 0
    /// `nil` without `users`; then not even nkey users exist.
    var users: Users?
    var defaultPermissions: Permissions?
    var callout: AuthCalloutOptions?
    var proxyRequired = false
  }

  struct Users {
    var users: [UserOptions] = []
    var nkeyUsers: [NKeyUserOptions] = []

    mutating func apply(defaultPermissions: Permissions?) {
      for index in users.indices where users[index].permissions == nil {
        users[index].permissions = defaultPermissions
      }
      for index in nkeyUsers.indices where nkeyUsers[index].permissions == nil {
        nkeyUsers[index].permissions = defaultPermissions
      }
    }
  }

  /// The top-level block: users of the global account.
  func readAuthorization(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    var result = try authorization(block)
    options.authorization.isDefined = true
    options.authorization.user = result.user
    options.authorization.password = result.password
    options.authorization.token = result.token
    options.authorization.timeoutNanoseconds = result.timeoutNanoseconds
    options.authorization.callout = result.callout
    options.authorization.proxyRequired = result.proxyRequired
    if !result.user.isEmpty || !result.password.isEmpty, !result.token.isEmpty {
      throw ConfigurationProblem("Cannot have a user/pass and token", at: block)
    }
    var known = knownUserNames()
    guard result.users != nil || !known.isEmpty else { return }
    if !result.user.isEmpty {
      throw ConfigurationProblem("Can not have a single user/pass and a users array", at: block)
    }
    if !result.token.isEmpty {
      throw ConfigurationProblem("Can not have a token and a users array", at: block)
    }
    result.users?.apply(defaultPermissions: result.defaultPermissions)
    for user in result.users?.users ?? [] where !known.insert(user.user).inserted {
      throw ConfigurationProblem("Duplicate user \(GoText.quoted(user.user)) detected", at: block)
    }
    options.authorization.users = result.users?.users ?? []
    for user in result.users?.nkeyUsers ?? [] where !known.insert(user.nkey).inserted {
      throw ConfigurationProblem("Duplicate nkey \(GoText.quoted(user.nkey)) detected", at: block)
    }
    options.authorization.nkeyUsers = result.users?.nkeyUsers ?? []
  }

  /// Names and keys of all users read so far: they are unique over all accounts.
  func knownUserNames() -> Set<String> {
    var names = Set(options.authorization.users.map(\.user) + options.authorization.nkeyUsers.map(\.nkey))
    for account in options.accounts {
      names.formUnion(account.users.map(\.user) + account.nkeyUsers.map(\.nkey))
    }
    return names
  }

  func authorization(_ block: ConfigurationValue) throws(ConfigurationProblem) -> Authorization {
    var result = Authorization()
    for (key, value) in try block.requireMap().entries {
      do throws(ConfigurationProblem) {
        switch key.lowercased() {
        case "user", "username": result.user = try value.requireString()
        case "pass", "password": result.password = try value.requireString()
        case "token": result.token = try value.requireString()
        case "timeout":
          result.timeoutNanoseconds = try authorizationTimeout(value, key: key, of: "authorization")
        case "users": result.users = try users(value, at: value)
        case "default_permission", "default_permissions", "permissions":
          result.defaultPermissions = try permissions(value, at: value)
        case "auth_callout", "auth_hook": result.callout = try callout(value)
        case "proxy_required": result.proxyRequired = try value.requireBoolean()
        default: unknownField(key, value)
        }
      } catch {
        fail(error)
      }
    }
    return result
  }

  /// More than a minute earns a warning, because it is mostly a duration without its quotes.
  func authorizationTimeout(
    _ value: ConfigurationValue, key: String, of block: String
  ) throws(ConfigurationProblem) -> Int64 {
    switch seconds(value) {
    case .success(let nanoseconds):
      if nanoseconds > 60 * Defaults.second {
        let inSeconds = GoText.fixed(Double(nanoseconds) / Double(Defaults.second))
        warn(
          field: key,
          "timeout of \(value.text) (\(inSeconds) seconds) is high, consider keeping it under 60 seconds. "
            + "possibly caused by unquoted duration; use '1m' instead of 1m, for example", at: value)
      }
      return nanoseconds
    case .failure(.duration(let text)):
      throw ConfigurationProblem("error parsing \(block) config, 'timeout' \(text)", at: value)
    case .failure(.wrongType):
      throw ConfigurationProblem("error parsing \(block) config, 'timeout' wrong type", at: value)
    }
  }

  /// The name that a single user of a WebSocket or MQTT block goes by.
  struct SimpleAuthorization {
    var user = ""
    var password = ""
    var token = ""
    var timeoutNanoseconds: Int64 = 0
  }

  /// `authorization` of `websocket` and `mqtt`: one user or a token, nothing else.
  func simpleAuthorization(_ block: ConfigurationValue) throws(ConfigurationProblem) -> SimpleAuthorization {
    var result = SimpleAuthorization()
    for (key, value) in try block.requireMap().entries {
      do throws(ConfigurationProblem) {
        switch key.lowercased() {
        case "user", "username": result.user = try value.requireString()
        case "pass", "password": result.password = try value.requireString()
        case "token": result.token = try value.requireString()
        case "timeout":
          switch value.content {
          case .integer(let number): result.timeoutNanoseconds = number &* Defaults.second
          case .float(let number): result.timeoutNanoseconds = Int64(clamping: number * Double(Defaults.second))
          default: result.timeoutNanoseconds = Defaults.second
          }
        default: unknownField(key, value)
        }
      } catch {
        fail(error)
      }
    }
    return result
  }

  // MARK: Users

  /// A list of users. `place` is what an error about the list itself is blamed on.
  func users(
    _ value: ConfigurationValue, at place: ConfigurationValue?
  ) throws(ConfigurationProblem) -> Users {
    guard let elements = value.array else {
      throw ConfigurationProblem("Expected users field to be an array, got \(value.text)", at: place)
    }
    var result = Users()
    for element in elements {
      guard let map = element.map else {
        fail("Expected user entry to be a map/struct, got \(element.text)", at: element)
        continue
      }
      try readUser(map, element, into: &result)
    }
    return result
  }

  private func readUser(
    _ map: ConfigurationMap, _ element: ConfigurationValue, into result: inout Users
  ) throws(ConfigurationProblem) {
    var user = UserOptions(user: "")
    var nkey = ""
    var last = element
    var hasWrongType = false
    for (key, value) in map.entries {
      last = value
      do throws(ConfigurationProblem) {
        switch key.lowercased() {
        case "nkey": nkey = try value.requireString()
        case "user", "username": user.user = try value.requireString()
        case "pass", "password": user.password = try value.requireString()
        case "permission", "permissions", "authorization": user.permissions = try permissions(value, at: value)
        case "allowed_connection_types", "connection_types", "clients":
          user.allowedConnectionTypes = connectionTypes(value)
        case "proxy_required": user.proxyRequired = try value.requireBoolean()
        default: unknownField(key, value)
        }
      } catch {
        fail(error)
        hasWrongType = hasWrongType || error.isTypeMismatch
      }
    }
    // What has the wrong type is not missing too.
    if hasWrongType { return }
    guard !nkey.isEmpty || !user.user.isEmpty else {
      throw ConfigurationProblem("User entry requires a user", at: last)
    }
    guard !nkey.isEmpty else { return result.users.append(user) }
    guard NKey.isValid(nkey, as: .user) else {
      throw ConfigurationProblem("Not a valid public nkey for a user", at: last)
    }
    guard user.user.isEmpty, user.password.isEmpty else {
      throw ConfigurationProblem("Nkey users do not take usernames or passwords", at: last)
    }
    var nkeyUser = NKeyUserOptions(nkey: nkey, permissions: user.permissions)
    nkeyUser.allowedConnectionTypes = user.allowedConnectionTypes
    nkeyUser.proxyRequired = user.proxyRequired
    result.nkeyUsers.append(nkeyUser)
  }

  private func connectionTypes(_ value: ConfigurationValue) -> Set<ConnectionType> {
    var result: Set<ConnectionType> = []
    var unknown: [String] = []
    for name in strings(value, field: "allowed connection types") ?? [] {
      if let type = ConnectionType(rawValue: name.uppercased()) {
        result.insert(type)
      } else {
        unknown.append(name.uppercased())
      }
    }
    if !unknown.isEmpty { fail("invalid connection types \(GoText.quoted(unknown))", at: value) }
    return result
  }

  // MARK: Callout

  private func callout(_ block: ConfigurationValue) throws(ConfigurationProblem) -> AuthCalloutOptions {
    guard let map = block.map else {
      throw ConfigurationProblem("Expected authorization callout to be a map/struct, got \(block.text)", at: block)
    }
    func list(_ value: ConfigurationValue, _ name: String) throws(ConfigurationProblem) -> [String] {
      guard let elements = value.array else {
        throw ConfigurationProblem("Expected \(name) field to be an array, got *conf.token", at: value)
      }
      var texts: [String] = []
      for element in elements { texts.append(try element.requireString()) }
      return texts
    }
    var result = AuthCalloutOptions()
    result.account = ""
    var last = block
    for (key, value) in map.entries {
      last = value
      switch key.lowercased() {
      case "issuer":
        result.issuer = try value.requireString()
        guard NKey.isValid(result.issuer, as: .account) else {
          throw ConfigurationProblem(
            "Expected callout user to be a valid public account nkey, got \(GoText.quoted(result.issuer))",
            at: value)
        }
      case "account", "acc": result.account = try value.requireString()
      case "auth_users", "users": result.users += try list(value, "auth_users")
      case "xkey", "key":
        result.xkey = try value.requireString()
        guard NKey.isValid(result.xkey, as: .curve) else {
          throw ConfigurationProblem(
            "Expected callout xkey to be a valid public xkey, got \(GoText.quoted(result.xkey))", at: value)
        }
      case "allowed_accounts": result.allowedAccounts += try list(value, "allowed accounts")
      default:
        if !value.isUsedAsVariable {
          fail("Unknown field \(GoText.quoted(key)) parsing authorization callout", at: value)
        }
      }
    }
    if result.account.isEmpty { result.account = Defaults.globalAccount }
    guard !result.issuer.isEmpty else {
      throw ConfigurationProblem("Authorization callouts require an issuer to be specified", at: last)
    }
    guard !result.users.isEmpty else {
      throw ConfigurationProblem("Authorization callouts require authorized users to be specified", at: last)
    }
    return result
  }

  // MARK: Proxies

  func readProxies(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = block.map else {
      throw ConfigurationProblem("expected proxies to be a map/struct, got \(block.typeName)", at: block)
    }
    options.trustedProxies = []
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      guard name == "trusted" else { return unknownField(key, value) }
      guard let elements = value.array else {
        throw ConfigurationProblem(
          "expected proxies' trusted field to be an array, got \(value.typeName)", at: value)
      }
      for element in elements {
        guard let proxy = element.map else {
          fail("expected proxies' trusted entry to be a map/struct, got \(element.typeName)", at: element)
          continue
        }
        readProxy(proxy)
      }
    }
  }

  private func readProxy(_ map: ConfigurationMap) {
    var proxyKey = ""
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      guard name == "key" || name == "public_key" else { return unknownField(key, value) }
      proxyKey = try value.requireString()
      if !NKey.isValidPublicKey(proxyKey) { fail("invalid proxy key \(GoText.quoted(proxyKey))", at: value) }
    }
    options.trustedProxies?.append(proxyKey)
  }
}
