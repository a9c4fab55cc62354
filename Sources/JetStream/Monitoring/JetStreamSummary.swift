import Broker
import Configuration
import JSON
import JetStreamAPI

/// Configuration, use and limits of JetStream, as `/varz`, `/jsz` and STATSZ show them (FEATURES 11.066 to 11.069).
struct JetStreamSummary: Sendable, JSONWritable {
  let options: JetStreamOptions
  /// nil: left out.
  let directory: String?
  /// In bytes.
  let maximumMemory: Int64
  let maximumStorage: Int64
  let figures: JetStreamFigures

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeConfiguration(to: &writer)
    writer.key("stats")
    writer.beginObject()
    figures.writeMembers(to: &writer)
    writer.endObject()
    writeLimits(to: &writer)
    writer.endObject()
  }

  func writeConfiguration(to writer: inout JSONWriter) {
    writer.key("config")
    writer.beginObject()
    writer.field("max_memory", maximumMemory)
    writer.field("max_storage", maximumStorage)
    writer.field("store_dir", directory ?? "", omitEmpty: true)
    writer.field("sync_interval", options.syncIntervalNanoseconds, omitEmpty: true)
    writer.field("sync_always", options.syncAlways, omitEmpty: true)
    writer.field("domain", options.domain, omitEmpty: true)
    // nats-server forgets it where it works a maximum out itself.
    writer.field("compress_ok", options.maxMemory > 0 && options.maxStore > 0, omitEmpty: true)
    writer.field("unique_tag", options.uniqueTag, omitEmpty: true)
    writer.field("strict", options.strict, omitEmpty: true)
    writer.endObject()
  }

  func writeLimits(to writer: inout JSONWriter) {
    let limits = options.limits
    writer.key("limits")
    writer.beginObject()
    writer.field("max_request_batch", limits.maxRequestBatch, omitEmpty: true)
    writer.field("max_ack_pending", limits.maxAckPending, omitEmpty: true)
    writer.field("max_ha_assets", limits.maxHAAssets, omitEmpty: true)
    writer.field("max_duplicate_window", limits.duplicateWindowNanoseconds, omitEmpty: true)
    writer.field("max_batch_inflight_per_stream", limits.maxBatchInflightPerStream, omitEmpty: true)
    writer.field("max_batch_inflight_total", limits.maxBatchInflightTotal, omitEmpty: true)
    writer.field("max_batch_size", limits.maxBatchSize, omitEmpty: true)
    writer.field("max_batch_timeout", limits.maxBatchTimeoutNanoseconds, omitEmpty: true)
    writer.field("default_max_consumers", limits.defaultMaxConsumers, omitEmpty: true)
    writer.endObject()
  }
}

/// What the server, or one account, uses (FEATURES 11.066, 11.067).
struct JetStreamFigures: Sendable {
  var memory: UInt64 = 0
  var storage: UInt64 = 0
  var reservedMemory: UInt64 = 0
  var reservedStorage: UInt64 = 0
  var accounts = 0
  /// 0 where an account's figures are shown.
  var apiLevel = 0
  var requests: UInt64 = 0
  var errors: UInt64 = 0
  var requestsWaiting: UInt64 = 0

  /// Without the braces, for objects that have more members.
  func writeMembers(to writer: inout JSONWriter) {
    writer.field("memory", memory)
    writer.field("storage", storage)
    writer.field("reserved_memory", reservedMemory)
    writer.field("reserved_storage", reservedStorage)
    writer.field("accounts", accounts)
    writer.field("ha_assets", 0)
    writer.key("api")
    writer.beginObject()
    writer.field("level", apiLevel)
    writer.field("total", requests)
    writer.field("errors", errors)
    writer.field("inflight", requestsWaiting, omitEmpty: true)
    writer.endObject()
  }
}

extension JetStreamService {
  public func summary(showsDirectory: Bool) -> any JSONWritable & Sendable {
    currentSummary(showsDirectory: showsDirectory)
  }

  func currentSummary(showsDirectory: Bool) -> JetStreamSummary {
    JetStreamSummary(
      options: options, directory: showsDirectory ? location.directory : nil, maximumMemory: maximumMemory,
      maximumStorage: maximumStorage, figures: figures)
  }

  /// Any thread.
  private var figures: JetStreamFigures {
    let accounts = sortedAccounts
    let reserved = Self.reserved(accounts.flatMap(\.configurations))
    let counts = requestCounts
    var figures = JetStreamFigures()
    figures.memory = memoryUsed
    figures.storage = storageUsed
    figures.reservedMemory = UInt64(clamping: reserved.memory)
    figures.reservedStorage = UInt64(clamping: reserved.file)
    figures.accounts = accounts.count
    figures.apiLevel = APILevel.current
    figures.requests = counts.total
    figures.errors = counts.errors
    figures.requestsWaiting = counts.waiting
    return figures
  }
}

extension AccountJetStream {
  /// What it uses; what is reserved for it is its limit, and that as nats-server shows it: -1 as the largest number.
  var figures: JetStreamFigures {
    let limits = self.limits
    let counts = requestCounts
    var figures = JetStreamFigures()
    figures.memory = memoryUsed
    figures.storage = storageUsed
    figures.reservedMemory = UInt64(bitPattern: limits.maxMemory)
    figures.reservedStorage = UInt64(bitPattern: limits.maxStore)
    figures.requests = counts.total
    figures.errors = counts.errors
    return figures
  }
}
