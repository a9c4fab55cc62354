import Configuration

/// What an account exports and imports, bound to accounts. A value that a reload replaces as a whole.
final class AccountLinks: Sendable {
  let serviceExports: [ServiceExport]
  let streamImports: [StreamImport]
  let serviceImports: [ServiceImport]

  static let none = AccountLinks(serviceExports: [], streamImports: [], serviceImports: [])

  private init(serviceExports: [ServiceExport], streamImports: [StreamImport], serviceImports: [ServiceImport]) {
    self.serviceExports = serviceExports
    self.streamImports = streamImports
    self.serviceImports = serviceImports
  }

  /// The links of every account of a plan. What an account has already and what stays the same is kept.
  static func bind(_ plan: AccountLinkPlan, to accounts: [String: Account]) -> [(Account, AccountLinks)] {
    var exports: [String: [ServiceExport]] = [:]
    for account in accounts.values {
      let old = account.links.serviceExports
      exports[account.name] = (plan.accounts[account.name]?.serviceExports ?? []).map { item in
        old.first { $0.plan == item } ?? ServiceExport(item)
      }
    }
    return accounts.values.map { account in
      let old = account.links
      let own = plan.accounts[account.name]
      let streamImports = (own?.streamImports ?? []).map { item in
        let exporter = accounts[item.exporter]!
        return old.streamImports.first { $0.exporter === exporter && $0.plan == item }
          ?? StreamImport(item, exporter: exporter)
      }
      let serviceImports = (own?.serviceImports ?? []).map { item in
        let exporter = accounts[item.exporter]!
        let export = exports[item.exporter]!.first { $0.plan.subject == item.export }!
        return old.serviceImports.first { $0.hop.target === exporter && $0.hop.export === export && $0.plan == item }
          ?? ServiceImport(item, importer: account, exporter: exporter, export: export)
      }
      let links = AccountLinks(
        serviceExports: exports[account.name]!, streamImports: streamImports, serviceImports: serviceImports)
      return (account, links)
    }
  }
}
