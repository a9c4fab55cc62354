extension HeaderBlock {
  /// The value of the first field of this name, without the spaces before it; empty when there is none. Names are
  /// compared byte by byte.
  static func value(of name: StaticString, in block: some Collection<UInt8>) -> String {
    let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    for line in Array(block).split(separator: 0x0A).dropFirst() {
      guard line.starts(with: wanted), line.dropFirst(wanted.count).first == 0x3A else { continue }
      let value = line.dropFirst(wanted.count + 1).drop { $0 == 0x20 }
      return String(decoding: value.last == 0x0D ? value.dropLast() : value, as: UTF8.self)
    }
    return ""
  }
}
