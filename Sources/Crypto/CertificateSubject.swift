/// The subject of a certificate, and the texts that nats-server makes of it.
///
/// Two spellings matter: `text`, which /connz and the log show, and `standardText`, which users are named by. Both are
/// what Go's `pkix.Name` prints: fixed order of the well-known attributes, the last one first.
public struct CertificateSubject: Sendable, Equatable {
  public struct Attribute: Sendable, Equatable {
    /// Dotted numbers.
    public let objectIdentifier: String
    public let value: String

    public init(objectIdentifier: String, value: String) {
      self.objectIdentifier = objectIdentifier
      self.value = value
    }
  }

  /// Relative distinguished names in the certificate's order; more than one attribute in each is rare.
  public let relativeNames: [[Attribute]]

  public init(_ relativeNames: [[Attribute]]) { self.relativeNames = relativeNames }

  static let domainComponent = "0.9.2342.19200300.100.1.25"
  private static let commonName = "2.5.4.3"
  private static let serialNumber = "2.5.4.5"

  /// The well-known attributes in the order in which Go puts them into a sequence.
  private static let standard: [(objectIdentifier: String, name: String)] = [
    ("2.5.4.6", "C"), ("2.5.4.8", "ST"), ("2.5.4.7", "L"), ("2.5.4.9", "STREET"), ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.10", "O"), ("2.5.4.11", "OU"), (commonName, "CN"), (serialNumber, "SERIALNUMBER"),
  ]

  /// The short name of a well-known attribute type.
  static func standardName(_ objectIdentifier: String) -> String? {
    standard.first { $0.objectIdentifier == objectIdentifier }?.name
  }

  /// All attributes; those without a well-known name stand last, with their number.
  public var text: String {
    let others = relativeNames.joined().filter { Self.standardName($0.objectIdentifier) == nil }.map { [$0] }
    return Self.text(others + standardSequence)
  }

  /// The well-known attributes only.
  public var standardText: String { Self.text(standardSequence) }

  /// `DC=` parts in the certificate's order, separated by commas; empty without any.
  public var domainComponents: String {
    relativeNames.joined().filter { $0.objectIdentifier == Self.domainComponent }.map { "DC=" + $0.value }
      .joined(separator: ",")
  }

  /// One relative name per well-known type, with all its values; only the last common name and serial number.
  private var standardSequence: [[Attribute]] {
    Self.standard.compactMap { type in
      let values = relativeNames.joined().filter { $0.objectIdentifier == type.objectIdentifier }
      guard let last = values.last else { return nil }
      guard type.objectIdentifier == Self.commonName || type.objectIdentifier == Self.serialNumber else {
        return values
      }
      return last.value.isEmpty ? nil : [last]
    }
  }

  private static func text(_ sequence: [[Attribute]]) -> String {
    sequence.reversed().map { $0.map(text).joined(separator: "+") }.joined(separator: ",")
  }

  private static func text(_ attribute: Attribute) -> String {
    var text = (standardName(attribute.objectIdentifier) ?? attribute.objectIdentifier) + "="
    let scalars = Array(attribute.value.unicodeScalars)
    // Go compares a position in bytes with the length in bytes; the two ends come out the same.
    for (index, scalar) in scalars.enumerated() {
      let escaped =
        switch scalar {
        case ",", "+", "\"", "\\", "<", ">", ";": true
        case " ": index == 0 || index == scalars.count - 1
        case "#": index == 0
        default: false
        }
      if escaped { text.unicodeScalars.append("\\") }
      text.unicodeScalars.append(scalar)
    }
    return text
  }
}
