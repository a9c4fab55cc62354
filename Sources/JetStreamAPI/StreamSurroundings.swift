/// What the rules about a stream's configuration ask of the account and the server around it.
public struct StreamSurroundings {
  /// `limits.duplicate_window` of the server in nanoseconds, 0: none.
  public var duplicateWindowLimit: Int64 = 0
  /// The account's limits for streams of this kind; nil: none apply (error 10120).
  public var limits: AccountLimits? = .unlimited
  /// Bytes that other streams of the account have reserved (`max_bytes` times replicas), by storage.
  public var accountReserved = StorageAmounts()
  /// Bytes that streams of the whole server have reserved, and what it offers.
  public var serverReserved = StorageAmounts()
  public var serverMaximum = StorageAmounts(memory: .max, file: .max)
  /// Other streams in the account.
  public var streamCount = 0
  /// Whether this server stands alone, and so cannot replicate (error 10074).
  public var isSingleServer = true
  /// Another stream of the account by its name, as stored.
  public var stream: (String) -> StreamConfiguration?
  /// Whether a stream of the account other than the named one has a subject that some message could reach together
  /// with one of these.
  public var overlaps: (_ subjects: [String], _ excluding: String) -> Bool

  public init(
    stream: @escaping (String) -> StreamConfiguration? = { _ in nil },
    overlaps: @escaping ([String], String) -> Bool = { _, _ in false }
  ) {
    self.stream = stream
    self.overlaps = overlaps
  }
}

/// An amount for each kind of storage.
public struct StorageAmounts: Equatable, Sendable {
  public var memory: Int64
  public var file: Int64

  public init(memory: Int64 = 0, file: Int64 = 0) {
    self.memory = memory
    self.file = file
  }

  public subscript(storage: StorageType) -> Int64 {
    get { storage == .memory ? memory : file }
    set { if storage == .memory { memory = newValue } else { file = newValue } }
  }
}
