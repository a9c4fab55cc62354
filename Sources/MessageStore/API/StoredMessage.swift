/// A message as it lies in a store. The bytes are valid until the store is changed or read again.
public struct StoredMessage {
  public let sequence: UInt64
  /// Nanoseconds since 1970-01-01T00:00:00Z.
  public let timestamp: Int64
  /// What the caller of `append` said about it; 0 for most.
  public let flags: UInt8
  public let subject: UnsafeRawBufferPointer
  /// With its `NATS/1.0` line and the final empty line; empty when there is none.
  public let header: UnsafeRawBufferPointer
  public let payload: UnsafeRawBufferPointer
  /// What it counts in `state.bytes` (FEATURES 5.089).
  public let bytes: Int

  public init(
    sequence: UInt64, timestamp: Int64, flags: UInt8, subject: UnsafeRawBufferPointer,
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, bytes: Int
  ) {
    self.sequence = sequence
    self.timestamp = timestamp
    self.flags = flags
    self.subject = subject
    self.header = header
    self.payload = payload
    self.bytes = bytes
  }
}

/// A message that a store has just given up.
public struct RemovedMessage {
  public let sequence: UInt64
  /// What it counted in `state.bytes`.
  public let bytes: Int
  /// Valid until the store is changed or read again; empty when the record could not be read.
  public let subject: UnsafeRawBufferPointer
}
