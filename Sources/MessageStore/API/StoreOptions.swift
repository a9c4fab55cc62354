/// How a store works. The defaults suit every stream.
public struct StoreOptions: Sendable {
  /// Bytes of records in one block; the least is 4 KiB, the most 256 MiB. nil: chosen by the backing.
  public var blockBytes: Int?
  /// Unwritten bytes of the newest block that are kept before they are written to the file.
  public var writeBytes = 64 << 10
  /// Blocks in files are compressed when they are full (FEATURES 5.020).
  public var compresses = false
  /// Bytes of a block that are compressed together, 512 B to 1 MiB: what is read for one message at least.
  public var pieceBytes = 32 << 10
  public init() {}
}

/// What `StreamStore.open` found.
public struct StoreRecovery: Sendable {
  /// The journal's sequence that was given to the last checkpoint; 0 without one. Entries after it are to be applied
  /// again; entries up to it are all contained.
  public var appliedLog: UInt64 = 0
  /// What the caller had written with that checkpoint.
  public var attachment: [UInt8] = []
  /// What cannot be counted as lost messages: what only the checkpoint knew is gone.
  public var damage: String?
  /// What was wrong, for the log: one line each.
  public var notes: [String] = []
}
