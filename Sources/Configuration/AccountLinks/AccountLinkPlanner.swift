import Bytes
import Subjects

/// Checks exports and imports against each other in the order of nats-server: all stream exports, service exports,
/// stream imports, service imports. A problem leaves out what it is about and the rest goes on.
struct AccountLinkPlanner {
  private let options: [AccountOptions]
  private let hasSystemAccount: Bool
  private let names: Set<String>
  private var exports: [String: AccountExports] = [:]
  private(set) var plans: [String: AccountLinkPlan.AccountPlan] = [:]
  private(set) var problems: [String] = []

  init(_ options: [AccountOptions], hasSystemAccount: Bool) {
    self.options = options
    self.hasSystemAccount = hasSystemAccount
    names = Set(options.map(\.name))
  }

  mutating func plan() {
    for account in options { for export in account.streamExports { add(export, of: account.name) } }
    for account in options { for export in account.serviceExports { add(export, of: account.name) } }
    for account in options { for item in account.streamImports { add(item, to: account.name) } }
    for account in options { for item in account.serviceImports { add(item, to: account.name) } }
    for (name, exported) in exports {
      plans[name, default: .init()].serviceExports = exported.services.map(\.plan)
    }
  }

  private mutating func problem(_ text: String) { problems.append(text) }

  // MARK: exports

  private mutating func add(_ export: StreamExportOptions, of account: String) {
    let approved = known(export.accounts, "stream export")
    let done = exports[account, default: AccountExports()].addStream(
      export.subject, approved, position: export.accountTokenPosition)
    if !done { problem("Error adding stream export \(GoString.quote(export.subject)): \(LinkReason.invalidSubject)") }
  }

  private mutating func add(_ export: ServiceExportOptions, of account: String) {
    let approved = known(export.accounts, "service export")
    let subject = GoString.quote(export.subject)
    guard
      exports[account, default: AccountExports()].addService(export, approved, position: export.accountTokenPosition)
    else {
      problem("Error adding service export \(subject): \(LinkReason.invalidSubject)")
      return
    }
    if let latency = export.latency {
      guard hasSystemAccount else {
        problem("Error adding service latency sampling for \(subject): \(LinkReason.noSystemAccount)")
        return
      }
      if let reason = exports[account]!.track(export.subject, latency) {
        let target = GoString.quote(latency.subject)
        problem("Error adding service latency sampling for \(subject) on subject \(target): \(reason)")
        return
      }
    }
    if export.allowTrace { exports[account]!.allowTrace(export.subject) }
  }

  /// The named accounts that exist; empty: everybody.
  private mutating func known(_ accounts: [String]?, _ kind: String) -> [String] {
    (accounts ?? []).filter { name in
      if names.contains(name) { return true }
      problem("\(GoString.quote(name)) account not defined for \(kind)")
      return false
    }
  }

  // MARK: stream imports

  private mutating func add(_ item: StreamImportOptions, to importer: String) {
    guard names.contains(item.account) else {
      problem("\(GoString.quote(item.account)) account not defined for stream import")
      return
    }
    do throws(LinkReason) {
      let plan = try streamImport(item, to: importer)
      plans[importer, default: .init()].streamImports.append(plan)
    } catch {
      problem("Error adding stream import \(GoString.quote(item.subject)): \(error)")
    }
  }

  private func streamImport(
    _ item: StreamImportOptions, to importer: String
  ) throws(LinkReason) -> AccountLinkPlan.StreamImport {
    guard exports[item.account]?.allowsStream(item.subject, importer) == true else { throw .streamNotAuthorized }
    var to = item.to
    if !item.prefix.isEmpty {
      guard Subject.isLiteral(item.prefix) else { throw .badPrefix }
      to = (item.prefix.hasSuffix(".") ? item.prefix : item.prefix + ".") + item.subject
    }
    if to.isEmpty { to = item.subject }
    try checkStreamCycle(importer, item.account, to)
    try checkStreamCycle(importer, item.account, item.subject)
    var transform: SubjectTransform?
    let hasWildcard = Subject.hasWildcard(item.subject)
    if hasWildcard, to != item.subject {
      do {
        transform = try SubjectTransform(
          source: item.subject, destination: SubjectTransform.withPlaceholders(to), strict: true)
      } catch {
        throw .badTransform("stream", item.subject, to, "\(error)")
      }
      to = SubjectTransform.withoutPlaceholders(to).pattern
    }
    let present = plans[importer]?.streamImports ?? []
    if present.contains(where: { $0.exporter == item.account && $0.from == item.subject }) { throw .streamDuplicate }
    return AccountLinkPlan.StreamImport(
      exporter: item.account, from: item.subject, to: to, transform: transform, reverse: transform?.reversed(),
      keepsSubject: hasWildcard && transform == nil, allowTrace: item.allowTrace)
  }

  private func checkStreamCycle(_ importer: String, _ exporter: String, _ subject: String) throws(LinkReason) {
    var visited: Set = [importer]
    try checkStreamCycle(at: exporter, subject, &visited)
  }

  private func checkStreamCycle(at account: String, _ subject: String, _ visited: inout Set<String>) throws(LinkReason)
  {
    if visited.count >= LinkReason.searchDepth { throw .depthExhausted }
    guard exports[account]?.hasStream(covering: subject) == true else { return }
    for item in plans[account]?.streamImports ?? [] where Subject.collide(subject, item.to) {
      if visited.contains(item.exporter) { throw .cycle }
      visited.insert(account)
      let next = Subject.isSubset(item.to, of: subject) ? item.to : subject
      try checkStreamCycle(at: item.exporter, next, &visited)
    }
  }

  // MARK: service imports

  private mutating func add(_ item: ServiceImportOptions, to importer: String) {
    guard names.contains(item.account) else {
      problem("\(GoString.quote(item.account)) account not defined for service import")
      return
    }
    do throws(LinkReason) {
      let plan = try serviceImport(item, to: importer)
      plans[importer, default: .init()].serviceImports.append(plan)
      try share(item, importer)
    } catch  where error == .notFound {
      problem("Error setting service import sharing \(GoString.quote(item.subject)): \(error)")
    } catch {
      problem("Error adding service import \(GoString.quote(item.subject)): \(error)")
    }
  }

  private func serviceImport(
    _ item: ServiceImportOptions, to importer: String
  ) throws(LinkReason) -> AccountLinkPlan.ServiceImport {
    var to = item.subject
    var from = item.to.isEmpty ? to : item.to
    guard Subject.isValid(from), Subject.isValid(to) else { throw .invalidSubject }
    guard exports[item.account]?.allowsService(to, importer) == true else { throw .serviceNotAuthorized }
    let hasWildcard = Subject.hasWildcard(to)
    var visited: Set = [importer]
    try checkServiceCycle(
      at: item.account, hasWildcard ? SubjectTransform.withoutPlaceholders(from).pattern : from, &visited)
    let present = plans[importer]?.serviceImports ?? []
    if let twin = present.first(where: { $0.exporter == item.account && $0.from == from }) {
      throw .serviceDuplicate(from, twin.exporter, twin.to)
    }
    var transform: SubjectTransform?
    if hasWildcard, to != from {
      to = SubjectTransform.withoutPlaceholders(to).pattern
      do {
        // Placeholders stand on the local side: the transform is made the other way round and reversed.
        transform = try SubjectTransform(
          source: to, destination: SubjectTransform.withPlaceholders(from), strict: true
        ).reversed()
      } catch {
        throw .badTransform("service", from, to, "\(error)")
      }
      from = SubjectTransform.withoutPlaceholders(from).pattern
    }
    return AccountLinkPlan.ServiceImport(
      exporter: item.account, from: from, to: to, transform: transform, keepsSubject: hasWildcard && transform == nil,
      export: exports[item.account]!.service(covering: to)?.subject ?? to)
  }

  /// As in nats-server, sharing is set on the first import of that subject of the exporter.
  private mutating func share(_ item: ServiceImportOptions, _ importer: String) throws(LinkReason) {
    let present = plans[importer]!.serviceImports
    guard let found = present.firstIndex(where: { $0.exporter == item.account && $0.to == item.subject }) else {
      throw .notFound
    }
    plans[importer]!.serviceImports[found].share = item.share
  }

  private func checkServiceCycle(at account: String, _ from: String, _ visited: inout Set<String>) throws(LinkReason) {
    if visited.count >= LinkReason.searchDepth { throw .depthExhausted }
    for item in plans[account]?.serviceImports ?? [] where Subject.collide(from, item.to) {
      if visited.contains(item.exporter) { throw .cycle }
      visited.insert(account)
      let next = Subject.isSubset(item.from, of: from) ? item.from : from
      try checkServiceCycle(at: item.exporter, next, &visited)
    }
  }
}
