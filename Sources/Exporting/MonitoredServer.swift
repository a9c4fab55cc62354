import HTTP
import JSON
import Metrics
import Reactor

/// A server that is collected from, and what is known of it between scrapes.
///
/// Invariant: used on the exporter's loop only.
final class MonitoredServer: @unchecked Sendable {
  let target: ExporterOptions.Target
  private let identity: ExporterOptions.Identity
  private let logger: Logger
  private let reminderNanoseconds: Int64
  /// The internal id or name that `/varz` told last.
  private var internalID: String?
  /// Endpoints that failed in the last scrape, with the reason.
  private var failing: [MonitoringEndpoint: FetchFailure] = [:]
  private var lastReport: Int64?

  init(_ target: ExporterOptions.Target, options: ExporterOptions, logger: Logger) {
    self.target = target
    self.logger = logger
    identity = target.isNamed ? .url : options.identity
    reminderNanoseconds = options.retrySeconds * 1_000_000_000
  }

  /// The label `server_id`. Until the server has told its own id or name, its URL stands for it.
  var id: String { internalID ?? target.id }

  /// Labels need what `/varz` tells.
  var needsIdentity: Bool { identity != .url }
  var isIdentified: Bool { !needsIdentity || internalID != nil }

  /// Takes the identity from `/varz`. Returns the server's own name; nil when this is no `/varz`.
  func learn(from varz: UnsafeRawBufferPointer) -> String? {
    guard let (serverID, name) = try? Self.identity(varz) else { return nil }
    switch identity {
    case .url: break
    case .serverID: if !serverID.isEmpty { internalID = serverID }
    case .serverName: if !name.isEmpty { internalID = name }
    }
    return name
  }

  private static func identity(_ varz: UnsafeRawBufferPointer) throws(JSONError) -> (id: String, name: String) {
    var reader = JSONReader(varz)
    var id = ""
    var name = ""
    try reader.beginObject()
    while try reader.nextKey() {
      if reader.keyIs("server_id") {
        id = try reader.readString()
      } else if reader.keyIs("server_name") {
        name = try reader.readString()
      } else {
        try reader.skipValue()
      }
    }
    try reader.finish()
    return (id, name)
  }

  /// Logs what changed since the last scrape, and from time to time what still fails.
  func report(_ failures: [MonitoringEndpoint: FetchFailure], now: Int64) {
    defer { failing = failures }
    if failures.isEmpty {
      if !failing.isEmpty { logger.info("Server \(id) answers again") }
      return
    }
    let isOld = failures == failing
    if isOld, let lastReport, now - lastReport < reminderNanoseconds { return }
    lastReport = now
    let list = failures.map { "\($0.key.rawValue) \($0.value.rawValue)" }.sorted().joined(separator: ", ")
    logger.warning("Server \(id) does not answer\(isOld ? " yet" : ""): \(list)")
  }
}
