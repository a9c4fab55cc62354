// HTTP: HTTP/1.1 server and client, and WebSocket framing.
//
// Here live message parsers and writers (pure values over bytes), targets and queries, compression, the WebSocket
// handshake and frames, the two shells that run them on event loops, `HTTPServer` and `HTTPClient`, and `HealthCheck`,
// which every program is when it is called by that name.
// What a user of nats-server's monitoring port sees follows Go's net/http: status lines, error bodies, the order of
// headers. What the answers contain is the business of the rooms above.

/// Bounds on messages. What happens at each stands with it.
public struct HTTPLimits: Sendable {
  /// Bytes of start line and headers (and, counted anew, of trailers). Beyond: 431 and close.
  public var headBytes = 64 * 1024
  /// Header lines of one message. Beyond: 431 and close.
  public var headerCount = 256
  /// Bytes of a body that is collected before its handler runs. Beyond: 413 and close.
  public var bodyBytes = 1024 * 1024
  /// Bytes of one chunk's size line with its extensions. Beyond: 400 and close.
  public var chunkLineBytes = 4096

  public init() {}
}
