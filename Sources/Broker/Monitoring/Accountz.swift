import Bytes
import Configuration
import JSON

/// The answer of `/accountz`: the names of all accounts, or one account in detail (FEATURES 11.055).
struct Accountz: Sendable, JSONWritable {
  let serverID: String
  let now: Int64
  let systemAccount: String
  let accounts: [String]
  let detail: AccountDetail?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    writer.field("system_account", systemAccount, omitEmpty: true)
    writer.field("accounts", accounts, omitEmpty: true)
    writer.field("account_detail", ifPresent: detail)
    writer.endObject()
  }
}

/// One account in detail (FEATURES 11.056).
struct AccountDetail: Sendable, JSONWritable {
  let name: String
  let updated: Int64
  let isSystem: Bool
  let hasJetStream: Bool
  let connections: Int
  let subscriptions: Int
  let mappings: [MappingOptions]
  let exports: [ExportSummary]
  let imports: [ImportSummary]
  let statistics: SublistStatistics

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("account_name", name)
    writer.field("update_time", Timestamp(unixNanoseconds: updated))
    writer.field("is_system", isSystem, omitEmpty: true)
    writer.field("expired", false)
    writer.field("complete", true)
    writer.field("jetstream_enabled", hasJetStream)
    writer.field("leafnode_connections", 0)
    writer.field("client_connections", connections)
    writer.field("subscriptions", subscriptions)
    writeMappings(to: &writer)
    writer.field("exports", exports, omitEmpty: true)
    writer.field("imports", imports, omitEmpty: true)
    writer.field("name_tag", name)
    writer.key("sublist_stats")
    writer.beginObject()
    statistics.writeFields(to: &writer)
    writer.endObject()
    writer.endObject()
  }

  private func writeMappings(to writer: inout JSONWriter) {
    if mappings.isEmpty { return }
    writer.key("mappings")
    writer.beginObject()
    for mapping in mappings.sorted(by: { $0.source < $1.source }) {
      writer.key(mapping.source)
      MappingSummary(mapping).writeDestinations(to: &writer)
    }
    writer.endObject()
  }
}

/// What an account offers to others (FEATURES 11.058).
struct ExportSummary: Sendable, JSONWritable {
  let subject: String
  /// nil for a stream.
  var responseType: String?
  var latency: ServiceLatencyOptions?
  /// Accounts that may import; nil: all.
  var accounts: [String]?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("subject", subject)
    writer.field("type", responseType == nil ? "stream" : "service")
    writer.field("token_req", accounts?.isEmpty ?? false, omitEmpty: true)
    writer.field("response_type", responseType ?? "", omitEmpty: true)
    if let latency {
      writer.key("service_latency")
      writer.latency(latency)
    }
    writer.field("approved_accounts", (accounts ?? []).sorted(), omitEmpty: true)
    writer.endObject()
  }
}

/// What an account takes from another (FEATURES 11.057).
struct ImportSummary: Sendable, JSONWritable {
  let subject: String
  let account: String
  let localSubject: String
  let isService: Bool
  var share = false
  var latency: ServiceLatencyOptions?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("subject", subject)
    writer.field("account", account)
    if isService { writer.field("to", localSubject) }
    writer.field("local_subject", localSubject, omitEmpty: true)
    writer.field("type", isService ? "service" : "stream")
    writer.field("invalid", false)
    writer.field("share", share)
    writer.field("tracking", false)
    if let latency {
      writer.key("latency")
      writer.latency(latency)
    }
    writer.endObject()
  }
}

extension JSONWriter {
  /// Sampling is a percentage, or "headers" where requests ask for it themselves.
  fileprivate mutating func latency(_ latency: ServiceLatencyOptions) {
    beginObject()
    key("sampling")
    if latency.sampling == 0 { value("headers") } else { value(latency.sampling) }
    field("results", latency.subject)
    endObject()
  }
}

extension Monitor {
  func accountz(account name: String) -> MonitoringOutcome {
    let settings = server.settings
    var detail: AccountDetail?
    if !name.isEmpty {
      guard let found = accountDetail(name) else {
        return .failed(MonitoringError("Account \(name) does not exist"))
      }
      detail = found
    }
    return .answer(
      Accountz(
        serverID: server.info.serverID, now: wallNanoseconds, systemAccount: settings.systemAccount?.name ?? "",
        accounts: name.isEmpty ? settings.accounts.keys.sorted() : [], detail: detail))
  }

  /// What nats-server maps where JetStream has a domain; natsd listens to both spellings instead (FEATURES 3.186).
  private func domainMappings(of account: Account) -> [MappingOptions] {
    guard let domain = server.jetStream?.domain, !domain.isEmpty else { return [] }
    let subjects =
      account.isSystem
      ? [(">", "$JS.API.>")]
      : ["ACCOUNT.>", "CONSUMER.>", "DIRECT.>", "INFO", "META.>", "SERVER.>", "STREAM.>"].map { ($0, "$JS.API.\($0)") }
        + ["$KV.>", "$OBJ.>"].map { ($0, $0) }
    return subjects.map { name, target in
      MappingOptions(source: "$JS.\(domain).API.\(name)", destinations: [MappingDestination(subject: target)])
    }
  }

  /// nil when there is no such account.
  func accountDetail(_ name: String) -> AccountDetail? {
    let settings = server.settings
    guard let account = settings.accounts[name] else { return nil }
    let options = settings.options.accounts.first { $0.name == name } ?? AccountOptions(name: name)
    let links = account.links
    let services = options.serviceExports.map { export in
      ExportSummary(
        subject: export.subject, responseType: export.responseType.shown, latency: export.latency,
        accounts: export.accounts)
    }
    let streams = options.streamExports.map { ExportSummary(subject: $0.subject, accounts: $0.accounts) }
    let streamImports = links.streamImports.map { item in
      ImportSummary(subject: item.plan.from, account: item.exporter.name, localSubject: item.plan.to, isService: false)
    }
    let serviceImports = links.serviceImports.map { item in
      ImportSummary(
        subject: item.plan.to, account: item.hop.target.name, localSubject: item.plan.from, isService: true,
        share: item.plan.share, latency: item.hop.latency)
    }
    return AccountDetail(
      name: name, updated: server.configurationWall, isSystem: account.isSystem,
      hasJetStream: server.jetStream?.isEnabled(for: account) ?? false, connections: account.connectionCount,
      subscriptions: account.subscriptionCount, mappings: options.mappings + domainMappings(of: account),
      exports: services + (account.isSystem ? server.system.exports : []) + streams,
      imports: streamImports + serviceImports + server.system.imports(of: account),
      statistics: SublistStatistics(account.index))
  }
}

extension ServiceExportOptions.ResponseType {
  fileprivate var shown: String {
    switch self {
    case .singleton: "Singleton"
    case .stream: "Streamed"
    case .chunked: "Chunked"
    }
  }
}
