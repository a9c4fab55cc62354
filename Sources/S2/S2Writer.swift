/// Compresses what is appended into a stream of chunks. Confined to one loop; it keeps one block of input.
public final class S2Writer {
  private let blockBytes: Int
  private let identifier: [UInt8]
  private var input: [UInt8] = []
  private var isBegun = false
  private let table = UnsafeMutablePointer<UInt32>.allocate(capacity: S2Block.tableCount)
  /// What is ready; taken from the front by the owner.
  public private(set) var output: [UInt8] = []
  /// How much of `output` the owner has taken.
  private var taken = 0

  /// - Parameter blockBytes: what is compressed together, at most 4 MiB.
  public convenience init(blockBytes: Int = 256 << 10) {
    self.init(blockBytes: min(max(1, blockBytes), S2Format.largestBlock), identifier: S2Format.identifierBody)
  }

  init(blockBytes: Int, identifier: [UInt8]) {
    self.blockBytes = blockBytes
    self.identifier = identifier
    input.reserveCapacity(blockBytes)
  }

  deinit { table.deallocate() }

  /// Bytes that are ready and not taken.
  public var readyCount: Int { output.count - taken }

  public func append(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = rest.prefix(blockBytes - input.count)
      input.append(contentsOf: part)
      rest = rest.dropFirst(part.count)
      if input.count == blockBytes { finishBlock() }
    }
  }

  public func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  /// Makes everything ready that was appended.
  public func flush() {
    begin()
    if !input.isEmpty { finishBlock() }
  }

  /// Removes up to `count` ready bytes.
  public func take(_ count: Int) -> [UInt8] {
    let part = Array(output[taken..<(taken + min(count, readyCount))])
    taken += part.count
    if taken == output.count {
      output.removeAll(keepingCapacity: true)
      taken = 0
    } else if taken > 1 << 20 {
      output.removeSubrange(..<taken)
      taken = 0
    }
    return part
  }

  private func begin() {
    guard !isBegun else { return }
    isBegun = true
    appendChunkHeader(S2Format.Chunk.identifier, identifier.count)
    output += identifier
  }

  private func finishBlock() {
    begin()
    let start = output.count
    appendChunkHeader(S2Format.Chunk.compressed, 0)
    input.withUnsafeBytes { input in
      append(S2Format.checksum(input))
      let body = output.count
      S2Block.encode(input, table: table, to: &output)
      if output.count - body >= input.count {
        // Nothing was won.
        output.removeLast(output.count - body)
        output.append(contentsOf: input)
        output[start] = S2Format.Chunk.uncompressed
      }
    }
    let length = output.count - start - S2Format.chunkHeaderBytes
    for index in 0..<3 { output[start + 1 + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
    input.removeAll(keepingCapacity: true)
  }

  private func appendChunkHeader(_ kind: UInt8, _ length: Int) {
    output.append(kind)
    for index in 0..<3 { output.append(UInt8(truncatingIfNeeded: length >> (8 * index))) }
  }

  private func append(_ value: UInt32) {
    for index in 0..<4 { output.append(UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))) }
  }
}
