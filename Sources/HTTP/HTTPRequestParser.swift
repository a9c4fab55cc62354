/// The start line and headers of a request.
public struct HTTPRequestHead: Sendable, Equatable {
  public var method: String
  public var target: HTTPTarget
  /// 0 or 1: HTTP/1.0 or HTTP/1.1 (and what claims to be later than 1.1).
  public var minorVersion: Int
  public var headers: HTTPHeaders
  /// The client wants the connection to end with the answer, or its version demands it.
  public var endsConnection: Bool
  /// The client waits for `100 Continue` before it sends the body.
  public var expectsContinue: Bool

  public var path: String { target.path }
  public var query: HTTPQuery { HTTPQuery(target.rawQuery) }
  /// The value of `Host`, or the authority of an absolute target.
  public var host: String { target.authority ?? headers["Host"] ?? "" }
}

/// Reads the requests of one connection from its bytes, fed in any pieces.
///
///     var position = 0
///     while true {
///       switch parser.next(input, &position) {
///       case .needsMore: return
///       case .head(let head): ...
///       case .body(let range): ...input[range]...
///       case .end: ...
///       case .failed(let failure): ...answer it and close...
///       }
///     }
///
/// Requests that follow each other (pipelining) come out one by one: the parser stops at each `end`. Which requests
/// are refused, and with which answer, follows Go's net/http.
public struct HTTPRequestParser: Sendable {
  public enum Event: Sendable, Equatable {
    case needsMore
    case head(HTTPRequestHead)
    /// Bytes of the body, at a range of the input.
    case body(Range<Int>)
    case end
    case failed(HTTPFailure)
  }

  private enum State {
    case head(HTTPHeadParser)
    case body(HTTPBodyParser)
    case failed(HTTPFailure)
  }

  private let limits: HTTPLimits
  private var state: State

  public init(limits: HTTPLimits = HTTPLimits()) {
    self.limits = limits
    state = .head(HTTPHeadParser(limits: limits))
  }

  /// Between requests: the end of the connection is no loss here.
  public var isIdle: Bool {
    if case .head(let parser) = state { parser.isAtStart } else { false }
  }

  /// The next event in `input` from `position` on. After a failure there is nothing else.
  public mutating func next(_ input: UnsafeRawBufferPointer, _ position: inout Int) -> Event {
    switch state {
    case .failed(let failure): return .failed(failure)
    case .head(var parser):
      while position < input.count {
        let outcome = parser.consumeLine(input, &position)
        do throws(HTTPFailure) {
          switch outcome {
          case .failed(let failure): throw failure
          case .needsMore:
            // A wrong request line is answered without waiting for headers.
            if let line = parser.startLine, parser.headers.count == 0 { _ = try RequestLine(line) }
          case .complete:
            let (head, framing) = try Self.head(parser)
            state = .body(HTTPBodyParser(framing, limits: limits))
            return .head(head)
          }
        } catch {
          state = .failed(error)
          return .failed(error)
        }
      }
      state = .head(parser)
      return .needsMore
    case .body(var parser):
      let outcome = parser.next(input, &position)
      state = .body(parser)
      switch outcome {
      case .needsMore: return .needsMore
      case .bytes(let range): return .body(range)
      case .complete:
        state = .head(HTTPHeadParser(limits: limits))
        return .end
      case .failed(let failure):
        state = .failed(failure)
        return .failed(failure)
      }
    }
  }

  /// The checks in the order of Go's server.
  private static func head(
    _ parser: HTTPHeadParser
  ) throws(HTTPFailure) -> (HTTPRequestHead, HTTPBodyParser.Framing) {
    let line = try RequestLine(parser.startLine ?? "")
    let headers = parser.headers
    let hosts = headers.all("Host")
    guard hosts.count <= 1 else { throw .badRequest }
    guard line.majorVersion == 1 else { throw HTTPFailure(505, "unsupported protocol version") }
    let minorVersion = min(line.minorVersion, 1)
    let framing = try HTTPBodyParser.framing(of: headers, minorVersion: minorVersion)
    if minorVersion > 0, hosts.isEmpty, line.method != "CONNECT" {
      throw HTTPFailure(400, "missing required Host header")
    }
    if let host = hosts.first, !isValidHost(host) { throw HTTPFailure(400, "malformed Host header") }
    if parser.hasInvalidName { throw HTTPFailure(400, "invalid header name") }
    if let expectation = headers["Expect"], minorVersion > 0,
      !ASCII.equalIgnoringCase(expectation, "100-continue")
    {
      throw HTTPFailure(417)
    }

    let isOld = minorVersion == 0
    let keepsOldAlive = isOld && headers.contains("Connection", token: "keep-alive")
    // Two framings, or one that the version does not know: an attempt to confuse a proxy. Nothing more is read.
    let isAmbiguous = headers.contains("Transfer-Encoding") && (isOld || headers.contains("Content-Length"))
    let head = HTTPRequestHead(
      method: line.method, target: line.target, minorVersion: minorVersion, headers: headers,
      endsConnection: isAmbiguous || headers.contains("Connection", token: "close") || isOld && !keepsOldAlive,
      expectsContinue: !isOld && headers.contains("Expect"))
    return (head, framing ?? .none)
  }

  private static func isValidHost(_ host: String) -> Bool {
    host.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
      default: "!$%&()*+,-.:;=[]'_~".utf8.contains($0)
      }
    }
  }
}

/// `GET /path HTTP/1.1`
private struct RequestLine {
  let method: String
  let target: HTTPTarget
  let majorVersion: Int
  let minorVersion: Int

  init(_ line: String) throws(HTTPFailure) {
    let parts = line.utf8.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false).map { Substring($0) }
    guard parts.count == 3, !parts[0].isEmpty, parts[0].utf8.allSatisfy(ASCII.isToken),
      let version = HTTPVersion(parts[2]),
      let target = HTTPTarget(method: String(parts[0]), target: String(parts[1]))
    else { throw .badRequest }
    method = String(parts[0])
    self.target = target
    majorVersion = version.major
    minorVersion = version.minor
  }
}

/// `HTTP/1.1`
struct HTTPVersion {
  let major: Int
  let minor: Int

  init?(_ text: Substring) {
    let bytes = Array(text.utf8)
    guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), bytes[6] == UInt8(ascii: "."),
      ASCII.isDigit(bytes[5]), ASCII.isDigit(bytes[7])
    else { return nil }
    major = Int(bytes[5] - UInt8(ascii: "0"))
    minor = Int(bytes[7] - UInt8(ascii: "0"))
  }
}
