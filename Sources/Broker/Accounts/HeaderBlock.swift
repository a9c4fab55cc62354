import CSystem

/// Changes to the header block of a message: `NATS/1.0` line, fields, empty line (FEATURES 1.018, 1.050). Names are
/// compared byte by byte.
public enum HeaderBlock {
  static let line: StaticString = "NATS/1.0\r\n"
  private static let lineEnd: [UInt8] = [0x0D, 0x0A]

  /// A block with this field at its end, in place of all fields of that name.
  ///
  /// - Parameter block: the block of the message; empty for a message without headers.
  static func setting(_ name: StaticString, to value: [UInt8], in block: UnsafeRawBufferPointer) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(block.count + name.utf8CodeUnitCount + value.count + 20)
    if block.count > lineEnd.count {
      result.append(contentsOf: UnsafeRawBufferPointer(rebasing: block[..<(block.count - lineEnd.count)]))
      remove(name, from: &result)
    }
    if result.isEmpty { result.append(contentsOf: bytes(line)) }
    result.append(contentsOf: bytes(name))
    result.append(0x3A)
    result.append(0x20)
    result += value
    result += lineEnd
    result += lineEnd
    return result
  }

  static func setting(_ name: StaticString, to value: String, in block: UnsafeRawBufferPointer) -> [UInt8] {
    setting(name, to: Array(value.utf8), in: block)
  }

  /// Whether the text stands anywhere in the block.
  static func mentions(_ text: StaticString, in block: UnsafeRawBufferPointer) -> Bool {
    csys_find(block.baseAddress, block.count, text.utf8Start, text.utf8CodeUnitCount) != nil
  }

  /// A block with one field.
  static func with(_ name: StaticString, _ value: String) -> [UInt8] {
    setting(name, to: value, in: UnsafeRawBufferPointer(start: nil, count: 0))
  }

  private static func remove(_ name: StaticString, from block: inout [UInt8]) {
    while let start = fieldStart(name, in: block) {
      guard let end = block[start...].firstIndex(of: 0x0A) else { return }
      block.removeSubrange(start...end)
      // As in nats-server, a block without fields is made anew.
      if block.count <= line.utf8CodeUnitCount + lineEnd.count { block.removeAll() }
    }
  }

  /// Where a line begins that is a field of this name.
  private static func fieldStart(_ name: StaticString, in block: [UInt8]) -> Int? {
    let wanted = bytes(name)
    var position = 1
    while position + wanted.count < block.count {
      if block[position - 1] == 0x0A, block[position + wanted.count] == 0x3A,
        block[position..<(position + wanted.count)].elementsEqual(wanted)
      {
        return position
      }
      position += 1
    }
    return nil
  }

  private static func bytes(_ text: StaticString) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }
}
