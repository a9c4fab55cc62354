import Crypto
import Subjects

/// `accounts` and the global account's `mappings` (FEATURES 3.210 to 3.227).
extension OptionsReader {
  func readAccounts(_ block: ConfigurationValue) {
    switch block.content {
    case .array(let names):
      for name in names { collecting { () throws(ConfigurationProblem) in try readAccountName(name) } }
    case .map(let map):
      for (name, value) in map.entries where !value.isUsedAsVariable { readAccount(name, value) }
    default: break
    }
    // Imports and exports are checked only between accounts that are right in themselves.
    guard errors.isEmpty else { return }
    do {
      _ = try AccountLinkPlan(options.accounts, hasSystemAccount: !options.noSystemAccount)
    } catch {
      for problem in error.problems { fail(problem, at: block) }
    }
  }

  private func readAccountName(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    let name = try value.requireString()
    guard name != Defaults.globalAccount else {
      throw ConfigurationProblem("\(GoText.quoted(name)) is a Reserved Account", at: value)
    }
    guard !options.accounts.contains(where: { $0.name == name }) else {
      throw ConfigurationProblem("Duplicate Account Entry: \(name)", at: value)
    }
    options.accounts.append(AccountOptions(name: name))
  }

  private func readAccount(_ name: String, _ value: ConfigurationValue) {
    guard let map = value.map else { return fail("Expected map entries for accounts", at: value) }
    guard name != Defaults.globalAccount else {
      return fail("\(GoText.quoted(name)) is a Reserved Account", at: value)
    }
    var account = AccountOptions(name: name)
    var users = Users()
    var usersValue: ConfigurationValue?
    readFields(of: map) { [self] (field, key, value) throws(ConfigurationProblem) in
      switch field {
      case "nkey":
        guard let key = value.string, NKey.isValid(key, as: .account) else {
          throw ConfigurationProblem(
            "Not a valid public nkey for an account: \(GoText.quotedVerb(value))", at: value)
        }
        account.nkey = key
      case "imports": try readImports(value, into: &account)
      case "exports": try readExports(value, into: &account)
      case "jetstream": account.jetStream = try accountJetStream(value, account: name)
      case "users":
        usersValue = value
        users = try self.users(value, at: nil)
      case "default_permissions": account.defaultPermissions = try permissions(value, at: value)
      case "mappings", "maps": account.mappings = try mappings(value)
      case "limits": account.limits = try accountLimits(value)
      case "msg_trace", "trace_dest": account.messageTrace = try messageTrace(value, key: key)
      default: unknownField(key, value)
      }
    }
    add(users, at: usersValue, to: &account)
    options.accounts.append(account)
  }

  private func add(_ users: Users, at value: ConfigurationValue?, to account: inout AccountOptions) {
    if !users.users.isEmpty || !users.nkeyUsers.isEmpty {
      if !options.authorization.user.isEmpty {
        return fail("Can not have a single user/pass and accounts", at: value)
      }
      if !options.authorization.token.isEmpty {
        return fail("Can not have a token and accounts", at: value)
      }
    }
    var users = users
    users.apply(defaultPermissions: account.defaultPermissions)
    var known = knownUserNames()
    for user in users.nkeyUsers where !known.insert(user.nkey).inserted {
      fail("Duplicate nkey \(GoText.quoted(user.nkey)) detected", at: value)
    }
    for user in users.users where !known.insert(user.user).inserted {
      fail("Duplicate user \(GoText.quoted(user.user)) detected", at: value)
    }
    account.users = users.users
    account.nkeyUsers = users.nkeyUsers
  }

  private func accountLimits(_ value: ConfigurationValue) throws(ConfigurationProblem) -> AccountLimits {
    guard let map = value.map else {
      throw ConfigurationProblem("Expected account limits to be a map/struct, got \(value.text)", at: value)
    }
    var limits = AccountLimits()
    readFields(of: map) { [self] (name, key, field) throws(ConfigurationProblem) in
      switch name {
      case "max_connections", "max_conn": limits.maxConnections = try int32(field)
      case "max_subscriptions", "max_subs": limits.maxSubscriptions = try int32(field)
      case "max_payload", "max_pay": limits.maxPayload = try int32(field)
      case "max_leafnodes", "max_leafs": limits.maxLeafNodes = try int32(field)
      default:
        if !field.isUsedAsVariable { fail("Unknown field \(GoText.quoted(key)) parsing account limits", at: field) }
      }
    }
    return limits
  }

  private func int32(_ value: ConfigurationValue) throws(ConfigurationProblem) -> Int {
    Int(Int32(truncatingIfNeeded: try value.requireInteger()))
  }

  // MARK: Message tracing

  private func messageTrace(
    _ value: ConfigurationValue, key: String
  ) throws(ConfigurationProblem) -> MessageTraceOptions? {
    switch value.content {
    case .string: return MessageTraceOptions(destination: try traceDestination(value, key: key))
    case .map(let map):
      var destination = ""
      var sampling = 0
      for (name, field) in map.entries {
        switch name.lowercased() {
        case "dest": destination = try traceDestination(field, key: name)
        case "sampling": sampling = try traceSampling(field, key: name)
        default:
          if !field.isUsedAsVariable {
            throw ConfigurationProblem(
              "Unknown field \(GoText.quoted(name)) parsing account message trace map/struct "
                + GoText.quoted(key), at: field)
          }
        }
      }
      if !destination.isEmpty {
        return MessageTraceOptions(destination: destination, sampling: sampling == 0 ? 100 : sampling)
      }
      if sampling > 0 { warn("Trace destination sampling ignored since no destination was set", at: value) }
      return nil
    default:
      throw ConfigurationProblem(
        "Expected account message trace \(GoText.quoted(key)) to be a string or a map/struct, got \(value.typeName)",
        at: value)
    }
  }

  private func traceDestination(_ value: ConfigurationValue, key: String) throws(ConfigurationProblem) -> String {
    guard let text = value.string else {
      throw ConfigurationProblem(
        "Field \(GoText.quoted(key)) should be a string, got \(value.typeName)", at: value)
    }
    guard Subject.isValidPublish(text) else {
      throw ConfigurationProblem("Trace destination \(GoText.quoted(text)) is not valid", at: value)
    }
    return text
  }

  private func traceSampling(_ value: ConfigurationValue, key: String) throws(ConfigurationProblem) -> Int {
    let number: Int
    switch value.content {
    case .integer(let integer): number = Int(integer)
    case .string(let text):
      let digits = text.hasSuffix("%") ? String(text.dropLast()) : text
      guard case .success(let parsed) = GoInteger.parse(digits) else {
        throw ConfigurationProblem("Invalid trace destination sampling value \(GoText.quoted(text))", at: value)
      }
      number = Int(parsed)
    default:
      throw ConfigurationProblem(
        "Trace destination sampling field \(GoText.quoted(key)) should be an integer or a percentage, "
          + "got \(value.typeName)", at: value)
    }
    guard (1...100).contains(number) else {
      // The misspelling is nats-server's.
      throw ConfigurationProblem(
        "Ttrace destination sampling value \(number) is invalid, needs to be [1..100]", at: value)
    }
    return number
  }
}
