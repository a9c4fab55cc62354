/// The status line and headers of a response.
public struct HTTPResponseHead: Sendable, Equatable {
  public var status: Int
  /// The text behind the status code.
  public var reason: String
  public var minorVersion: Int
  public var headers: HTTPHeaders
  /// The connection ends with this response.
  public var endsConnection: Bool
}

/// Reads the responses of one connection from its bytes, fed in any pieces.
public struct HTTPResponseParser: Sendable {
  public enum Event: Sendable, Equatable {
    case needsMore
    case head(HTTPResponseHead)
    /// Bytes of the body, at a range of the input.
    case body(Range<Int>)
    case end
    /// The server left HTTP (101): what follows is another protocol.
    case upgraded(HTTPResponseHead)
    case failed(Failure)
  }

  /// Why a response cannot be read.
  public enum Failure: Error, Sendable, Equatable {
    case malformed
    case headTooLarge
    /// The connection ended inside a response.
    case truncated
    /// Bytes came that answer no request.
    case unexpected
  }

  private enum State {
    case idle
    case head(HTTPHeadParser)
    case body(HTTPBodyParser)
    case upgraded
    case failed(Failure)
  }

  private let limits: HTTPLimits
  private var state = State.idle
  private var isAnswerToHead = false

  public init(limits: HTTPLimits = HTTPLimits()) {
    self.limits = limits
  }

  /// Call for each request that was sent, before its response is read.
  public mutating func expectResponse(to method: String) {
    isAnswerToHead = method == "HEAD"
    state = .head(HTTPHeadParser(limits: limits))
  }

  public mutating func next(_ input: UnsafeRawBufferPointer, _ position: inout Int) -> Event {
    switch state {
    case .failed(let failure): return .failed(failure)
    case .upgraded: return .needsMore
    case .idle: return position < input.count ? fail(.unexpected) : .needsMore
    case .head(var parser):
      while position < input.count {
        switch parser.consumeLine(input, &position) {
        case .failed(let failure): return fail(failure == .headTooLarge ? .headTooLarge : .malformed)
        case .needsMore: continue
        case .complete:
          guard let head = Self.head(parser) else { return fail(.malformed) }
          if head.status >= 200 || head.status == 101 { return take(head) }
          // 100 Continue and its like go before the response proper.
          parser = HTTPHeadParser(limits: limits)
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
        state = .idle
        return .end
      case .failed: return fail(.malformed)
      }
    }
  }

  /// The connection has ended: `end` when that completes the response, nil when none was due.
  public mutating func finish() -> Event? {
    switch state {
    case .idle, .upgraded: return nil
    case .failed(let failure): return .failed(failure)
    case .head: return fail(.truncated)
    case .body(let parser):
      guard parser.isComplete || parser.endsWithConnection else { return fail(.truncated) }
      state = .idle
      return .end
    }
  }

  private mutating func fail(_ failure: Failure) -> Event {
    state = .failed(failure)
    return .failed(failure)
  }

  private mutating func take(_ head: HTTPResponseHead) -> Event {
    if head.status == 101 {
      state = .upgraded
      return .upgraded(head)
    }
    let framing: HTTPBodyParser.Framing
    if isAnswerToHead || head.status == 204 || head.status == 304 {
      framing = .none
    } else {
      do {
        framing = try HTTPBodyParser.framing(of: head.headers, minorVersion: head.minorVersion) ?? .untilClose
      } catch {
        return fail(.malformed)
      }
    }
    state = .body(HTTPBodyParser(framing, limits: limits))
    var head = head
    if framing == .untilClose { head.endsConnection = true }
    return .head(head)
  }

  private static func head(_ parser: HTTPHeadParser) -> HTTPResponseHead? {
    let parts = (parser.startLine ?? "").utf8.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
      .map { Substring($0) }
    guard parts.count >= 2, let version = HTTPVersion(parts[0]), version.major == 1, parts[1].utf8.count == 3,
      parts[1].utf8.allSatisfy(ASCII.isDigit), let status = Int(parts[1]), status >= 100, !parser.hasInvalidName
    else { return nil }
    let isOld = version.minor == 0
    let keepsOldAlive = isOld && parser.headers.contains("Connection", token: "keep-alive")
    return HTTPResponseHead(
      status: status, reason: parts.count > 2 ? String(parts[2]) : "", minorVersion: min(version.minor, 1),
      headers: parser.headers,
      endsConnection: parser.headers.contains("Connection", token: "close") || isOld && !keepsOldAlive)
  }
}
