import Bytes

/// The upgrade of an HTTP connection to WebSocket (RFC 6455, 4): checks and headers. Origins and paths are the
/// business of the rooms above.
public enum WebSocketHandshake {
  /// Why an upgrade is refused: status and nats-server's text.
  public struct Refusal: Error, Sendable, Equatable {
    public let status: Int
    public let reason: String
  }

  /// The checks of nats-server in its order.
  ///
  /// - Returns: the value of `Sec-WebSocket-Accept`.
  public static func accept(_ head: HTTPRequestHead) throws(Refusal) -> String {
    guard head.method == "GET" else { throw Refusal(status: 405, reason: "request method must be GET") }
    guard !head.host.isEmpty else { throw Refusal(status: 400, reason: "'Host' missing in request") }
    guard head.headers.contains("Upgrade", token: "websocket") else {
      throw Refusal(status: 400, reason: "invalid value for header 'Upgrade'")
    }
    guard head.headers.contains("Connection", token: "upgrade") else {
      throw Refusal(status: 400, reason: "invalid value for header 'Connection'")
    }
    guard let key = head.headers["Sec-WebSocket-Key"], !key.isEmpty else {
      throw Refusal(status: 400, reason: "key missing")
    }
    guard Base64.standard.decode(key)?.count == 16 else { throw Refusal(status: 400, reason: "invalid websocket key") }
    guard head.headers.contains("Sec-WebSocket-Version", token: "13") else {
      throw Refusal(status: 400, reason: "invalid version")
    }
    return acceptValue(forKey: key)
  }

  /// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
  public static func acceptValue(forKey key: String) -> String {
    Base64.standard.encode(SHA1.hash(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
  }

  /// Whether the client offers permessage-deflate, with or without both `no_context_takeover` parameters.
  public static func offersCompression(_ headers: HTTPHeaders) -> (isOffered: Bool, withoutContextTakeover: Bool) {
    for value in headers.all("Sec-WebSocket-Extensions") {
      for offer in value.utf8.split(separator: UInt8(ascii: ",")).map({ Substring($0) }) {
        let parts = offer.utf8.split(separator: UInt8(ascii: ";")).map { ASCII.trimmed(Substring($0)) }
        guard let name = parts.first, ASCII.equalIgnoringCase(name, WebSocketDeflate.extensionName) else { continue }
        let parameters = parts.dropFirst()
        let isStateless = ["server_no_context_takeover", "client_no_context_takeover"].allSatisfy { wanted in
          parameters.contains { ASCII.equalIgnoringCase($0, wanted) }
        }
        return (true, isStateless)
      }
    }
    return (false, false)
  }
}

/// SHA-1, which the handshake uses as a fingerprint and nothing else may use for security.
enum SHA1 {
  static func hash(_ message: [UInt8]) -> [UInt8] {
    var padded = message
    padded.append(0x80)
    while padded.count % 64 != 56 { padded.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
      padded.append(UInt8(truncatingIfNeeded: UInt64(message.count * 8) >> UInt64(shift)))
    }
    var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
    for start in stride(from: 0, to: padded.count, by: 64) { addBlock(padded[start..<(start + 64)], to: &state) }
    return state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  private static func addBlock(_ block: ArraySlice<UInt8>, to state: inout [UInt32]) {
    var words = stride(from: block.startIndex, to: block.endIndex, by: 4).map { index in
      block[index..<(index + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    for index in 16..<80 {
      words.append(rotate(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1))
    }
    var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
    for (index, word) in words.enumerated() {
      let (mix, constant): (UInt32, UInt32) =
        switch index {
        case ..<20: (b & c | ~b & d, 0x5A82_7999)
        case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
        case ..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
        default: (b ^ c ^ d, 0xCA62_C1D6)
        }
      let next = rotate(a, 5) &+ mix &+ e &+ constant &+ word
      (e, d, c, b, a) = (d, c, rotate(b, 30), a, next)
    }
    for (index, value) in [a, b, c, d, e].enumerated() { state[index] &+= value }
  }

  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word << count | word >> (32 - count)
  }
}
