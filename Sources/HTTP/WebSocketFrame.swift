/// What a WebSocket frame carries (RFC 6455, 5.2).
public enum WebSocketOpcode: UInt8, Sendable {
  case continuation = 0
  case text = 1
  case binary = 2
  case close = 8
  case ping = 9
  case pong = 10

  public var isControl: Bool { rawValue >= 8 }
}

/// Why a WebSocket connection ends (RFC 6455, 7.4).
public enum WebSocketCloseCode {
  public static let normal: UInt16 = 1000
  public static let goingAway: UInt16 = 1001
  public static let protocolError: UInt16 = 1002
  public static let unsupportedData: UInt16 = 1003
  /// Never sent: stands for a close frame without a code.
  public static let noneReceived: UInt16 = 1005
  public static let invalidPayload: UInt16 = 1007
  public static let policyViolation: UInt16 = 1008
  public static let messageTooBig: UInt16 = 1009
  public static let internalError: UInt16 = 1011
  public static let tlsHandshake: UInt16 = 1015

  /// Whether a peer may send the code.
  public static func isValid(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// The masking of client frames: XOR with a repeated 4-byte key.
public enum WebSocketMask {
  /// Masks or unmasks in place.
  ///
  /// - Parameters:
  ///   - key: the four key bytes as a number, first byte highest.
  ///   - offset: how many bytes of the payload went before.
  public static func apply(_ key: UInt32, to bytes: UnsafeMutableRawBufferPointer, offset: Int = 0) {
    let turn = UInt32(offset & 3) * 8
    let rotated = turn == 0 ? key : key << turn | key >> (32 - turn)
    let word = UInt64(rotated) << 32 | UInt64(rotated)
    var position = 0
    while position + 8 <= bytes.count {
      let masked = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) ^ word.bigEndian
      bytes.storeBytes(of: masked, toByteOffset: position, as: UInt64.self)
      position += 8
    }
    while position < bytes.count {
      bytes[position] ^= UInt8(truncatingIfNeeded: rotated >> (24 - UInt32(position & 3) * 8))
      position += 1
    }
  }
}

/// Writes frames.
public enum WebSocketFrameWriter {
  /// Longest header: two bytes, eight of length, four of mask.
  public static let longestHeader = 14
  /// Longest payload of a control frame.
  public static let longestControlPayload = 125

  /// Appends a frame's header; the payload, masked with the same key, goes behind it.
  public static func appendHeader(
    _ opcode: WebSocketOpcode, payloadCount: Int, isFinal: Bool = true, isCompressed: Bool = false,
    maskKey: UInt32? = nil, to bytes: inout [UInt8]
  ) {
    bytes.append((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue)
    let maskBit: UInt8 = maskKey == nil ? 0 : 0x80
    switch payloadCount {
    case ..<126: bytes.append(maskBit | UInt8(payloadCount))
    case ..<65536:
      bytes.append(maskBit | 126)
      appendBigEndian(UInt64(payloadCount), count: 2, to: &bytes)
    default:
      bytes.append(maskBit | 127)
      appendBigEndian(UInt64(payloadCount), count: 8, to: &bytes)
    }
    if let maskKey { appendBigEndian(UInt64(maskKey), count: 4, to: &bytes) }
  }

  /// Appends a whole frame.
  public static func append(
    _ opcode: WebSocketOpcode, payload: UnsafeRawBufferPointer, isFinal: Bool = true, isCompressed: Bool = false,
    maskKey: UInt32? = nil, to bytes: inout [UInt8]
  ) {
    appendHeader(
      opcode, payloadCount: payload.count, isFinal: isFinal, isCompressed: isCompressed, maskKey: maskKey, to: &bytes)
    let start = bytes.count
    bytes.append(contentsOf: payload)
    if let maskKey {
      bytes.withUnsafeMutableBytes {
        WebSocketMask.apply(maskKey, to: UnsafeMutableRawBufferPointer(rebasing: $0[start...]))
      }
    }
  }

  /// Appends a close frame. A reason that does not fit is cut at a character and ends in `...`.
  public static func appendClose(_ code: UInt16, reason: String = "", maskKey: UInt32? = nil, to bytes: inout [UInt8]) {
    var payload = [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)]
    let room = longestControlPayload - 2
    if reason.utf8.count <= room {
      payload.append(contentsOf: reason.utf8)
    } else {
      var cut = ""
      for scalar in reason.unicodeScalars {
        if cut.utf8.count + UTF8.width(scalar) > room - 3 { break }
        cut.unicodeScalars.append(scalar)
      }
      payload.append(contentsOf: (cut + "...").utf8)
    }
    payload.withUnsafeBytes { append(.close, payload: $0, maskKey: maskKey, to: &bytes) }
  }

  private static func appendBigEndian(_ value: UInt64, count: Int, to bytes: inout [UInt8]) {
    for index in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> (UInt64(index) * 8))) }
  }
}
