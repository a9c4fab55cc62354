import JSON

/// What an account may use of JetStream (FEATURES 9.029, 3.7a). -1: no limit.
public struct AccountLimits: Equatable, Sendable {
  public var maximumMemory: Int64 = -1
  public var maximumStorage: Int64 = -1
  public var maximumStreams = -1
  public var maximumConsumers = -1
  public var maximumAcknowledgementsPending = -1
  public var memoryMaximumStreamBytes: Int64 = -1
  public var storageMaximumStreamBytes: Int64 = -1
  public var maximumBytesRequired = false

  public init() {}

  public static let unlimited = AccountLimits()

  func maximum(_ storage: StorageType) -> Int64 { storage == .memory ? maximumMemory : maximumStorage }

  func maximumStreamBytes(_ storage: StorageType) -> Int64 {
    storage == .memory ? memoryMaximumStreamBytes : storageMaximumStreamBytes
  }
}

extension AccountLimits: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("max_memory", maximumMemory)
    writer.field("max_storage", maximumStorage)
    writer.field("max_streams", maximumStreams)
    writer.field("max_consumers", maximumConsumers)
    writer.field("max_ack_pending", maximumAcknowledgementsPending)
    writer.field("memory_max_stream_bytes", memoryMaximumStreamBytes)
    writer.field("storage_max_stream_bytes", storageMaximumStreamBytes)
    writer.field("max_bytes_required", maximumBytesRequired)
    writer.endObject()
  }
}

/// Use and limits of an account, or of one tier of it (FEATURES 7.001).
public struct AccountUsage: Equatable, Sendable {
  public var memory: UInt64 = 0
  public var storage: UInt64 = 0
  public var reservedMemory: UInt64 = 0
  public var reservedStorage: UInt64 = 0
  public var streams = 0
  public var consumers = 0
  public var limits = AccountLimits()

  public init() {}

  func writeMembers(to writer: inout JSONWriter) {
    writer.field("memory", memory)
    writer.field("storage", storage)
    writer.field("reserved_memory", reservedMemory)
    writer.field("reserved_storage", reservedStorage)
    writer.field("streams", streams)
    writer.field("consumers", consumers)
    writer.field("limits", limits)
  }
}

extension AccountUsage: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeMembers(to: &writer)
    writer.endObject()
  }
}

/// How often the API was used (FEATURES 11.067).
public struct APIStatistics: Equatable, Sendable {
  public var level = APILevel.current
  public var total: UInt64 = 0
  public var errors: UInt64 = 0
  public var inFlight: UInt64 = 0

  public init() {}
}

extension APIStatistics: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("level", level)
    writer.field("total", total)
    writer.field("errors", errors)
    writer.field("inflight", inFlight, omitEmpty: true)
    writer.endObject()
  }
}

/// The answer to `$JS.API.INFO` (FEATURES 7.001).
public struct AccountInformation: Equatable, Sendable {
  /// With tiers: the sums, limits not set.
  public var usage = AccountUsage()
  public var domain = ""
  public var api = APIStatistics()
  /// By the tier's name, as `R1`.
  public var tiers: [String: AccountUsage] = [:]

  public init() {}
}

extension AccountInformation: APIAnswer {
  public static var type: StaticString { "account_info_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    usage.writeMembers(to: &writer)
    writer.field("domain", domain, omitEmpty: true)
    writer.field("api", api)
    guard !tiers.isEmpty else { return }
    writer.key("tiers")
    writer.beginObject()
    for (name, tier) in tiers.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      writer.key(name)
      tier.write(to: &writer)
    }
    writer.endObject()
  }
}
