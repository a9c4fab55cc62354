import Glibc

/// Memory in which a consumer puts together what it sends: reply subjects, status and message headers.
///
/// Invariant: used by one machine on one loop; a buffer that a method returns is valid until the next call of the same
/// method.
final class ConsumerScratch: @unchecked Sendable {
  private let reply: UnsafeMutablePointer<UInt8>
  private let prefixLength: Int
  private var header: UnsafeMutablePointer<UInt8>
  private var headerCapacity = 512
  private var headerLength = 0

  /// Five numbers of at most 20 digits and the dots between them.
  private static let numbersLength = 5 * 20 + 4

  init(prefix: [UInt8]) {
    prefixLength = prefix.count
    reply = .allocate(capacity: prefix.count + Self.numbersLength)
    header = .allocate(capacity: headerCapacity)
    for (index, byte) in prefix.enumerated() { reply[index] = byte }
  }

  deinit {
    reply.deallocate()
    header.deallocate()
  }

  /// `<prefix><deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>`
  @inline(__always)
  func ackReply(
    deliveries: UInt64, sequence: UInt64, consumerSequence: UInt64, timestamp: Int64, pending: UInt64
  ) -> UnsafeRawBufferPointer {
    var end = reply + prefixLength
    end = Self.append(deliveries, end)
    end[0] = UInt8(ascii: ".")
    end = Self.append(sequence, end + 1)
    end[0] = UInt8(ascii: ".")
    end = Self.append(consumerSequence, end + 1)
    end[0] = UInt8(ascii: ".")
    end = Self.append(UInt64(bitPattern: max(timestamp, 0)), end + 1)
    end[0] = UInt8(ascii: ".")
    end = Self.append(pending, end + 1)
    return UnsafeRawBufferPointer(start: reply, count: end - reply)
  }

  /// Writes a number and returns where it ends.
  @inline(__always)
  private static func append(_ value: UInt64, _ target: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    if value < 10 {
      target[0] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)
      return target + 1
    }
    var length = 2
    var bound: UInt64 = 100
    while value >= bound {
      length += 1
      if length == 20 { break }
      bound &*= 10
    }
    var left = value
    var index = length
    while index > 0 {
      index -= 1
      let (quotient, remainder) = left.quotientAndRemainder(dividingBy: 10)
      target[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: remainder)
      left = quotient
    }
    return target + length
  }

  // MARK: - Headers

  func beginHeader(_ text: StaticString) {
    headerLength = 0
    add(text)
  }

  func beginHeader(_ bytes: UnsafeRawBufferPointer) {
    headerLength = 0
    add(bytes)
  }

  func add(_ text: StaticString) { add(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)) }

  func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  func add(_ bytes: UnsafeRawBufferPointer) {
    reserve(bytes.count)
    if let base = bytes.baseAddress { memcpy(header + headerLength, base, bytes.count) }
    headerLength += bytes.count
  }

  func add(_ number: some FixedWidthInteger) { add(String(number)) }

  func add(field name: StaticString, _ number: some FixedWidthInteger) {
    add(name)
    add(": ")
    add(number)
    add("\r\n")
  }

  /// The header with its final empty line.
  func endHeader() -> UnsafeRawBufferPointer {
    add("\r\n")
    return UnsafeRawBufferPointer(start: header, count: headerLength)
  }

  private func reserve(_ count: Int) {
    guard headerLength + count > headerCapacity else { return }
    while headerLength + count > headerCapacity { headerCapacity *= 2 }
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: headerCapacity)
    larger.update(from: header, count: headerLength)
    header.deallocate()
    header = larger
  }
}
