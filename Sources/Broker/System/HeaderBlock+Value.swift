extension HeaderBlock {
  /// The value of the first field of this name, without the blanks around it; nil when there is none. Names are compared
  /// byte by byte.
  public static func value(of name: StaticString, in block: UnsafeRawBufferPointer) -> String? {
    let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    var line = 0
    while line < block.count, let end = block[line...].firstIndex(of: 0x0A) {
      let colon = line + wanted.count
      if colon < end, block[colon] == UInt8(ascii: ":"), block[line..<colon].elementsEqual(wanted) {
        var start = colon + 1
        var stop = end
        while start < stop, block[start] == 0x20 { start += 1 }
        while stop > start, block[stop - 1] == 0x0D || block[stop - 1] == 0x20 { stop -= 1 }
        return String(decoding: block[start..<stop], as: UTF8.self)
      }
      line = end + 1
    }
    return nil
  }
}
