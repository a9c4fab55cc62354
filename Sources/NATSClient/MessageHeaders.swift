/// Headers of a message (ADR-4): names keep their case and their order, a name may occur more than once.
public struct MessageHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  public struct Field: Sendable, Equatable {
    public var name: String
    public var value: String
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  static let version = "NATS/1.0"

  public var fields: [Field] = []
  /// The number on the first line, such as 503; nil for a message of a client.
  public var status: Int?
  /// The text behind the status.
  public var statusText = ""

  public init() {}

  public init(dictionaryLiteral elements: (String, String)...) {
    fields = elements.map { Field(name: $0.0, value: $0.1) }
  }

  /// The first value of exactly this name. Setting replaces all of them; nil removes them.
  public subscript(name: String) -> String? {
    get { fields.first { $0.name == name }?.value }
    set {
      fields.removeAll { $0.name == name }
      if let newValue { fields.append(Field(name: name, value: newValue)) }
    }
  }

  public mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

  /// From the wire; nil for what does not begin with `NATS/1.0`. Lines without a colon are passed over.
  init?(parsing bytes: ArraySlice<UInt8>) {
    let lines = bytes.split(separator: UInt8(ascii: "\n")).map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
    guard let first = lines.first, first.starts(with: Self.version.utf8) else { return nil }
    let line = String(decoding: first.dropFirst(Self.version.utf8.count), as: UTF8.self)
    let parts = line.split(separator: " ", maxSplits: 1)
    status = parts.first.flatMap { Int($0) }
    if status != nil, parts.count > 1 { statusText = Self.trimmed(parts[1]) }
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
      add(String(decoding: line[..<colon], as: UTF8.self), Self.trimmed(Substring(value)))
    }
  }

  /// As on the wire, with the empty line at the end. Throws `invalidHeader` for what would break the block.
  func encoded() throws(ClientError) -> [UInt8] {
    var bytes = Array("\(Self.version)\r\n".utf8)
    for field in fields {
      // Visible ASCII without the colon (ADR-4).
      guard !field.name.isEmpty, field.name.utf8.allSatisfy({ (33...126).contains($0) && $0 != 58 }),
        !field.value.utf8.contains(where: { $0 == 10 || $0 == 13 })
      else { throw .invalidHeader(field.name) }
      bytes.append(contentsOf: "\(field.name): \(field.value)\r\n".utf8)
    }
    bytes.append(contentsOf: [13, 10])
    return bytes
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }
}

/// A message as a subscription or a request gets it.
public struct ClientMessage: Sendable, Equatable {
  public let subject: String
  /// Where an answer is expected.
  public let reply: String?
  public let headers: MessageHeaders?
  public let payload: [UInt8]

  public init(subject: String, reply: String? = nil, headers: MessageHeaders? = nil, payload: [UInt8] = []) {
    self.subject = subject
    self.reply = reply
    self.headers = headers
    self.payload = payload
  }

  /// The payload as text.
  public var text: String { String(decoding: payload, as: UTF8.self) }
  /// The server's answer to a request that nobody is subscribed to (`no_responders`).
  var isNoResponders: Bool { headers?.status == 503 && payload.isEmpty }
}
