/// Entries on their way to the journal, one behind the other. Reused from call to call.
public struct StreamEntries {
  private var bytes: [UInt8] = []
  private var ends: [(kind: StreamEntryKind, end: Int)] = []

  public init() {}

  public var count: Int { ends.count }
  public var isEmpty: Bool { ends.isEmpty }
  public var byteCount: Int { bytes.count }

  public func kind(_ index: Int) -> StreamEntryKind { ends[index].kind }

  /// The bytes of an entry; valid during the call.
  public func withEntry<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let start = index == 0 ? 0 : ends[index - 1].end
    return try bytes.withUnsafeBytes { bytes in
      try body(UnsafeRawBufferPointer(rebasing: bytes[start..<ends[index].end]))
    }
  }

  /// Empties it and keeps its memory up to 1 MiB.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
    ends.removeAll(keepingCapacity: true)
  }

  /// Adds an entry of another room's making.
  public mutating func append(_ kind: StreamEntryKind, _ payload: [UInt8]) {
    bytes += payload
    ends.append((kind, bytes.count))
  }

  mutating func append(_ put: PutEntry) {
    let start = bytes.count
    bytes.reserveCapacity(start + put.byteCount)
    withUnsafeTemporaryAllocation(byteCount: PutEntry.headBytes, alignment: 8) { head in
      put.writeHead(to: head)
      bytes.append(contentsOf: head)
    }
    bytes.append(contentsOf: put.subject)
    bytes.append(contentsOf: put.header)
    bytes.append(contentsOf: put.payload)
    ends.append((.put, bytes.count))
  }
}
