/// Messages that were in the store and cannot be read any more (`state.lost`, FEATURES 5.092).
public struct LostMessages: Equatable, Sendable {
  /// Sequences listed; `count` says how many there are.
  public static let listedLimit = 1024
  /// Ascending, at most `listedLimit`.
  public var sequences: [UInt64] = []
  public var count: UInt64 = 0
  public var bytes: UInt64 = 0
  public init() {}
}

/// What a store holds, as stream info reports it (FEATURES 5.092).
public struct StoreState: Equatable, Sendable {
  public var messages: UInt64 = 0
  /// FEATURES 5.089.
  public var bytes: UInt64 = 0
  /// Of the first message; `lastSequence + 1` when there is none.
  public var firstSequence: UInt64 = 1
  /// Nanoseconds since 1970; 0 when the store is empty.
  public var firstTimestamp: Int64 = 0
  /// The highest sequence ever used, also when its message is gone.
  public var lastSequence: UInt64 = 0
  /// Of the message that was stored last, also when it is gone; 0 when there never was one.
  public var lastTimestamp: Int64 = 0
  public var subjectCount: Int = 0
  /// Sequences between first and last that hold nothing.
  public var deletedCount: UInt64 = 0
  public var lost: LostMessages?
  public init() {}
}

/// How many messages a consumer has yet to see.
public struct PendingCount: Equatable, Sendable {
  public var messages: UInt64
  /// The store's last sequence when they were counted.
  public var validThrough: UInt64

  public init(messages: UInt64, validThrough: UInt64) {
    self.messages = messages
    self.validThrough = validThrough
  }
}
