/// Labels by name, in the order in which they are written.
public struct LabelSet: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  struct Label: Sendable, Equatable {
    let name: String
    let value: String
  }

  /// Sorted by name; a name stands here once.
  private(set) var labels: [Label] = []

  public init() {}

  public init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { self[name] = value }
  }

  public subscript(name: String) -> String? {
    get { labels.first { $0.name == name }?.value }
    set {
      let index = labels.firstIndex { $0.name >= name } ?? labels.count
      if index < labels.count, labels[index].name == name { labels.remove(at: index) }
      if let newValue { labels.insert(Label(name: name, value: newValue), at: index) }
    }
  }

  /// The set with more labels.
  public func with(_ more: KeyValuePairs<String, String>) -> LabelSet {
    var result = self
    result.labels.reserveCapacity(labels.count + more.count)
    for (name, value) in more { result[name] = value }
    return result
  }

  /// Appends `name="value",...`.
  func write(to text: inout [UInt8]) {
    var isFirst = true
    for label in labels {
      if !isFirst { text.append(UInt8(ascii: ",")) }
      isFirst = false
      text.append(contentsOf: label.name.utf8)
      text.append(contentsOf: [UInt8(ascii: "="), UInt8(ascii: "\"")])
      Self.writeEscaped(Self.bounded(label.value), to: &text)
      text.append(UInt8(ascii: "\""))
    }
  }

  static func writeEscaped(_ value: Substring, to text: inout [UInt8]) {
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): text.append(contentsOf: [byte, byte])
      case UInt8(ascii: "\""): text.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 0x0A: text.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
      default: text.append(byte)
      }
    }
  }

  private static func bounded(_ value: String) -> Substring {
    let bytes = value.utf8
    guard bytes.count > MetricLimits.labelValueBytes else { return value[...] }
    var end = bytes.index(bytes.startIndex, offsetBy: MetricLimits.labelValueBytes)
    while bytes[end] & 0xC0 == 0x80 { end = bytes.index(before: end) }
    return value[..<end]
  }

  /// A label name made of any text: what names may not have becomes `_`.
  public static func name(from text: String) -> String {
    var bytes = text.utf8.map { isNameByte($0) ? $0 : UInt8(ascii: "_") }
    if let first = bytes.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= first {
      bytes.insert(UInt8(ascii: "_"), at: 0)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Letters, digits and `_`.
  public static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
