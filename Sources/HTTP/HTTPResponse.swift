/// An answer that a handler gives. Without a `Content-Type` of its own a body gets `text/html` or `text/plain` by its
/// looks, as in Go.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var headers: HTTPHeaders
  public var body: [UInt8]

  public init(status: Int = 200, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// What monitoring endpoints answer. FEATURES 11.002, 11.004.
  public static func json(_ body: [UInt8], status: Int = 200) -> HTTPResponse {
    HTTPResponse(
      status: status, headers: ["Access-Control-Allow-Origin": "*", "Content-Type": "application/json"], body: body)
  }

  /// The type of a body that declares none.
  var guessedContentType: String? {
    guard !body.isEmpty, !headers.contains("Content-Type") else { return nil }
    let start = body.drop { $0 == 0x20 || 0x09...0x0D ~= $0 }.prefix(14).map(ASCII.lowercased)
    let isHTML = ["<!doctype html", "<html"].contains { start.starts(with: $0.utf8) }
    return isHTML ? "text/html; charset=utf-8" : "text/plain; charset=utf-8"
  }

  /// A plain text body as it is.
  public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
  }

  public static func html(_ text: String) -> HTTPResponse {
    HTTPResponse(headers: ["Content-Type": "text/html; charset=utf-8"], body: Array(text.utf8))
  }

  /// An error as Go's `http.Error` answers it: with a line end, and never to be taken for anything but text.
  public static func error(_ text: String, status: Int) -> HTTPResponse {
    HTTPResponse(
      status: status,
      headers: ["Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"],
      body: Array((text + "\n").utf8))
  }

  public static var notFound: HTTPResponse { error("404 page not found", status: 404) }

  /// For a path that has other methods. - Parameter allowed: their names.
  public static func methodNotAllowed(allowed: [String]) -> HTTPResponse {
    var response = error("Method Not Allowed", status: 405)
    response.headers.set("Allow", allowed.sorted().joined(separator: ", "))
    return response
  }

  /// 301 with a page that says so, as Go's `http.Redirect`.
  public static func movedPermanently(to location: String) -> HTTPResponse {
    HTTPResponse(
      status: 301, headers: ["Content-Type": "text/html; charset=utf-8", "Location": location],
      body: Array("<a href=\"\(HTMLText.escaped(location))\">Moved Permanently</a>.\n\n".utf8))
  }
}

enum HTMLText {
  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&#34;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}

/// Writes the head of an answer in the order of Go's net/http: the handler's headers by name, then Date,
/// Content-Length, Connection, Transfer-Encoding.
struct HTTPResponseWriter {
  enum Framing: Equatable {
    case length(Int)
    case chunked
    /// For HTTP/1.0, which has no chunks: the connection ends with the body.
    case untilClose
    /// 204, 304 and 101 have no body and say nothing about it.
    case none
  }

  let minorVersion: Int
  let framing: Framing
  let endsConnection: Bool
  let date: String
  /// What is guessed stands behind what is declared.
  var guessedContentType: String?

  func appendHead(status: Int, headers: HTTPHeaders, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: "HTTP/1.\(minorVersion) \(status) \(HTTPStatus.text(status))\r\n".utf8)
    let sorted = headers.fields.enumerated().sorted {
      $0.element.name != $1.element.name ? $0.element.name < $1.element.name : $0.offset < $1.offset
    }
    for (_, field) in sorted where !isOurs(field.name) { append(field.name, field.value, to: &bytes) }
    append("Date", date, to: &bytes)
    if case .length(let count) = framing { append("Content-Length", String(count), to: &bytes) }
    if let guessedContentType { append("Content-Type", guessedContentType, to: &bytes) }
    if endsConnection, minorVersion > 0 {
      append("Connection", "close", to: &bytes)
    } else if !endsConnection, minorVersion == 0 {
      append("Connection", "keep-alive", to: &bytes)
    }
    if framing == .chunked { append("Transfer-Encoding", "chunked", to: &bytes) }
    bytes.append(contentsOf: "\r\n".utf8)
  }

  static func appendChunk(_ chunk: [UInt8], to bytes: inout [UInt8]) {
    guard !chunk.isEmpty else { return }
    bytes.append(contentsOf: String(chunk.count, radix: 16).utf8)
    bytes.append(contentsOf: "\r\n".utf8)
    bytes.append(contentsOf: chunk)
    bytes.append(contentsOf: "\r\n".utf8)
  }

  static let lastChunk: [UInt8] = Array("0\r\n\r\n".utf8)

  /// Framing is decided here, whatever a handler says about it.
  private func isOurs(_ name: String) -> Bool {
    ["Date", "Content-Length", "Transfer-Encoding"].contains { ASCII.equalIgnoringCase($0, name) }
      || ASCII.equalIgnoringCase(name, "Connection") && framing != .none
  }

  /// A line end inside a value would start another header.
  private func append(_ name: String, _ value: String, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: name.utf8)
    bytes.append(contentsOf: ": ".utf8)
    for byte in value.utf8 { bytes.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte) }
    bytes.append(contentsOf: "\r\n".utf8)
  }
}
