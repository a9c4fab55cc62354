/// A distinguished name as users are named by it in a configuration: `CN=client,OU=x+O=y,DC=com` (RFC 4514).
///
/// Which texts are accepted, and when two names are equal, is nats-server's rule (FEATURES 4.009).
public struct DistinguishedName: Sendable, Equatable {
  struct Attribute: Sendable, Equatable {
    /// Upper case: the case of a type does not count.
    let type: String
    let value: [UInt8]

    init(type: String, value: [UInt8]) {
      self.type = type.uppercased()
      self.value = value
    }
  }

  /// One part between commas; the order of its attributes does not count.
  struct RelativeName: Sendable, Equatable {
    var attributes: [Attribute] = []

    static func == (left: RelativeName, right: RelativeName) -> Bool {
      left.attributes.count == right.attributes.count && left.attributes.allSatisfy(right.attributes.contains)
        && right.attributes.allSatisfy(left.attributes.contains)
    }
  }

  private(set) var relativeNames: [RelativeName] = []

  /// Nil for a text that is no distinguished name.
  public init?(_ text: String) {
    var parser = Parser(Array(text.utf8))
    guard parser.parse() else { return nil }
    relativeNames = parser.relativeNames
  }

  /// The whole subject, the certificate's last part first. Nil when it has an attribute without a well-known name,
  /// or one that is not text.
  public init?(_ subject: CertificateSubject) {
    for relativeName in subject.relativeNames.reversed() where !relativeName.isEmpty {
      var attributes: [Attribute] = []
      for attribute in relativeName.reversed() {
        let isDomain = attribute.objectIdentifier == CertificateSubject.domainComponent
        guard let type = isDomain ? "DC" : CertificateSubject.standardName(attribute.objectIdentifier) else {
          return nil
        }
        attributes.append(Attribute(type: type, value: Array(attribute.value.utf8)))
      }
      relativeNames.append(RelativeName(attributes: attributes))
    }
  }

  /// Whether the two have the same relative names in any order.
  public func matchesReordered(_ other: DistinguishedName) -> Bool {
    guard relativeNames.count == other.relativeNames.count else { return false }
    var left = other.relativeNames
    for relativeName in relativeNames {
      guard let index = left.firstIndex(of: relativeName) else { return false }
      left.remove(at: index)
    }
    return true
  }

  private struct Parser {
    private let text: [UInt8]
    private var position = 0
    private(set) var relativeNames: [RelativeName] = []
    private var current = RelativeName()
    private var type = ""
    private var buffer: [UInt8] = []
    private var trailingSpaces = 0

    init(_ text: [UInt8]) { self.text = text }

    mutating func parse() -> Bool {
      while position < text.count {
        let character = text[position]
        position += 1
        switch character {
        case UInt8(ascii: "\\"):
          guard escape() else { return false }
        case UInt8(ascii: "="):
          type = String(decoding: takeBuffer(), as: UTF8.self)
          // A value in BER.
          if position < text.count && text[position] == UInt8(ascii: "#") { return false }
        case UInt8(ascii: ","), UInt8(ascii: "+"):
          guard endAttribute() else { return false }
          if character == UInt8(ascii: ",") { endRelativeName() }
        case UInt8(ascii: " ") where buffer.isEmpty:
          break
        default:
          trailingSpaces = character == UInt8(ascii: " ") ? trailingSpaces + 1 : 0
          buffer.append(character)
        }
      }
      // What ends without a value is passed over.
      guard !buffer.isEmpty else { return true }
      guard endAttribute() else { return false }
      endRelativeName()
      return true
    }

    /// The character after a backslash, or the byte that two hex digits name. A backslash at the end is ignored.
    private mutating func escape() -> Bool {
      trailingSpaces = 0
      guard position < text.count else { return true }
      let character = text[position]
      position += 1
      if " \"#+,;<=>\\".utf8.contains(character) {
        buffer.append(character)
        return true
      }
      guard position < text.count, let high = Hex.value(of: character), let low = Hex.value(of: text[position]) else {
        return false
      }
      position += 1
      buffer.append(high << 4 | low)
      return true
    }

    /// Spaces at the end do not count unless they are escaped.
    private mutating func takeBuffer() -> [UInt8] {
      defer {
        buffer = []
        trailingSpaces = 0
      }
      return Array(buffer.dropLast(trailingSpaces))
    }

    private mutating func endAttribute() -> Bool {
      guard !type.isEmpty else { return false }
      current.attributes.append(Attribute(type: type, value: takeBuffer()))
      type = ""
      return true
    }

    private mutating func endRelativeName() {
      relativeNames.append(current)
      current = RelativeName()
    }
  }
}
