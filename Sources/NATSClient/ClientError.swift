/// Why something that was asked of the client did not happen.
public enum ClientError: Error, Sendable, Hashable, CustomStringConvertible {
  case invalidURL(String)
  case invalidSubject(String)
  case invalidHeader(String)
  case invalidCredentials(String)
  /// The name could not be looked up, or no connection be made.
  case connect(String)
  case tls(String)
  /// TLS is wanted and the server does not offer it.
  case secureConnectionRequired
  case timedOut
  /// Nobody is subscribed to the subject of a request.
  case noResponders
  /// The connection was lost. A request that fails with this may or may not have been carried out.
  case disconnected
  /// The server did not answer pings.
  case staleConnection
  /// `close` was called, or the client gave up.
  case closed
  case draining
  /// Larger than the server's `max_payload`, in bytes.
  case payloadTooLarge(Int)
  /// The server has no headers.
  case headersNotSupported
  /// `ClientOptions.mostBufferedBytes` wait already: nothing of the new message was kept.
  case bufferFull
  case tooManyRequests
  /// The server refused who we are, in its words.
  case authentication(String)
  /// The user may not publish or subscribe there, in the server's words.
  case permissions(String)
  /// Any other `-ERR`.
  case server(String)
  /// The server sent what is no NATS protocol.
  case protocolViolation(String)

  public var description: String {
    switch self {
    case .invalidURL(let text): "invalid URL \"\(text)\""
    case .invalidSubject(let text): "invalid subject \"\(text)\""
    case .invalidHeader(let text): "invalid header \"\(text)\""
    case .invalidCredentials(let text): "invalid credentials: \(text)"
    case .connect(let text): text
    case .tls(let text): "TLS: \(text)"
    case .secureConnectionRequired: "secure connection not available"
    case .timedOut: "timeout"
    case .noResponders: "no responders available for request"
    case .disconnected: "connection lost"
    case .staleConnection: "stale connection"
    case .closed: "connection closed"
    case .draining: "connection draining"
    case .payloadTooLarge(let limit): "message larger than the server's maximum of \(limit) bytes"
    case .headersNotSupported: "headers not supported by the server"
    case .bufferFull: "too many bytes wait for the server"
    case .tooManyRequests: "too many requests wait for an answer"
    case .authentication(let text), .permissions(let text), .server(let text): text
    case .protocolViolation(let text): "protocol error: \(text)"
    }
  }
}
