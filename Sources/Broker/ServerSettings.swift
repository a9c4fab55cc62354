import Configuration
import Crypto
import Subjects

/// Everything that the configuration decides, compiled for use. Replaced as a whole by a reload.
final class ServerSettings: Sendable {
  let options: ServerOptions
  let accounts: [String: Account]
  let globalAccount: Account
  /// nil with `no_system_account`.
  let systemAccount: Account?
  let users: [String: UserRecord]
  let nkeyUsers: [String: UserRecord]
  /// The account of clients that need no credentials because only the system account has users (FEATURES 4.070).
  let noAuthUser: UserRecord?
  let requiresAuthentication: Bool
  let requiresNonce: Bool

  init(_ options: ServerOptions, records: SubscriptionRecords) throws {
    self.options = options
    let clusterName = options.cluster?.name ?? ""
    let systemName = options.systemAccount.isEmpty ? Defaults.systemAccount : options.systemAccount
    var accounts: [String: Account] = [:]
    func add(_ account: AccountOptions) throws {
      accounts[account.name] = try Account(
        options: account, isSystem: account.name == systemName, records: records, clusterName: clusterName)
    }
    for account in options.accounts { try add(account) }
    if accounts[Defaults.globalAccount] == nil { try add(AccountOptions(name: Defaults.globalAccount)) }
    if accounts[systemName] == nil, !options.noSystemAccount { try add(AccountOptions(name: systemName)) }
    self.accounts = accounts
    globalAccount = accounts[Defaults.globalAccount]!
    systemAccount = options.noSystemAccount ? nil : accounts[systemName]

    var users: [String: UserRecord] = [:]
    var nkeyUsers: [String: UserRecord] = [:]
    func add(_ list: [UserOptions], _ account: Account) {
      for user in list {
        users[user.user] = UserRecord(
          name: user.user, password: user.password, account: account, permissions: user.permissions,
          allowedConnectionTypes: user.allowedConnectionTypes)
      }
    }
    func add(_ list: [NKeyUserOptions], _ account: Account) {
      for user in list {
        nkeyUsers[user.nkey] = UserRecord(
          name: user.nkey, password: "", account: account, permissions: user.permissions,
          allowedConnectionTypes: user.allowedConnectionTypes)
      }
    }
    add(options.authorization.users, globalAccount)
    add(options.authorization.nkeyUsers, globalAccount)
    for account in options.accounts {
      add(account.users, accounts[account.name]!)
      add(account.nkeyUsers, accounts[account.name]!)
    }
    let everybody = Array(users.values) + Array(nkeyUsers.values)
    let hasUsers = !everybody.isEmpty
    let hasSingle = !options.authorization.user.isEmpty || !options.authorization.token.isEmpty
    let system = systemAccount
    let onlySystemUsers = hasUsers && !hasSingle && everybody.allSatisfy { $0.account === system }
    self.users = users
    self.nkeyUsers = nkeyUsers
    if !options.noAuthUser.isEmpty {
      noAuthUser = users[options.noAuthUser] ?? nkeyUsers[options.noAuthUser]
    } else if onlySystemUsers {
      noAuthUser = UserRecord(
        name: "", password: "", account: globalAccount, permissions: nil, allowedConnectionTypes: [])
    } else {
      noAuthUser = nil
    }
    requiresAuthentication = hasUsers || hasSingle
    requiresNonce = !nkeyUsers.isEmpty
  }
}
