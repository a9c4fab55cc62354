/// Reads one JSON document value by value, in the order in which it stands there, without building anything.
///
///     try reader.beginObject()
///     while try reader.nextKey() {
///       if reader.keyIs("verbose") { verbose = try reader.readBool() } else { try reader.skipValue() }
///     }
///     try reader.finish()
///
/// `null` where a value is expected is the caller's to accept: `if reader.readNull() { continue }`; Go leaves the
/// target as it was. Every `read` call either consumes the value or throws.
///
/// Invariant: `base[0..<count]` stays valid while the reader is used; every access is below `count`.
public struct JSONReader {
  let base: UnsafePointer<UInt8>
  let count: Int
  /// Bytes consumed so far.
  public internal(set) var position = 0
  private var depth = 0
  private let maximumDepth: Int
  /// Right behind an opening brace or bracket: no comma is due.
  private var isFirst = true

  private var keyStart = 0
  private var keyEnd = 0
  /// The key between its quotes is ASCII without escapes.
  private var isKeyPlain = true

  /// - Parameters:
  ///   - bytes: the document; must outlive the reader.
  ///   - maximumDepth: open objects and arrays above which `exceeded max depth` is thrown.
  public init(_ bytes: UnsafeRawBufferPointer, maximumDepth: Int = JSONLimits.depth) {
    // An empty buffer may have no address; `count` 0 then forbids every access.
    base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(bitPattern: 1)!
    count = bytes.count
    self.maximumDepth = maximumDepth
  }

  /// Checks that the bytes are one JSON document.
  public static func validate(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
    var reader = JSONReader(bytes)
    try reader.skipValue()
    try reader.finish()
  }

  // MARK: - Structure

  /// What the next value is, without consuming it.
  public mutating func peek() throws(JSONError) -> JSONKind {
    let byte = try valueByte()
    if let kind = JSONKind(startingWith: byte) { return kind }
    throw unexpected("looking for beginning of value")
  }

  public mutating func beginObject() throws(JSONError) {
    guard try valueByte() == UInt8(ascii: "{") else { throw try mismatch(wanting: "object") }
    try descend()
  }

  /// Moves to the next member of the object; false at its end, which is consumed.
  ///
  /// After true the member's value must be read or skipped.
  public mutating func nextKey() throws(JSONError) -> Bool {
    skipSpace()
    guard position < count else { throw truncated() }
    if isFirst {
      isFirst = false
      if base[position] == UInt8(ascii: "}") {
        ascend()
        return false
      }
    } else {
      if base[position] == UInt8(ascii: "}") {
        ascend()
        return false
      }
      guard base[position] == UInt8(ascii: ",") else { throw unexpected("after object key:value pair") }
      position += 1
      skipSpace()
      guard position < count else { throw truncated() }
    }
    guard base[position] == UInt8(ascii: "\"") else {
      throw unexpected("looking for beginning of object key string")
    }
    position += 1
    keyStart = position
    isKeyPlain = try scanString()
    keyEnd = position - 1
    if position < count, base[position] == UInt8(ascii: ":") {
      position += 1
      return true
    }
    skipSpace()
    guard position < count else { throw truncated() }
    guard base[position] == UInt8(ascii: ":") else { throw unexpected("after object key") }
    position += 1
    return true
  }

  public mutating func beginArray() throws(JSONError) {
    guard try valueByte() == UInt8(ascii: "[") else { throw try mismatch(wanting: "array") }
    try descend()
  }

  /// Moves to the next element of the array; false at its end, which is consumed.
  public mutating func nextElement() throws(JSONError) -> Bool {
    skipSpace()
    guard position < count else { throw truncated() }
    let byte = base[position]
    if isFirst {
      isFirst = false
      guard byte == UInt8(ascii: "]") else { return true }
      ascend()
      return false
    }
    if byte == UInt8(ascii: "]") {
      ascend()
      return false
    }
    guard byte == UInt8(ascii: ",") else { throw unexpected("after array element") }
    position += 1
    return true
  }

  /// Checks that nothing but white space follows.
  public mutating func finish() throws(JSONError) {
    skipSpace()
    if position < count { throw unexpected("after top-level value") }
  }

  /// Consumes `null` if it is next; an error in the word is left to the following read.
  public mutating func readNull() -> Bool {
    skipSpace()
    guard position + 4 <= count, word(at: position) == Self.nullWord else { return false }
    position += 4
    return true
  }

  public mutating func readBool() throws(JSONError) -> Bool {
    switch try valueByte() {
    case UInt8(ascii: "t"):
      try skipLiteral("true")
      return true
    case UInt8(ascii: "f"):
      try skipLiteral("false")
      return false
    default:
      throw try mismatch(wanting: "bool")
    }
  }

  /// Consumes one value of any type and checks its syntax.
  public mutating func skipValue() throws(JSONError) {
    var stack = BitStack()
    while true {
      switch try valueByte() {
      case UInt8(ascii: "\""):
        position += 1
        _ = try scanString()
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        try skipNumber()
      case UInt8(ascii: "t"): try skipLiteral("true")
      case UInt8(ascii: "f"): try skipLiteral("false")
      case UInt8(ascii: "n"): try skipLiteral("null")
      case UInt8(ascii: "{"):
        try descend()
        stack.push(true)
      case UInt8(ascii: "["):
        try descend()
        stack.push(false)
      default: throw unexpected("looking for beginning of value")
      }
      // Up to where the next value starts, closing what ends here.
      while let isObject = stack.top {
        if isObject ? try nextKey() : try nextElement() { break }
        stack.pop()
      }
      if stack.isEmpty { return }
    }
  }

  /// Consumes one value and returns its bytes as they stand in the document.
  public mutating func readRaw() throws(JSONError) -> UnsafeRawBufferPointer {
    _ = try valueByte()
    let start = position
    try skipValue()
    return UnsafeRawBufferPointer(start: base + start, count: position - start)
  }

  // MARK: - The current key

  /// Whether the current member has this name, without regard to case, as Go matches names.
  @inlinable
  public func keyIs(_ name: StaticString) -> Bool {
    keyMatches(name.utf8Start, name.utf8CodeUnitCount)
  }

  @usableFromInline
  func keyMatches(_ name: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    guard isKeyPlain else {
      return JSONKey.matches(key, String(decoding: UnsafeBufferPointer(start: name, count: length), as: UTF8.self))
    }
    guard keyEnd - keyStart == length else { return false }
    let key = base + keyStart
    for index in 0..<length where key[index] != name[index] {
      guard JSONKey.foldedASCII(key[index]) == JSONKey.foldedASCII(name[index]) else { return false }
    }
    return true
  }

  /// The name of the current member.
  public var key: String {
    let bytes = UnsafeRawBufferPointer(start: base + keyStart, count: keyEnd - keyStart)
    if isKeyPlain { return String(decoding: bytes, as: UTF8.self) }
    return String(decoding: Self.unescaped(bytes), as: UTF8.self)
  }

  // MARK: - Helpers shared with the extensions

  /// The first byte of the next value.
  mutating func valueByte() throws(JSONError) -> UInt8 {
    if position < count, base[position] > 0x20 { return base[position] }
    skipSpace()
    guard position < count else { throw truncated() }
    return base[position]
  }

  mutating func skipSpace() {
    while position < count {
      switch base[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  func truncated() -> JSONError {
    JSONError(.truncated, offset: count)
  }

  /// The error for the character at the position.
  func unexpected(_ context: String) -> JSONError {
    let rest = Array(UnsafeBufferPointer(start: base + position, count: min(4, count - position)))
    let (character, length) = GoText.quotedCharacter(rest[...])
    return JSONError(.syntax("invalid character \(character) \(context)"), offset: position + length)
  }

  /// The error for a value of another type, which must itself be valid.
  mutating func mismatch(wanting type: String) throws(JSONError) -> JSONError {
    let kind = try peek()
    let start = position
    // Before the value is skipped: it may have members of its own.
    let error = mismatch(found: kind.rawValue, wanting: type, offset: start + 1)
    try skipValue()
    return error
  }

  func mismatch(found: String, wanting type: String, offset: Int) -> JSONError {
    var mismatch = JSONError.Mismatch(found: found, type: type)
    if keyEnd > 0 { mismatch.path = [.member(key)] }
    return JSONError(.mismatch(mismatch), offset: offset)
  }

  private mutating func descend() throws(JSONError) {
    position += 1
    depth += 1
    guard depth <= maximumDepth else { throw JSONError(.syntax("exceeded max depth"), offset: position) }
    isFirst = true
  }

  private mutating func ascend() {
    position += 1
    depth -= 1
    isFirst = false
  }

  private static let nullWord = UInt32(littleEndian: 0x6C6C_756E)

  private func word(at position: Int) -> UInt32 {
    UnsafeRawPointer(base + position).loadUnaligned(as: UInt32.self)
  }

  private mutating func skipLiteral(_ literal: StaticString) throws(JSONError) {
    let start = position
    let expected = UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    for index in 1..<expected.count {
      position = start + index
      guard position < count else { throw truncated() }
      guard base[position] == expected[index] else {
        throw unexpected("in literal \(literal) (expecting '\(Unicode.Scalar(expected[index]))')")
      }
    }
    position = start + expected.count
  }
}

/// The six kinds of JSON values, named as Go's error texts name them.
public enum JSONKind: String, Sendable {
  case null, bool, number, string, array, object

  init?(startingWith byte: UInt8) {
    switch byte {
    case UInt8(ascii: "n"): self = .null
    case UInt8(ascii: "t"), UInt8(ascii: "f"): self = .bool
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): self = .number
    case UInt8(ascii: "\""): self = .string
    case UInt8(ascii: "["): self = .array
    case UInt8(ascii: "{"): self = .object
    default: return nil
    }
  }
}

/// Which of the open brackets are objects; allocates only beyond 64 levels.
private struct BitStack {
  private var low: UInt64 = 0
  private var count = 0
  private var high: [Bool] = []

  var isEmpty: Bool { count == 0 }

  var top: Bool? {
    if count == 0 { return nil }
    return count <= 64 ? low >> UInt64(count - 1) & 1 == 1 : high[count - 65]
  }

  mutating func push(_ bit: Bool) {
    if count < 64 {
      low = low & ~(1 << UInt64(count)) | (bit ? 1 : 0) << UInt64(count)
    } else {
      high.append(bit)
    }
    count += 1
  }

  mutating func pop() {
    count -= 1
    if count >= 64 { high.removeLast() }
  }
}
