import Configuration

/// What an account exports and imports, bound to accounts. A value that a reload replaces as a whole.
final class AccountLinks: Sendable {
  let streamImports: [StreamImport]

  static let none = AccountLinks(streamImports: [])

  private init(streamImports: [StreamImport]) {
    self.streamImports = streamImports
  }

  /// The links of every account of a plan. What an account has already and what stays the same is kept.
  static func bind(_ plan: AccountLinkPlan, to accounts: [String: Account]) -> [(Account, AccountLinks)] {
    accounts.values.map { account in
      let old = account.links
      let own = plan.accounts[account.name]
      let streamImports = (own?.streamImports ?? []).map { item in
        let exporter = accounts[item.exporter]!
        return old.streamImports.first { $0.exporter === exporter && $0.plan == item }
          ?? StreamImport(item, exporter: exporter)
      }
      return (account, AccountLinks(streamImports: streamImports))
    }
  }
}
