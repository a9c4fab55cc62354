import HTTP

/// Sends a body piece by piece as its reader takes it, so that a long one never holds a loop up.
final class LongAnswer: Sendable {
  /// Bodies up to here are sent as one.
  private static let shortBytes = 65_536
  private static let pieceBytes = 65_536

  private let body: [UInt8]
  private let writer: HTTPBodyWriter

  /// Answers with what `response` holds. Any thread.
  static func send(_ response: HTTPResponse, to responder: HTTPResponder) {
    guard response.body.count > shortBytes else {
      responder.respond(response)
      return
    }
    let writer = responder.stream(status: response.status, headers: response.headers)
    LongAnswer(response.body, writer).send(from: 0)
  }

  private init(_ body: [UInt8], _ writer: HTTPBodyWriter) {
    self.body = body
    self.writer = writer
  }

  private func send(from start: Int) {
    var position = start
    while position < body.count {
      if writer.isClosed { return }
      let end = min(position + Self.pieceBytes, body.count)
      let goesOn = writer.write(Array(body[position..<end]))
      position = end
      if !goesOn, position < body.count {
        writer.whenWritable { [self, position] in send(from: position) }
        return
      }
    }
    writer.finish()
  }
}
