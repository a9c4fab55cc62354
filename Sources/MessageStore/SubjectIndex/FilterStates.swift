/// How far a subject with wildcards has matched, byte by byte. A number a filter: `dead`, `rest` (a `>` was reached: all
/// that follows matches) or twice the position in the filter, plus one inside of a `*`.
enum FilterState {
  static let dead: Int32 = -1
  static let rest: Int32 = -2

  @inline(__always) static func isStar(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> Bool {
    at < text.count && text[at] == 0x2A && (at == 0 || text[at - 1] == 0x2E)
      && (at + 1 == text.count || text[at + 1] == 0x2E)
  }

  @inline(__always) static func isTail(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> Bool {
    at + 1 == text.count && text[at] == 0x3E && (at == 0 || text[at - 1] == 0x2E)
  }

  @inline(__always)
  static func step(_ state: Int32, _ byte: UInt8, _ text: UnsafeBufferPointer<UInt8>) -> Int32 {
    if state < 0 { return state }
    let at = Int(state >> 1)
    if isStar(text, at) {
      if byte != 0x2E { return state | 1 }
      return state & 1 == 0 || at + 1 == text.count ? dead : Int32((at + 2) * 2)
    }
    if at >= text.count { return dead }
    if isTail(text, at) { return byte == 0x2E ? dead : rest }
    return text[at] == byte ? Int32((at + 1) * 2) : dead
  }

  @inline(__always) static func accepts(_ state: Int32, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    if state < 0 { return state == rest }
    let at = Int(state >> 1)
    return state & 1 == 0 ? at == text.count : at + 1 == text.count
  }
}
