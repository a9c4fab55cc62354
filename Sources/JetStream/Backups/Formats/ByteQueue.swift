/// Bytes that have arrived and wait to be taken apart.
struct ByteQueue {
  private var bytes: [UInt8] = []
  private var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { start == bytes.count }

  mutating func append(_ more: [UInt8]) {
    if start == bytes.count {
      bytes = more
      start = 0
      return
    }
    if start > 64 << 10, start * 2 > bytes.count {
      bytes.removeSubrange(..<start)
      start = 0
    }
    bytes += more
  }

  /// There must be so many.
  mutating func take(_ count: Int) -> [UInt8] {
    let part = Array(bytes[start..<(start + count)])
    start += count
    return part
  }

  /// Removes up to `count` bytes; how many.
  mutating func skip(_ count: Int) -> Int {
    let step = min(count, self.count)
    start += step
    return step
  }

  subscript(place: Int) -> UInt8 { bytes[start + place] }

  /// A number in seven bits a byte at `place`, which moves behind it; nil when it is not whole yet.
  func varint(_ place: inout Int) throws(BackupProblem) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var next = place
    while next < count {
      let byte = self[next]
      next += 1
      guard shift < 63 || byte <= 1 else { throw .invalidArchive }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 {
        place = next
        return value
      }
      shift += 7
    }
    return nil
  }
}
