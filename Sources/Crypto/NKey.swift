import Bytes
import COpenSSL

/// NKeys: Ed25519 and X25519 keys as text that starts with the letter of what the key is for.
///
/// A public key is base32 of prefix byte, 32 key bytes and a little-endian CRC-16; a seed has two prefix bytes.
/// Which texts count as valid follows nats-io/nkeys to the letter (`isValid`); keys that can really verify or sign
/// are `Public` and `Pair`.
public enum NKey {
  /// What a key is for. The raw value is the prefix byte.
  public enum Kind: UInt8, Sendable, CaseIterable {
    case account = 0
    case cluster = 16
    case server = 104
    case `operator` = 112
    case user = 160
    case curve = 184

    /// The first letter of the text form.
    public var letter: Character {
      switch self {
      case .account: "A"
      case .cluster: "C"
      case .server: "N"
      case .operator: "O"
      case .user: "U"
      case .curve: "X"
      }
    }
  }

  static let seedPrefix: UInt8 = 18 << 3
  static let privatePrefix: UInt8 = 15 << 3

  /// Whether nkeys' `IsValidPublic<Kind>Key` accepts the text: right checksum, right kind. It does not look at the
  /// length of the key, nor at the low three bits of the prefix byte.
  public static func isValid(_ text: String, as kind: Kind) -> Bool {
    guard let decoded = decode(text) else { return false }
    return decoded[0] & 0xF8 == kind.rawValue
  }

  /// Whether nkeys' `IsValidPublicKey` accepts the text: right checksum, a prefix byte of any public kind.
  public static func isValidPublicKey(_ text: String) -> Bool {
    guard let decoded = decode(text) else { return false }
    return Kind(rawValue: decoded[0]) != nil
  }

  /// Prefix and payload without the checksum; nil for bad base32, a bad checksum, or fewer than 4 bytes.
  static func decode(_ text: String) -> ArraySlice<UInt8>? {
    guard let raw = Base32.decode(text), raw.count >= 4 else { return nil }
    let payload = raw.dropLast(2)
    let checksum = UInt16(raw[raw.count - 2]) | UInt16(raw[raw.count - 1]) << 8
    return CRC16.checksum(payload) == checksum ? payload : nil
  }

  static func encode(_ payload: [UInt8]) -> String {
    let checksum = CRC16.checksum(payload)
    return Base32.encode(payload + [UInt8(truncatingIfNeeded: checksum), UInt8(truncatingIfNeeded: checksum >> 8)])
  }

  /// A public key: verifies signatures (all kinds but curve).
  public struct Public: Hashable, Sendable, CustomStringConvertible {
    public let kind: Kind
    /// The 32 bytes of the key.
    public let bytes: [UInt8]

    public init(kind: Kind, bytes: [UInt8]) {
      precondition(bytes.count == 32)
      self.kind = kind
      self.bytes = bytes
    }

    /// Nil unless the text is a public key of 32 bytes with a right checksum.
    public init?(_ text: String) {
      guard let payload = NKey.decode(text), payload.count == 33, let kind = Kind(rawValue: payload[0]) else {
        return nil
      }
      self.init(kind: kind, bytes: Array(payload.dropFirst()))
    }

    /// The text form, 56 characters.
    public var description: String { NKey.encode([kind.rawValue] + bytes) }

    /// Whether `signature` is of `message` under this key. False for anything malformed and for curve keys.
    public func verify(_ signature: UnsafeRawBufferPointer, of message: UnsafeRawBufferPointer) -> Bool {
      kind != .curve && Ed25519.verify(signature, of: message, publicKey: bytes)
    }

    public func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
      signature.withUnsafeBytes { signature in message.withUnsafeBytes { verify(signature, of: $0) } }
    }
  }

  /// A key pair, held as its 32-byte seed.
  public struct Pair: Sendable {
    public let kind: Kind
    /// The secret: the Ed25519 seed, or the X25519 private key of a curve pair.
    public let seed: [UInt8]
    public let publicKey: Public

    public init(kind: Kind, seed: [UInt8]) {
      precondition(seed.count == 32)
      self.kind = kind
      self.seed = seed
      publicKey = Public(
        kind: kind,
        bytes: rawPublicKey(type: kind == .curve ? EVP_PKEY_X25519 : EVP_PKEY_ED25519, privateKey: seed))
    }

    /// A new random pair.
    public init(creating kind: Kind) {
      self.init(kind: kind, seed: Random.bytes(count: 32))
    }

    /// Nil unless the text is a seed (`S...`) of a public kind, of 32 bytes, with a right checksum.
    public init?(seedText: String) {
      guard let payload = NKey.decode(seedText), payload.count == 34, payload[0] & 0xF8 == NKey.seedPrefix,
        let kind = Kind(rawValue: (payload[0] & 7) << 5 | payload[1] >> 3)
      else { return nil }
      self.init(kind: kind, seed: Array(payload.dropFirst(2)))
    }

    /// The seed's text form, 58 characters.
    public var seedText: String {
      NKey.encode([NKey.seedPrefix | kind.rawValue >> 5, kind.rawValue << 3] + seed)
    }

    /// The private key's text form (`P...`): seed and public key, or the seed alone of a curve pair.
    public var privateText: String {
      NKey.encode([NKey.privatePrefix] + seed + (kind == .curve ? [] : publicKey.bytes))
    }

    /// The 64-byte Ed25519 signature of `message`; nil for a curve pair, which cannot sign.
    public func sign(_ message: [UInt8]) -> [UInt8]? {
      kind == .curve ? nil : Ed25519.sign(message, seed: seed)
    }
  }
}
