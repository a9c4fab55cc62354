import Configuration
import Crypto
import Reactor
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
  /// Who clients without credentials are when only the system account has users (FEATURES 4.070).
  let openUser: UserRecord?
  /// Some listener takes users from client certificates.
  let mapsCertificatesSomewhere: Bool
  let requiresAuthentication: Bool
  let requiresNonce: Bool
  /// Finds users by their certificates; nil unless `verify_and_map` is set.
  let certificateMapping: CertificateUserMapping?
  /// TLS of the client listener.
  let tlsContext: TLSContext?

  /// When the listener's certificate ends, in Unix seconds.
  var certificateEnds: Int64? { tlsContext?.certificateNotAfter }

  /// Rules of accounts that exist already, to be installed with these settings.
  fileprivate let pendingRules: [(Account, AccountRules)]
  /// What accounts share, to be installed with these settings.
  fileprivate let links: [(Account, AccountLinks)]

  /// Compiles the options. Accounts of `previous` are kept by name. Throws what is wrong; nothing is changed then.
  init(_ options: ServerOptions, records: SubscriptionRecords, previous: ServerSettings? = nil) throws {
    self.options = options
    let clusterName = options.cluster?.name ?? ""
    let systemName = options.systemAccount.isEmpty ? Defaults.systemAccount : options.systemAccount
    var accounts: [String: Account] = [:]
    var pending: [(Account, AccountRules)] = []
    func add(_ account: AccountOptions) throws {
      let rules = try AccountRules(account, clusterName: clusterName)
      if let kept = previous?.accounts[account.name] {
        accounts[account.name] = kept
        pending.append((kept, rules))
      } else {
        accounts[account.name] = Account(
          name: account.name, isSystem: account.name == systemName, records: records, rules: rules)
      }
    }
    for account in options.accounts { try add(account) }
    if accounts[Defaults.globalAccount] == nil { try add(AccountOptions(name: Defaults.globalAccount)) }
    if accounts[systemName] == nil, !options.noSystemAccount { try add(AccountOptions(name: systemName)) }
    pendingRules = pending
    self.accounts = accounts
    let plan = try AccountLinkPlan(options.accounts, hasSystemAccount: !options.noSystemAccount)
    let removed = (previous?.accounts ?? [:]).filter { accounts[$0.key] !== $0.value }.values
    links = AccountLinks.bind(plan, to: accounts) + removed.map { ($0, .none) }
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
    openUser =
      onlySystemUsers && options.noAuthUser.isEmpty
      ? UserRecord(name: "", password: "", account: globalAccount, permissions: nil, allowedConnectionTypes: [])
      : nil
    mapsCertificatesSomewhere =
      options.tls?.verifyAndMap == true || options.leafNodes?.tls?.verifyAndMap == true
      || options.webSocket?.tls?.verifyAndMap == true || options.mqtt?.tls?.verifyAndMap == true
    requiresAuthentication = hasUsers || hasSingle
    requiresNonce = !nkeyUsers.isEmpty
    certificateMapping =
      options.tls?.verifyAndMap == true ? CertificateUserMapping(users: users.keys.sorted()) : nil
    tlsContext = try options.tls.map { try TLSContext(.server, $0.parameters) }
  }
}

extension ServerSettings {
  /// Makes the accounts follow these settings.
  ///
  /// - Parameter retire: runs its argument when no loop can use what it releases any more.
  func install(retire: (@escaping @Sendable () -> Void) -> Void) {
    for (account, rules) in pendingRules { account.install(rules) }
    for (account, links) in links { account.install(links, retire: retire) }
  }
}

extension TLSOptions {
  /// The same settings as the TLS streams take them.
  var parameters: TLSParameters {
    var parameters = TLSParameters()
    parameters.certificateFile = certificateFile
    parameters.keyFile = keyFile
    parameters.certificates = certificates.map { .init(certificateFile: $0.certificateFile, keyFile: $0.keyFile) }
    parameters.authorityFile = caFile
    parameters.verifiesClients = verify || verifyAndMap
    parameters.skipsServerVerification = insecure
    parameters.minimumVersion = minimumVersion == .tls13 ? .tls13 : .tls12
    parameters.cipherSuites = cipherSuites
    parameters.curvePreferences = curvePreferences
    return parameters
  }
}
