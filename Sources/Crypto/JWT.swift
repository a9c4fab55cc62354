import Bytes
import COpenSSL
import JSON

/// Why a token is refused. The texts are those of nats-io/jwt, which nats-server logs.
public struct JWTError: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// A signed set of claims as operators, accounts and users carry them: `header.claims.signature`, each in unpadded
/// base64url, signed with the Ed25519 key that `iss` names.
///
/// Decoding checks form and signature. Whether the issuer is trusted, and what the claims of a kind mean, is decided
/// by who uses it.
public struct JWT: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case `operator`
    case account
    case user
    case activation
    case authorizationRequest
    case authorizationResponse
    case generic(String)

    init(_ name: String) {
      switch name {
      case "operator": self = .operator
      case "account": self = .account
      case "user": self = .user
      case "activation": self = .activation
      case "authorization_request": self = .authorizationRequest
      case "authorization_response": self = .authorizationResponse
      default: self = .generic(name)
      }
    }

    /// Who may sign claims of this kind; nil for anybody.
    var issuers: [NKey.Kind]? {
      switch self {
      case .operator: [.operator]
      case .account, .activation: [.account, .operator]
      case .user, .authorizationResponse: [.account]
      case .authorizationRequest: [.server]
      case .generic: nil
      }
    }
  }

  /// The longest token that is looked at.
  public static let largestToken = 1 << 20
  private static let latestVersion: Int64 = 2
  private static let type = "JWT"
  private static let algorithm = "ed25519-nkey"
  /// Tokens of version 1 carry this one, and sign the claims without the header.
  private static let formerAlgorithm = "ed25519"

  public let kind: Kind
  /// 1 or 2 for the known kinds.
  public let version: Int64
  /// All of the claims.
  public let claims: JSONObject

  public var issuer: String { text("iss") }
  public var subject: String { text("sub") }
  public var audience: String { text("aud") }
  public var name: String { text("name") }
  /// `jti`
  public var identifier: String { text("jti") }
  /// Seconds since 1970; 0 where the claim is missing.
  public var issuedAt: Int64 { claims["iat"]?.int64 ?? 0 }
  public var expires: Int64 { claims["exp"]?.int64 ?? 0 }
  public var notBefore: Int64 { claims["nbf"]?.int64 ?? 0 }
  /// What is specific to the kind.
  public var nats: JSONObject? { claims["nats"]?.object }
  public var isSelfSigned: Bool { issuer == subject }

  private func text(_ name: String) -> String { claims[name]?.string ?? "" }

  /// What is wrong with the token at this time (seconds since 1970); nil when it is valid.
  public func timeProblem(at now: Int64) -> String? {
    if expires > 0 && now > expires { return "claim is expired" }
    if notBefore > 0 && notBefore > now { return "claim is not yet valid" }
    return nil
  }

  /// Decodes a token and verifies its signature with the key in its `iss` claim.
  public init(decoding token: String) throws(JWTError) {
    let bytes = Array(token.utf8)
    guard bytes.count <= Self.largestToken else {
      throw JWTError("token size \(bytes.count) exceeds maximum of \(Self.largestToken) bytes: token too large")
    }
    let chunks = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard chunks.count == 3 else { throw JWTError("expected 3 chunks") }

    let header = try Self.object(chunks[0])
    let isFormer = try Self.checkHeader(header)
    claims = try Self.object(chunks[1])
    let topLevelType = claims["type"]?.string ?? ""
    let nats = claims["nats"]?.object
    kind = Kind(topLevelType.isEmpty ? nats?["type"]?.string ?? "" : topLevelType)
    version = topLevelType.isEmpty ? nats?["version"]?.int64 ?? 0 : 1
    try Self.check(version: version, of: kind)

    let signature = try Self.decoded(chunks[2])
    var signsHeader = version > 1
    if case .generic = kind { signsHeader = !isFormer }
    let signed = signsHeader ? bytes[..<chunks[1].endIndex] : chunks[1]
    guard let key = NKey.Public(text("iss")), key.verify(signature, of: Array(signed)) else {
      throw JWTError("claim failed V\(signsHeader ? 2 : 1) signature verification")
    }
    if let issuers = kind.issuers, !issuers.contains(key.kind) {
      let names = issuers.map { "\($0)" }.joined(separator: " ")
      throw JWTError("unable to validate expected prefixes - [\(names)]")
    }
  }

  /// Signs claims; `iss`, `iat` and `jti` are set here, the latter to a hash of the standard claims. The caller has
  /// set `sub` and `nats` with its type and version.
  public static func encode(_ claims: JSONObject, signedBy pair: NKey.Pair, issuedAt: Int64) -> String {
    var claims = claims
    claims["iss"] = .string(pair.publicKey.description)
    claims["iat"] = JSONValue(issuedAt)
    claims["jti"] = nil
    var standard = JSONObject()
    for name in ["aud", "exp", "iat", "iss", "name", "nbf", "sub"] { standard[name] = claims[name] }
    claims["jti"] = .string(Base32.encode(SHA512_256.digest(JSONValue.object(standard).json())))
    let header: JSONObject = ["typ": .string(type), "alg": .string(algorithm)]
    let signed = [header, claims].map { Base64.rawURL.encode(JSONValue.object($0).json()) }.joined(separator: ".")
    guard let signature = pair.sign(Array(signed.utf8)) else { preconditionFailure("a curve key cannot sign") }
    return signed + "." + Base64.rawURL.encode(signature)
  }

  // MARK: - Parts

  private static func decoded(_ chunk: ArraySlice<UInt8>) throws(JWTError) -> [UInt8] {
    guard let bytes = chunk.withUnsafeBytes({ Base64.rawURL.decode($0) }) else {
      let wrong = chunk.firstIndex { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          false
        default: true
        }
      }
      throw JWTError("illegal base64 data at input byte \((wrong ?? chunk.endIndex - 1) - chunk.startIndex)")
    }
    return bytes
  }

  private static func object(_ chunk: ArraySlice<UInt8>) throws(JWTError) -> JSONObject {
    let bytes = try decoded(chunk)
    do {
      if let object = try JSONValue(parsing: bytes).object { return object }
    } catch {
      throw JWTError("\(error)")
    }
    throw JWTError("the token holds JSON that is not an object")
  }

  /// Whether the header names the former algorithm.
  private static func checkHeader(_ header: JSONObject) throws(JWTError) -> Bool {
    let type = header["typ"]?.string ?? ""
    guard type.uppercased() == Self.type else { throw JWTError("not supported type \(GoString.quote(type))") }
    let algorithm = header["alg"]?.string ?? ""
    switch algorithm.lowercased() {
    case Self.algorithm: return false
    case formerAlgorithm: return true
    default: throw JWTError("unexpected \(GoString.quote(algorithm)) algorithm")
    }
  }

  private static func check(version: Int64, of kind: Kind) throws(JWTError) {
    guard version <= latestVersion else { throw JWTError("JWT was generated by a newer version ") }
    switch kind {
    case .generic("cluster"): throw JWTError("ClusterClaims are not supported")
    case .generic("server"): throw JWTError("ServerClaims are not supported")
    case .generic: return
    default:
      guard version >= 1 else {
        throw JWTError("library supports version \(latestVersion) or less - received \(version)")
      }
    }
  }
}

/// SHA-512/256, which identifies claims.
enum SHA512_256 {
  static func digest(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
      count = 32
      let done = EVP_Digest(bytes, bytes.count, digest.baseAddress, nil, Algorithms.sha512_256, nil)
      precondition(done == 1, "SHA-512/256 is not available")
    }
  }
}
