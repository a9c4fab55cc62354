import HTTP
import Metrics

/// Sends an exposition: a small one as a whole, a large one in pieces as fast as the scraper takes them.
///
/// Invariant: used on the connection's loop only.
final class ExpositionSender: @unchecked Sendable {
  /// An answer up to this size is sent as a whole.
  private static let wholeBytes = 256 * 1024
  private static let pieceBytes = 64 * 1024

  private var exposition: Exposition
  private let deflater: Deflater?
  private var writer: HTTPBodyWriter?

  private init(_ exposition: Exposition, deflater: Deflater?) {
    self.exposition = exposition
    self.deflater = deflater
  }

  static func send(_ sets: [MetricSet], for request: HTTPRequest, to responder: HTTPResponder) {
    let format = Exposition.Format(accept: request.head.headers["Accept"])
    var headers: HTTPHeaders = ["Content-Type": format.contentType]
    let isCompressed = request.head.acceptsGzip
    if isCompressed {
      headers.set("Content-Encoding", "gzip")
      headers.set("Vary", "Accept-Encoding")
    }
    var exposition = Exposition(sets, format: format)
    var text: [UInt8] = []
    while text.count < wholeBytes {
      guard exposition.next(pieceBytes, into: &text) else {
        responder.respond(HTTPResponse(headers: headers, body: isCompressed ? Gzip.compress(text) : text))
        return
      }
    }
    let sender = ExpositionSender(exposition, deflater: isCompressed ? Deflater(.gzip) : nil)
    let writer = responder.stream(headers: headers)
    sender.writer = writer
    if sender.put(text, .none) { sender.proceed() } else { sender.wait() }
  }

  private func proceed() {
    guard let writer else { return }
    while !writer.isClosed {
      var text: [UInt8] = []
      guard exposition.next(Self.pieceBytes, into: &text) else {
        if deflater != nil { put([], .finish) }
        writer.finish()
        self.writer = nil
        return
      }
      guard put(text, .none) else { return wait() }
    }
    self.writer = nil
  }

  /// True while the scraper keeps up.
  @discardableResult
  private func put(_ text: [UInt8], _ flush: Deflater.Flush) -> Bool {
    guard let deflater else { return writer?.write(text) ?? false }
    var compressed: [UInt8] = []
    text.withUnsafeBytes { deflater.compress($0, flush: flush, into: &compressed) }
    return compressed.isEmpty || writer?.write(compressed) ?? false
  }

  private func wait() {
    writer?.whenWritable { self.proceed() }
  }
}
