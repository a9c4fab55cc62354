/// Reads the frames of one direction of a WebSocket connection from its bytes, fed in any pieces.
///
/// Payload is unmasked in place and handed out as it comes, so that a stream of messages costs no copy; control frames
/// (at most 125 bytes) come whole. Error texts are nats-server's.
public struct WebSocketFrameParser: Sendable {
  public enum Event: Sendable, Equatable {
    case needsMore
    /// Payload of a text or binary message, unmasked, at a range of the input. `endsMessage` with the last piece, which
    /// may be empty.
    case payload(Range<Int>, isText: Bool, isCompressed: Bool, endsMessage: Bool)
    case ping([UInt8])
    case pong([UInt8])
    /// The peer ends the connection. `code` is 1005 when it gave none; 1007 when its reason is not UTF-8.
    case close(code: UInt16, reason: String)
    case failed(Failure)
  }

  /// What is wrong, and the code to close with.
  public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    public let code: UInt16
    public let description: String

    init(_ description: String, code: UInt16 = WebSocketCloseCode.protocolError) {
      self.code = code
      self.description = description
    }
  }

  public struct Options: Sendable {
    /// Frames must be masked (a server reads clients); else they may be.
    public var requiresMask = true
    /// permessage-deflate was negotiated.
    public var allowsCompression = false
    /// Payload bytes of one message; beyond it closes with 1009.
    public var messageBytes = UInt64(64 * 1024 * 1024)

    public init() {}
  }

  private struct Message {
    var isText: Bool
    var isCompressed: Bool
    var count: UInt64 = 0
  }

  private struct Frame {
    var opcode: WebSocketOpcode
    var isFinal: Bool
    var maskKey: UInt32?
    var rest: UInt64
    var offset = 0
  }

  private enum State {
    case header
    case payload(Frame)
    case failed(Failure)
  }

  private let options: Options
  private var state = State.header
  private var header: [UInt8] = []
  private var control: [UInt8] = []
  /// The message whose final frame has not ended.
  private var message: Message?

  public init(_ options: Options = Options()) {
    self.options = options
    header.reserveCapacity(WebSocketFrameWriter.longestHeader)
  }

  /// The next event in `input` from `position` on. After a failure there is nothing else.
  public mutating func next(_ input: UnsafeMutableRawBufferPointer, _ position: inout Int) -> Event {
    while true {
      switch state {
      case .failed(let failure): return .failed(failure)
      case .header:
        do throws(Failure) {
          guard let frame = try readHeader(input, &position) else { return .needsMore }
          state = .payload(frame)
        } catch {
          state = .failed(error)
        }
      case .payload(var frame):
        guard position < input.count || frame.rest == 0 else { return .needsMore }
        let count = Int(min(frame.rest, UInt64(input.count - position)))
        let range = position..<(position + count)
        if let key = frame.maskKey {
          WebSocketMask.apply(key, to: UnsafeMutableRawBufferPointer(rebasing: input[range]), offset: frame.offset)
        }
        position += count
        frame.rest -= UInt64(count)
        frame.offset = (frame.offset + count) & 3
        let isEnd = frame.rest == 0
        state = isEnd ? .header : .payload(frame)
        if frame.opcode.isControl {
          control.append(contentsOf: input[range])
          guard isEnd else { return .needsMore }
          defer { control.removeAll(keepingCapacity: true) }
          let event = controlEvent(frame.opcode)
          if case .failed(let failure) = event { state = .failed(failure) }
          return event
        }
        guard let message else { preconditionFailure("payload outside a message") }
        let endsMessage = isEnd && frame.isFinal
        if endsMessage { self.message = nil }
        return .payload(
          range, isText: message.isText, isCompressed: message.isCompressed, endsMessage: endsMessage)
      }
    }
  }

  /// The frame once its header is complete. The first two bytes are judged before the rest is there.
  private mutating func readHeader(
    _ input: UnsafeMutableRawBufferPointer, _ position: inout Int
  ) throws(Failure) -> Frame? {
    while position < input.count {
      header.append(input[position])
      position += 1
      guard header.count >= 2 else { continue }
      if header.count == 2 { try checkStart() }
      let lengthBytes = header[1] & 0x7F == 126 ? 2 : header[1] & 0x7F == 127 ? 8 : 0
      let isMasked = header[1] & 0x80 != 0
      guard header.count == 2 + lengthBytes + (isMasked ? 4 : 0) else { continue }
      let frame = try frame(lengthBytes: lengthBytes, isMasked: isMasked)
      header.removeAll(keepingCapacity: true)
      return frame
    }
    return nil
  }

  private func checkStart() throws(Failure) {
    let first = header[0]
    let isCompressed = first & 0x40 != 0
    let isFinal = first & 0x80 != 0
    if first & 0x30 != 0 { throw Failure("RSV2 and RSV3 must be clear") }
    if isCompressed, !options.allowsCompression {
      throw Failure("compressed frame received without negotiated permessage-deflate")
    }
    if options.requiresMask, header[1] & 0x80 == 0 { throw Failure("mask bit missing") }
    guard let opcode = WebSocketOpcode(rawValue: first & 0xF) else { throw Failure("unknown opcode \(first & 0xF)") }
    switch opcode {
    case .ping, .pong, .close:
      if header[1] & 0x7F > UInt8(WebSocketFrameWriter.longestControlPayload) {
        throw Failure("control frame length bigger than maximum allowed of 125 bytes")
      }
      if !isFinal { throw Failure("control frame does not have final bit set") }
      if isCompressed { throw Failure("control frame must not be compressed") }
    case .text, .binary:
      if message != nil {
        throw Failure("new message started before final frame for previous message was received")
      }
    case .continuation:
      if message == nil || isCompressed { throw Failure("invalid continuation frame") }
    }
  }

  private mutating func frame(lengthBytes: Int, isMasked: Bool) throws(Failure) -> Frame {
    let opcode = WebSocketOpcode(rawValue: header[0] & 0xF)!
    var length = UInt64(header[1] & 0x7F)
    if lengthBytes > 0 { length = bigEndian(header[2..<(2 + lengthBytes)]) }
    if length > UInt64(Int64.max) { throw Failure("invalid 64-bit payload length") }
    if !opcode.isControl {
      var message = self.message ?? Message(isText: opcode == .text, isCompressed: header[0] & 0x40 != 0)
      message.count += length
      guard message.count <= options.messageBytes else {
        throw Failure("message too big", code: WebSocketCloseCode.messageTooBig)
      }
      self.message = message
    }
    let key = isMasked ? UInt32(bigEndian(header.suffix(4))) : nil
    return Frame(opcode: opcode, isFinal: header[0] & 0x80 != 0, maskKey: key, rest: length)
  }

  private func bigEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func controlEvent(_ opcode: WebSocketOpcode) -> Event {
    switch opcode {
    case .ping: return .ping(control)
    case .pong: return .pong(control)
    default: break
    }
    if control.isEmpty { return .close(code: WebSocketCloseCode.noneReceived, reason: "") }
    if control.count == 1 { return .failed(Failure("close frame payload cannot be 1 byte")) }
    let code = UInt16(control[0]) << 8 | UInt16(control[1])
    guard WebSocketCloseCode.isValid(code) else { return .failed(Failure("invalid close status code \(code)")) }
    guard let reason = String(validating: control[2...], as: UTF8.self) else {
      return .close(code: WebSocketCloseCode.invalidPayload, reason: "invalid utf8 body in close frame")
    }
    return .close(code: code, reason: reason)
  }
}
