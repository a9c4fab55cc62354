import Subjects

/// The accounts of a file with what they export to and import from each other: who may import, no cycles, no
/// duplicates (FEATURES 4.031 to 4.036). Runs in the order of nats-server: stream exports, service exports, stream
/// imports, service imports, each over all accounts.
struct AccountGraph {
  private let accounts: [AccountOptions]
  private let places: [String: Int]
  private let noSystemAccount: Bool

  /// Cycles are searched through at most this many accounts.
  static let maximumSearchDepth = 1024

  init(_ accounts: [AccountOptions], noSystemAccount: Bool) {
    self.accounts = accounts
    self.noSystemAccount = noSystemAccount
    places = Dictionary(accounts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { $1 })
  }

  func problems() -> [String] {
    var problems: [String] = []
    for account in accounts {
      for export in account.streamExports { problems += check(export) }
    }
    for account in accounts {
      for export in account.serviceExports { problems += check(export, of: account) }
    }
    var streams = AcceptedImports<StreamImportOptions>()
    for account in accounts {
      for item in account.streamImports {
        if let problem = check(item, of: account, accepted: &streams) { problems.append(problem) }
      }
    }
    var services = AcceptedImports<ServiceImportOptions>()
    for account in accounts {
      for item in account.serviceImports {
        if let problem = check(item, of: account, accepted: &services) { problems.append(problem) }
      }
    }
    return problems
  }

  // MARK: Exports

  private func check(_ export: StreamExportOptions) -> [String] {
    let problems = unknownAccounts(export.accounts, kind: "stream export")
    guard !isTokenPosition(export.accountTokenPosition, in: export.subject) else { return problems }
    return problems
      + ["Error adding stream export \(GoText.quoted(export.subject)): \(Self.invalidSubject)"]
  }

  private func check(_ export: ServiceExportOptions, of account: AccountOptions) -> [String] {
    var problems = unknownAccounts(export.accounts, kind: "service export")
    guard isTokenPosition(export.accountTokenPosition, in: export.subject) else {
      return problems
        + ["Error adding service export \(GoText.quoted(export.subject)): \(Self.invalidSubject)"]
    }
    if let latency = export.latency, let problem = check(latency, of: export, account) { problems.append(problem) }
    return problems
  }

  private static let invalidSubject = "sublist: invalid subject"

  private func check(
    _ latency: ServiceLatencyOptions, of export: ServiceExportOptions, _ account: AccountOptions
  ) -> String? {
    let start = "Error adding service latency sampling for \(GoText.quoted(export.subject))"
    if noSystemAccount { return "\(start): system account not setup" }
    let full = "\(start) on subject \(GoText.quoted(latency.subject)):"
    guard Subject.isValidPublish(latency.subject) else { return "\(full) invalid publish subject" }
    let isExported =
      account.serviceExports.prefix { $0 != export }.contains {
        covers($0.subject, latency.subject)
      } || covers(export.subject, latency.subject)
    if isExported { return "\(full) invalid publish subject" }
    return export.responseType == .singleton ? nil : "\(full) bad service response type"
  }

  private func unknownAccounts(_ names: [String]?, kind: String) -> [String] {
    (names ?? []).filter { places[$0] == nil }.map { "\(GoText.quoted($0)) account not defined for \(kind)" }
  }

  /// Position 0 asks for nothing; any other must be a `*` of the subject.
  private func isTokenPosition(_ position: Int, in subject: String) -> Bool {
    guard position != 0 else { return true }
    let tokens = subject.split(separator: ".", omittingEmptySubsequences: false)
    return position > 0 && position <= tokens.count && tokens[position - 1] == "*"
  }

  // MARK: Authorization of imports

  private struct Access {
    let subject: String
    let accounts: [String]?
    let tokenPosition: Int
  }

  /// Whether an export, or the first one that is wider than the import, lets the account in.
  private func isAuthorized(_ importer: String, _ subject: String, _ exports: [Access]) -> Bool {
    if let exact = exports.last(where: { $0.subject == subject }) {
      return allows(exact, importer, tokens: [])
    }
    guard let wider = exports.first(where: { covers($0.subject, subject) }) else { return false }
    return allows(wider, importer, tokens: subject.split(separator: ".", omittingEmptySubsequences: false))
  }

  private func allows(_ access: Access, _ importer: String, tokens: [Substring]) -> Bool {
    if access.tokenPosition > 0 {
      return access.tokenPosition <= tokens.count && tokens[access.tokenPosition - 1] == importer
    }
    return access.accounts.map { $0.contains(importer) } ?? true
  }

  private func covers(_ wide: String, _ narrow: String) -> Bool {
    wide == narrow || Subject.isSubset(narrow, of: wide)
  }

  // MARK: Imports

  /// Imports that were found right so far: cycles and duplicates are searched among them.
  private struct AcceptedImports<Item> {
    var items: [String: [(item: Item, from: String, to: String)]] = [:]
  }

  private func check(
    _ item: StreamImportOptions, of account: AccountOptions, accepted: inout AcceptedImports<StreamImportOptions>
  ) -> String? {
    guard let place = places[item.account] else {
      return "\(GoText.quoted(item.account)) account not defined for stream import"
    }
    let start = "Error adding stream import \(GoText.quoted(item.subject)):"
    let exporter = accounts[place]
    let exports = exporter.streamExports.map {
      Access(subject: $0.subject, accounts: $0.accounts, tokenPosition: $0.accountTokenPosition)
    }
    guard Subject.isValid(item.subject), isAuthorized(account.name, item.subject, exports) else {
      return "\(start) stream import not authorized"
    }
    var to = item.to.isEmpty ? item.subject : item.to
    if !item.prefix.isEmpty {
      guard Subject.isLiteral(item.prefix) else {
        return "\(start) stream import prefix can not contain wildcard tokens"
      }
      to = (item.prefix.hasSuffix(".") ? item.prefix : item.prefix + ".") + item.subject
    }
    for subject in [to, item.subject] {
      var visited: Set<String> = [account.name]
      if let problem = streamCycle(exporter, subject, &visited, accepted) { return "\(start) \(problem)" }
    }
    if Subject.hasWildcard(item.subject), to != item.subject {
      do throws(SubjectTransformError) {
        _ = try SubjectTransform(
          source: item.subject, destination: SubjectTransform.withPlaceholders(to), strict: true)
      } catch {
        return "\(start) failed to create mapping transform for stream import subject from "
          + "\(GoText.quoted(item.subject)) to \(GoText.quoted(to)): \(error.description)"
      }
      to = SubjectTransform.withoutPlaceholders(to).pattern
    }
    if accepted.items[account.name, default: []].contains(where: {
      $0.item.account == item.account && $0.item.subject == item.subject
    }) {
      return "\(start) stream import already exists"
    }
    accepted.items[account.name, default: []].append((item, item.subject, to))
    return nil
  }

  private func streamCycle(
    _ account: AccountOptions, _ subject: String, _ visited: inout Set<String>,
    _ accepted: AcceptedImports<StreamImportOptions>
  ) -> String? {
    if visited.count >= Self.maximumSearchDepth { return "search cycle depth exhausted" }
    guard account.streamExports.contains(where: { covers($0.subject, subject) }) else { return nil }
    for (item, _, to) in accepted.items[account.name, default: []] where Subject.collide(subject, to) {
      if visited.contains(item.account) { return "import forms a cycle" }
      visited.insert(account.name)
      let narrowed = Subject.isSubset(to, of: subject) ? to : subject
      guard let place = places[item.account] else { continue }
      if let problem = streamCycle(accounts[place], narrowed, &visited, accepted) { return problem }
    }
    return nil
  }

  private func check(
    _ item: ServiceImportOptions, of account: AccountOptions, accepted: inout AcceptedImports<ServiceImportOptions>
  ) -> String? {
    guard let place = places[item.account] else {
      return "\(GoText.quoted(item.account)) account not defined for service import"
    }
    let start = "Error adding service import \(GoText.quoted(item.subject)):"
    let exporter = accounts[place]
    var from = item.to.isEmpty ? item.subject : item.to
    guard Subject.isValid(from), Subject.isValid(item.subject) else { return "\(start) \(Self.invalidSubject)" }
    let exports = exporter.serviceExports.map {
      Access(subject: $0.subject, accounts: $0.accounts, tokenPosition: $0.accountTokenPosition)
    }
    guard isAuthorized(account.name, item.subject, exports) else {
      return "\(start) service import not authorized"
    }
    var visited: Set<String> = [account.name]
    let hasWildcard = Subject.hasWildcard(item.subject)
    let local = hasWildcard ? SubjectTransform.withoutPlaceholders(from).pattern : from
    if let problem = serviceCycle(exporter, local, &visited, accepted) { return "\(start) \(problem)" }
    if let other = accepted.items[account.name, default: []].first(where: {
      $0.item.account == item.account && $0.from == from
    }) {
      return "\(start) duplicate service import subject \(GoText.quoted(from)), previously used in import for "
        + "account \(GoText.quoted(other.item.account)), subject \(GoText.quoted(other.to))"
    }
    if hasWildcard, from != item.subject {
      do throws(SubjectTransformError) {
        _ = try SubjectTransform(
          source: SubjectTransform.withoutPlaceholders(item.subject).pattern,
          destination: SubjectTransform.withPlaceholders(from), strict: true)
      } catch {
        return "\(start) failed to create mapping transform for service import subject from "
          + "\(GoText.quoted(from)) to \(GoText.quoted(item.subject)): \(error.description)"
      }
      from = local
    }
    accepted.items[account.name, default: []].append((item, from, item.subject))
    return nil
  }

  private func serviceCycle(
    _ account: AccountOptions, _ subject: String, _ visited: inout Set<String>,
    _ accepted: AcceptedImports<ServiceImportOptions>
  ) -> String? {
    if visited.count >= Self.maximumSearchDepth { return "search cycle depth exhausted" }
    for (item, from, to) in accepted.items[account.name, default: []] where Subject.collide(subject, to) {
      if visited.contains(item.account) { return "import forms a cycle" }
      visited.insert(account.name)
      let narrowed = Subject.isSubset(from, of: subject) ? from : subject
      guard let place = places[item.account] else { continue }
      if let problem = serviceCycle(accounts[place], narrowed, &visited, accepted) { return problem }
    }
    return nil
  }
}
