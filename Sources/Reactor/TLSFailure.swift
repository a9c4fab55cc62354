import COpenSSL
import Glibc

/// What a client offered, kept during the handshake for the text of its failure.
struct TLSClientOffer {
  var versions: [UInt16] = []
  var ciphers: [UInt16] = []
}

/// Why a stream failed, in the words that Go's TLS uses and nats-server logs after `TLS handshake error: `.
public struct TLSFailure: Sendable, Equatable {
  public let text: String
  /// The peer did not mean to speak TLS at all: a port scan or a load balancer's probe, which nats-server logs at
  /// debug level only.
  public let isProbe: Bool

  /// The peer's key is not among the pinned ones (FEATURES 4.012): the caller's reason to close after `matches`.
  public static let certificateNotPinned = TLSFailure("certificate not pinned")

  init(_ text: String, isProbe: Bool = false) {
    self.text = text
    self.isProbe = isProbe
  }

  /// Reads OpenSSL's error queue of this thread, right after the failed call.
  init(of stream: TLSStream) {
    let code = ERR_peek_error()
    defer { ERR_clear_error() }
    let opening = stream.transport.pointee.opening
    let inHandshake = SSL_is_init_finished(stream.connection) == 0
    if let verification = stream.verification {
      let presented = verification.presented
      self.init(verification.text + (presented.isEmpty ? "" : " (\(presented.joined(separator: "; ")))"))
    } else if inHandshake && opening.isForeign {
      self.init("tls: first record does not look like a TLS handshake", isProbe: true)
    } else if inHandshake && opening.isSSL2 {
      self.init("tls: unsupported SSLv2 handshake received")
    } else if stream.transport.pointee.errorNumber != 0 {
      let transport = stream.transport.pointee
      self.init("\(transport.failedOperation): \(errorText(transport.errorNumber))")
    } else if stream.transport.pointee.reachedEnd {
      self.init(opening.count == 0 || !inHandshake ? "EOF" : "unexpected EOF")
    } else {
      self.init(Self.text(code, stream))
    }
  }

  private static func text(_ code: UInt, _ stream: TLSStream) -> String {
    guard code != 0, cssl_error_is_tls(code) == 1 else { return "tls: internal error" }
    let reason = cssl_error_reason(code)
    let alert = reason - SSL_AD_REASON_OFFSET
    if alert >= 0 && alert < 256 { return "remote error: tls: " + alertText(alert) }
    let offer = stream.offer ?? TLSClientOffer()
    switch reason {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "tls: client didn't provide a certificate"
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH:
      guard stream.context.role == .server else { return "remote error: tls: protocol version not supported" }
      return "tls: client offered only unsupported versions: " + list(offer.versions)
    case SSL_R_NO_SHARED_CIPHER:
      return "tls: no cipher suite supported by both client and server; client offered: " + list(offer.ciphers)
    case SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_GROUPS:
      return "tls: no key exchanges supported by both client and server"
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: return "local error: tls: bad record MAC"
    default:
      return "tls: " + (ERR_reason_error_string(code).map { String(cString: $0) } ?? "handshake failure")
    }
  }

  /// As Go prints a list of numbers in hex.
  private static func list(_ numbers: [UInt16]) -> String {
    "[" + numbers.map { String($0, radix: 16) }.joined(separator: " ") + "]"
  }

  private static func alertText(_ alert: Int32) -> String {
    alertTexts[alert] ?? "alert(\(alert))"
  }

  private static let alertTexts: [Int32: String] = [
    0: "close notify", 10: "unexpected message", 20: "bad record MAC", 21: "decryption failed",
    22: "record overflow", 30: "decompression failure", 40: "handshake failure", 42: "bad certificate",
    43: "unsupported certificate", 44: "revoked certificate", 45: "expired certificate",
    46: "unknown certificate", 47: "illegal parameter", 48: "unknown certificate authority", 49: "access denied",
    50: "error decoding message", 51: "error decrypting message", 60: "export restriction",
    70: "protocol version not supported", 71: "insufficient security level", 80: "internal error",
    86: "inappropriate fallback", 90: "user canceled", 100: "no renegotiation", 109: "missing extension",
    110: "unsupported extension", 111: "certificate unobtainable", 112: "unrecognized name",
    113: "bad certificate status response", 114: "bad certificate hash value", 115: "unknown PSK identity",
    116: "certificate required", 120: "no application protocol", 121: "encrypted client hello required",
  ]
}
