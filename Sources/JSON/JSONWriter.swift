import Bytes

/// Appends JSON to a growing byte buffer, without building anything first.
///
///     var writer = JSONWriter()
///     writer.beginObject()
///     writer.field("stream", name)
///     writer.field("seq", sequence)
///     writer.endObject()
///
/// Commas and indentation are the writer's; that every `begin` has its `end` and every key its value is the caller's.
public struct JSONWriter: Sendable {
  public enum Style: Sendable {
    /// As Go's `json.Marshal`.
    case compact
    /// As Go's `json.MarshalIndent` with two spaces: what monitoring endpoints answer.
    case pretty
  }

  /// What has been written so far.
  public private(set) var bytes: [UInt8] = []
  private let style: Style
  private let escapesHTML: Bool
  private var depth = 0
  /// The next key or element needs a comma before it.
  private var needsComma = false
  /// The next value stands behind its key.
  private var isAfterKey = false

  /// - Parameters:
  ///   - escapesHTML: write `<`, `>` and `&` as `\u003c`, `\u003e` and `\u0026`, as Go does unless told otherwise.
  ///   - capacity: bytes to reserve.
  public init(style: Style = .compact, escapesHTML: Bool = true, capacity: Int = 256) {
    self.style = style
    self.escapesHTML = escapesHTML
    bytes.reserveCapacity(capacity)
  }

  /// What has been written so far as text.
  public var string: String { String(decoding: bytes, as: UTF8.self) }

  /// Starts over with an empty buffer and keeps its memory.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    depth = 0
    needsComma = false
    isAfterKey = false
  }

  // MARK: - Structure

  public mutating func beginObject() {
    open(UInt8(ascii: "{"))
  }

  public mutating func endObject() {
    close(UInt8(ascii: "}"))
  }

  public mutating func beginArray() {
    open(UInt8(ascii: "["))
  }

  public mutating func endArray() {
    close(UInt8(ascii: "]"))
  }

  /// A member's name that needs no escaping, which is up to the caller.
  @inline(__always)
  public mutating func key(_ name: StaticString) {
    beginElement()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    endKey()
  }

  public mutating func key(_ name: String) {
    beginElement()
    appendQuoted(name)
    bytes.removeLast()
    endKey()
  }

  // MARK: - Values

  public mutating func value(_ value: String) {
    beginElement()
    appendQuoted(value)
  }

  /// A string given as UTF-8; what is not valid becomes U+FFFD.
  public mutating func value(utf8 text: UnsafeRawBufferPointer) {
    beginElement()
    JSONText.appendQuoted(text, escapesHTML: escapesHTML, to: &bytes)
  }

  public mutating func value(_ value: Bool) {
    literal(value ? "true" : "false")
  }

  public mutating func value(_ value: some FixedWidthInteger) {
    beginElement()
    JSONText.append(value, to: &bytes)
  }

  /// A number as Go prints it; what is not finite has no JSON and becomes `null`.
  public mutating func value(_ value: Double) {
    beginElement()
    JSONText.append(value, to: &bytes)
  }

  /// The time as Go prints it, in UTC.
  public mutating func value(_ value: Timestamp) {
    beginElement()
    bytes.append(UInt8(ascii: "\""))
    RFC3339.append(value, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  public mutating func null() {
    literal("null")
  }

  /// A value that is JSON already; in pretty style it is indented anew.
  public mutating func raw(_ json: UnsafeRawBufferPointer) {
    beginElement()
    switch style {
    case .compact: bytes.append(contentsOf: json)
    case .pretty: JSONText.appendIndented(json, depth: depth, to: &bytes)
    }
  }

  /// A value that is JSON already.
  public mutating func raw(_ json: [UInt8]) {
    json.withUnsafeBytes { raw($0) }
  }

  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let flag): self.value(flag)
    case .number(let text):
      beginElement()
      bytes.append(contentsOf: text.utf8)
    case .string(let text): self.value(text)
    case .array(let elements):
      beginArray()
      for element in elements { self.value(element) }
      endArray()
    case .object(let object):
      beginObject()
      for member in object.members {
        key(member.key)
        self.value(member.value)
      }
      endObject()
    }
  }

  // MARK: - Steps

  private mutating func literal(_ text: StaticString) {
    beginElement()
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func appendQuoted(_ text: String) {
    var text = text
    text.withUTF8 { JSONText.appendQuoted(UnsafeRawBufferPointer($0), escapesHTML: escapesHTML, to: &bytes) }
  }

  /// What stands before a key or a value.
  @inline(__always)
  private mutating func beginElement() {
    if isAfterKey {
      isAfterKey = false
      return
    }
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
    if style == .pretty, depth > 0 { JSONText.appendNewLine(depth: depth, to: &bytes) }
  }

  @inline(__always)
  private mutating func endKey() {
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
    if style == .pretty { bytes.append(UInt8(ascii: " ")) }
    isAfterKey = true
  }

  private mutating func open(_ bracket: UInt8) {
    beginElement()
    bytes.append(bracket)
    depth += 1
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    depth -= 1
    if style == .pretty, needsComma { JSONText.appendNewLine(depth: depth, to: &bytes) }
    bytes.append(bracket)
    needsComma = true
  }
}
