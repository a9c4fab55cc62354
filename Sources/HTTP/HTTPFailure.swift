/// A message that cannot be accepted, with the answer that a client gets. The connection ends with it.
public struct HTTPFailure: Error, Sendable, Equatable {
  public let status: Int
  /// Appended to the status line behind a colon, as Go does where it wants to be helpful.
  public let reason: String
  /// The body where it is not the status line again.
  private let body: String?

  init(_ status: Int, _ reason: String = "", body: String? = nil) {
    self.status = status
    self.reason = reason
    self.body = body
  }

  static let badRequest = HTTPFailure(400)
  static let headTooLarge = HTTPFailure(431)
  static let bodyTooLarge = HTTPFailure(413)

  public var description: String {
    "\(status) \(HTTPStatus.text(status))" + (reason.isEmpty ? "" : ": " + reason)
  }

  /// The whole answer, as Go's net/http writes it past its usual path.
  public var answer: [UInt8] {
    let head =
      "HTTP/1.1 \(description)\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    return Array((head + (body ?? description)).utf8)
  }
}
