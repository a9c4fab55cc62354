/// The `jetstream` block and `store_dir` (FEATURES 3.173 to 3.209).
public struct JetStreamOptions: Sendable, Equatable {
  public var enabled = false
  /// Empty: below the system's directory for temporary files.
  public var storeDirectory = ""
  /// -1: from the memory that the process may use.
  public var maxMemory: Int64 = -1
  /// -1: from the free disk space.
  public var maxStore: Int64 = -1
  public var syncIntervalNanoseconds: Int64 = Defaults.syncIntervalNanoseconds
  public var syncAlways = false
  public var domain = ""
  /// Account to domain (`default_js_domain`).
  public var defaultDomains: [String: String] = [:]
  public var key = ""
  public var previousKey = ""
  public var cipher = StoreCipher.chaChaPoly
  /// `no_extend`, `will_extend` or a domain; empty: none.
  public var extensionHint = ""
  public var uniqueTag = ""
  public var limits = JetStreamLimits()
  public var tpm: TPMOptions?
  public var maxCatchup: Int64 = 0
  public var maxBufferedMessages = 0
  public var maxBufferedSize: Int64 = 0
  public var requestQueueLimit: Int64 = Defaults.jetStreamRequestQueueLimit
  public var infoQueueLimit: Int64 = Defaults.jetStreamRequestQueueLimit
  /// Refuse unknown fields in API requests.
  public var strict = true
  public var metaCompact: UInt64 = 0
  public var metaCompactSize: UInt64 = 0
  public var metaCompactSync = false
  public var maxConcurrentIO = Defaults.jetStreamConcurrentIO

  public init() {}
}

public enum StoreCipher: String, Sendable, Equatable {
  case none = ""
  case chaChaPoly = "ChaCha20-Poly1305"
  case aes = "AES-GCM"
}

/// `jetstream.limits` (FEATURES 3.196 to 3.204); 0: the default.
public struct JetStreamLimits: Sendable, Equatable {
  public var maxRequestBatch = 0
  public var maxAckPending = 0
  public var maxHAAssets = 0
  /// Consumers of a stream that sets no limit itself; below 1: none.
  public var defaultMaxConsumers = 1000
  public var duplicateWindowNanoseconds: Int64 = 0
  public var maxBatchInflightPerStream = 0
  public var maxBatchInflightTotal = 0
  public var maxBatchSize = 0
  public var maxBatchTimeoutNanoseconds: Int64 = 0

  public init() {}
}

/// `jetstream.tpm` (FEATURES 3.205 to 3.209).
public struct TPMOptions: Sendable, Equatable {
  public var keysFile = ""
  public var encryptionPassword = ""
  public var srkPassword = ""
  public var pcr = 0

  public init() {}
}
