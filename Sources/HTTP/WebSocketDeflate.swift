/// Compression of WebSocket messages: permessage-deflate (RFC 7692) without context takeover, the only form that
/// nats-server negotiates. Each message stands alone.
///
/// Invariant: used by one thread at a time.
public final class WebSocketDeflate: @unchecked Sendable {
  /// What an offer must name, and the answer to it. FEATURES 12.004.
  public static let extensionName = "permessage-deflate"
  public static let parameters = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

  private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

  private lazy var deflater = Deflater(.raw)
  private lazy var inflater = Inflater(.raw)

  public init() {}

  /// Appends the compressed message, which goes into frames of which the first has the compressed bit.
  public func compress(_ message: UnsafeRawBufferPointer, into output: inout [UInt8]) {
    deflater.reset()
    deflater.compress(message, flush: .sync, into: &output)
    // Every sync flush ends in these four bytes, which are not sent.
    output.removeLast(Self.tail.count)
  }

  /// Starts with a new compressed message.
  public func beginMessage() {
    inflater.reset()
  }

  /// Appends what a piece of a compressed message gives. - Parameter limit: the size that `output` may reach.
  public func decompress(
    _ piece: UnsafeRawBufferPointer, endsMessage: Bool, into output: inout [UInt8], limit: Int
  ) throws(Inflater.Failure) {
    try inflater.decompress(piece, into: &output, limit: limit)
    guard endsMessage else { return }
    let result = Self.tail.withUnsafeBytes { tail in
      Result { () throws(Inflater.Failure) in try inflater.decompress(tail, into: &output, limit: limit) }
    }
    try result.get()
  }
}
