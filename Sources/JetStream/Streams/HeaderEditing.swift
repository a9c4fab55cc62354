/// Changes to header blocks: the `NATS/1.0` line, fields, an empty line.
enum HeaderEditing {
  private static let line = Array("NATS/1.0\r\n".utf8)
  private static let end: [UInt8] = [0x0D, 0x0A]

  /// Adds a field at the end, whether or not there is one of its name.
  static func append(_ name: StaticString, _ value: String, to block: inout [UInt8]) {
    if block.count > end.count { block.removeLast(end.count) } else { block = line }
    block.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    block.append(contentsOf: [0x3A, 0x20])
    block.append(contentsOf: value.utf8)
    block += end
    block += end
  }

  /// Replaces the value of the first field of a name, or adds the field.
  static func set(_ name: StaticString, _ value: String, in block: inout [UInt8]) {
    let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    guard let field = lines(of: block).first(where: { isField($0, wanted, in: block) }) else {
      append(name, value, to: &block)
      return
    }
    block.replaceSubrange(
      field, with: Array(wanted) + [0x3A, 0x20] + Array(value.utf8) + end)
  }

  /// Removes all fields of a name; a block without fields becomes empty.
  static func remove(_ name: StaticString, from block: inout [UInt8]) {
    let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    remove(from: &block) { isField($0, wanted, in: $1) }
  }

  /// Removes all fields whose name begins so.
  static func remove(prefix: StaticString, from block: inout [UInt8]) {
    let wanted = UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount)
    remove(from: &block) { $1[$0].starts(with: wanted) }
  }

  private static func remove(from block: inout [UInt8], where isUnwanted: (Range<Int>, [UInt8]) -> Bool) {
    for field in lines(of: block).reversed() where isUnwanted(field, block) { block.removeSubrange(field) }
    if block.count <= line.count + end.count { block = [] }
  }

  private static func isField(_ range: Range<Int>, _ name: UnsafeBufferPointer<UInt8>, in block: [UInt8]) -> Bool {
    range.count > name.count && block[range.lowerBound + name.count] == 0x3A && block[range].starts(with: name)
  }

  /// The fields, each with its line end.
  private static func lines(of block: [UInt8]) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var start = 0
    var isFirst = true
    for index in block.indices where block[index] == 0x0A && index > 0 && block[index - 1] == 0x0D {
      if !isFirst, index + 1 - start > end.count { result.append(start..<(index + 1)) }
      isFirst = false
      start = index + 1
    }
    return result
  }
}
