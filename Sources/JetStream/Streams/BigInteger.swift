/// A whole number of any size: as much of one as counters need.
struct BigInteger: Equatable, CustomStringConvertible {
  private static let base: UInt32 = 1_000_000_000

  private var isNegative = false
  /// Groups of nine decimal digits, the lowest first; none for zero.
  private var groups: [UInt32] = []

  init() {}

  /// An optional sign and decimal digits; nil for anything else.
  init?(_ text: some Collection<UInt8>) {
    var digits = Array(text)
    if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      digits.removeFirst()
    }
    guard !digits.isEmpty, digits.allSatisfy({ $0 &- 0x30 <= 9 }) else { return nil }
    var end = digits.count
    while end > 0 {
      let start = max(0, end - 9)
      groups.append(digits[start..<end].reduce(0) { $0 * 10 + UInt32($1 - 0x30) })
      end = start
    }
    normalize()
  }

  init?(_ text: String) { self.init(Array(text.utf8)) }

  var description: String {
    guard let highest = groups.last else { return "0" }
    var text = (isNegative ? "-" : "") + String(highest)
    for group in groups.dropLast().reversed() {
      let digits = String(group)
      text += String(repeating: "0", count: 9 - digits.count) + digits
    }
    return text
  }

  static func + (left: BigInteger, right: BigInteger) -> BigInteger {
    var result = BigInteger()
    if left.isNegative == right.isNegative {
      result.groups = sum(left.groups, right.groups)
      result.isNegative = left.isNegative
    } else if isLess(left.groups, right.groups) {
      result.groups = difference(right.groups, left.groups)
      result.isNegative = right.isNegative
    } else {
      result.groups = difference(left.groups, right.groups)
      result.isNegative = left.isNegative
    }
    result.normalize()
    return result
  }

  static prefix func - (number: BigInteger) -> BigInteger {
    var result = number
    result.isNegative.toggle()
    result.normalize()
    return result
  }

  private mutating func normalize() {
    while groups.last == 0 { groups.removeLast() }
    if groups.isEmpty { isNegative = false }
  }

  private static func sum(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var carry: UInt32 = 0
    for index in 0..<max(left.count, right.count) {
      let value = (index < left.count ? left[index] : 0) + (index < right.count ? right[index] : 0) + carry
      result.append(value % base)
      carry = value / base
    }
    if carry > 0 { result.append(carry) }
    return result
  }

  /// `right` is not above `left`.
  private static func difference(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var borrow: Int64 = 0
    for index in left.indices {
      var value = Int64(left[index]) - (index < right.count ? Int64(right[index]) : 0) - borrow
      borrow = value < 0 ? 1 : 0
      if value < 0 { value += Int64(base) }
      result.append(UInt32(value))
    }
    return result
  }

  private static func isLess(_ left: [UInt32], _ right: [UInt32]) -> Bool {
    if left.count != right.count { return left.count < right.count }
    for index in left.indices.reversed() where left[index] != right[index] { return left[index] < right[index] }
    return false
  }
}
