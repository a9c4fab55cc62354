import Reactor

/// One connection of an `HTTPServer`: reads requests, hands them out one by one, writes the answers.
///
/// Invariant: all state belongs to the loop's thread; `onLoop` brings work of other threads there.
final class HTTPConnection: EventSource, @unchecked Sendable {
  private enum State {
    case handshaking
    /// Between or inside requests.
    case reading
    /// The handler has a request and has not answered.
    case handling
    /// A body is being streamed.
    case streaming(framing: HTTPResponseWriter.Framing)
    /// Only output is left; then the connection ends.
    case ending(lingers: Bool)
    /// All was sent; the client is given time to read it before a reset could take it away.
    case lingering
    case closed
  }

  /// Unsent answers above which pipelined requests wait.
  private static let pipelinedOutput = 64 * 1024
  private static let lingerNanoseconds: Int64 = 500_000_000
  private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
  private static let plaintextAnswer =
    Array("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n".utf8)

  let loop: EventLoop
  private let server: HTTPServer
  private let stream: SocketStream
  private let peer: SocketAddress
  private var state: State
  private var interest: Readiness = .read

  private var parser: HTTPRequestParser
  /// Bytes that arrived while a request was handled or answers waited.
  private var unparsed: [UInt8] = []
  private var isParsing = false
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  private var output = OutputBuffer()
  /// The client does not take its answers: until it does nothing is read.
  private var isBlocked = false

  private var flow: BodyFlow?
  private var unsentBodyBytes = 0
  private var writableActions: [@Sendable () -> Void] = []
  private var adopt: (@Sendable (Int32, TLSStream?, [UInt8]) -> Void)?

  private var deadline: Int64?
  private var timer: (token: TimerToken, fires: Int64)?

  init(server: HTTPServer, stream: SocketStream, peer: SocketAddress) {
    self.server = server
    self.stream = stream
    self.peer = peer
    loop = server.loop
    parser = HTTPRequestParser(limits: server.options.limits)
    state = stream.tls == nil ? .reading : .handshaking
    super.init()
  }

  func start() {
    guard loop.add(self, descriptor: stream.descriptor, interest: .read) else { return close() }
    setDeadline(server.options.headTimeoutNanoseconds)
  }

  /// Runs work on the loop: at once when it is the current one.
  func onLoop(_ work: @escaping @Sendable () -> Void) {
    if loop.isCurrent { work() } else { loop.submit(work) }
  }

  private var isClosed: Bool {
    if case .closed = state { true } else { false }
  }

  // MARK: - Events

  override func ready(_ events: Readiness) {
    if case .handshaking = state { return handshake() }
    if isBlocked {
      flush()
      parseRest()
    }
    switch state {
    case .reading where isBlocked:
      if !events.isDisjoint(with: .failed) { close() }
    case .reading, .lingering: read()
    case .handling, .streaming:
      // Not reading: an error is all that is left to hear of.
      if !events.isDisjoint(with: .failed) { close() }
    case .handshaking, .ending, .closed: break
    }
  }

  private func handshake() {
    let opening = stream.peekedBytes(5)
    if ["GET /", "HEAD ", "POST ", "PUT /", "OPTIO"].contains(where: { $0.utf8.elementsEqual(opening) }) {
      server.options.reportsError?(
        "http: TLS handshake error from \(peer): client sent an HTTP request to an HTTPS server")
      let (descriptor, _) = stream.release()
      let plain = SocketStream(descriptor: descriptor)
      // What is read cannot make the kernel reset the connection and lose the answer.
      _ = plain.read(into: server.readBuffer)
      _ = Self.plaintextAnswer.withUnsafeBytes { plain.write($0) }
      return close(plain)
    }
    switch stream.handshake() {
    case .done:
      state = .reading
      updateInterest()
      read()
    case .blocked: updateInterest()
    case .failed(let text):
      server.options.reportsError?("http: TLS handshake error from \(peer): \(text)")
      close()
    }
  }

  private func read() {
    while true {
      switch stream.read(into: server.readBuffer) {
      case .blocked: return
      case .closed: return inputEnded()
      case .bytes(let count):
        if case .lingering = state { continue }
        parse(UnsafeRawBufferPointer(rebasing: server.readBuffer[..<count]))
      }
      guard case .reading = state, !isBlocked, stream.hasUnreadBytes else { return }
    }
  }

  /// The client sends nothing more; it may still want the answers to what it has sent.
  private func inputEnded() {
    if case .reading = state, !output.isEmpty {
      state = .ending(lingers: false)
      updateInterest()
    } else {
      close()
    }
  }

  // MARK: - Requests

  private func parse(_ input: UnsafeRawBufferPointer) {
    parsePart(input)
    parseRest()
  }

  /// Goes on with requests that had to wait.
  private func parseRest() {
    while case .reading = state, !isBlocked, !unparsed.isEmpty {
      let input = unparsed
      unparsed = []
      input.withUnsafeBytes { parsePart($0) }
    }
    updateInterest()
  }

  /// Handles requests until one is not answered at once, or enough answers are to be sent.
  private func parsePart(_ input: UnsafeRawBufferPointer) {
    isParsing = true
    let wasIdle = parser.isIdle
    var position = 0
    parsing: while case .reading = state, output.count < Self.pipelinedOutput {
      switch parser.next(input, &position) {
      case .needsMore:
        expectMore(wasIdle: wasIdle)
        break parsing
      case .head(let head): begin(head)
      case .body(let range):
        body.append(contentsOf: input[range])
        if body.count > server.options.limits.bodyBytes { fail(.bodyTooLarge) }
      case .end: handle()
      case .failed(let failure): fail(failure)
      }
    }
    if position < input.count { unparsed.append(contentsOf: input[position...]) }
    isParsing = false
    flush()
  }

  /// Sets the time that is left for what is being read.
  private func expectMore(wasIdle: Bool) {
    if parser.isIdle {
      setDeadline(server.options.idleTimeoutNanoseconds)
    } else if head != nil {
      setDeadline(server.options.stallTimeoutNanoseconds)
    } else if wasIdle {
      // Counted from the first byte: a head that trickles in gets no more time.
      setDeadline(server.options.headTimeoutNanoseconds)
    }
  }

  private func begin(_ head: HTTPRequestHead) {
    self.head = head
    body = []
    if let length = head.headers["Content-Length"].flatMap({ Int($0) }), length > server.options.limits.bodyBytes {
      return fail(.bodyTooLarge)
    }
    if head.expectsContinue { output.append(Self.continueLine) }
  }

  private func handle() {
    guard let head else { return }
    state = .handling
    setDeadline(nil)
    let request = HTTPRequest(head: head, body: body, peer: peer, isTLS: stream.tls != nil)
    body = []
    server.handler(request, HTTPResponder(self))
    updateInterest()
  }

  private func fail(_ failure: HTTPFailure) {
    output.append(failure.answer)
    state = .ending(lingers: true)
  }

  // MARK: - Answers

  func answer(_ response: HTTPResponse) {
    guard case .handling = state, let head else { return }
    var response = response
    let guessedContentType = response.guessedContentType
    compress(&response, head)
    let hasNoBody = response.status == 204 || response.status == 304
    let endsConnection = head.endsConnection || server.isStopping
    let writer = HTTPResponseWriter(
      minorVersion: head.minorVersion, framing: hasNoBody ? .none : .length(response.body.count),
      endsConnection: endsConnection, date: server.date,
      guessedContentType: hasNoBody ? nil : guessedContentType)
    output.append {
      writer.appendHead(status: response.status, headers: response.headers, to: &$0)
      if head.method != "HEAD", !hasNoBody { $0.append(contentsOf: response.body) }
    }
    completeAnswer(endsConnection: endsConnection)
  }

  private func compress(_ response: inout HTTPResponse, _ head: HTTPRequestHead) {
    guard let minimum = server.options.gzipMinimumBytes, response.body.count >= minimum, head.acceptsGzip,
      !response.headers.contains("Content-Encoding")
    else { return }
    response.body = Gzip.compress(response.body)
    response.headers.set("Content-Encoding", "gzip")
    response.headers.add("Vary", "Accept-Encoding")
  }

  /// Goes on with the next request, which may be here already.
  private func completeAnswer(endsConnection: Bool) {
    head = nil
    if endsConnection {
      state = .ending(lingers: !unparsed.isEmpty)
    } else {
      state = .reading
      if !isBlocked { setDeadline(server.options.idleTimeoutNanoseconds) }
    }
    // The parsing loop flushes and goes on by itself.
    guard !isParsing else { return }
    flush()
    parseRest()
    if case .reading = state, !isBlocked, stream.hasUnreadBytes { read() }
  }

  func beginStream(status: Int, headers: HTTPHeaders, _ flow: BodyFlow) {
    guard case .handling = state, let head else {
      flow.close()
      return
    }
    let framing: HTTPResponseWriter.Framing = head.minorVersion == 0 ? .untilClose : .chunked
    if framing == .untilClose || server.isStopping { self.head?.endsConnection = true }
    let headWriter = HTTPResponseWriter(
      minorVersion: head.minorVersion, framing: framing, endsConnection: self.head?.endsConnection ?? true,
      date: server.date)
    output.append { headWriter.appendHead(status: status, headers: headers, to: &$0) }
    state = .streaming(framing: framing)
    self.flow = flow
    if !isParsing { flush() }
  }

  // A producer on another thread may be late: its flow tells whether the stream is still its own.

  func write(_ bytes: [UInt8], _ flow: BodyFlow) {
    guard case .streaming(let framing) = state, flow === self.flow else { return }
    unsentBodyBytes += bytes.count
    guard head?.method != "HEAD" else { return noteSent(bytes.count) }
    output.append {
      if framing == .chunked {
        HTTPResponseWriter.appendChunk(bytes, to: &$0)
      } else {
        $0.append(contentsOf: bytes)
      }
    }
    if !isParsing { flush() }
  }

  func whenWritable(_ flow: BodyFlow, _ action: @escaping @Sendable () -> Void) {
    if flow.isWritable || flow !== self.flow { action() } else { writableActions.append(action) }
  }

  func finishStream(_ flow: BodyFlow) {
    guard case .streaming(let framing) = state, flow === self.flow else { return }
    if framing == .chunked, head?.method != "HEAD" { output.append(HTTPResponseWriter.lastChunk) }
    endStream()
    // State moves on as after a whole answer.
    completeAnswer(endsConnection: head?.endsConnection ?? true)
  }

  /// The body will not be completed: without its end the client knows.
  func abortStream(_ flow: BodyFlow) {
    guard case .streaming = state, flow === self.flow else { return }
    endStream()
    state = .ending(lingers: false)
    if !isParsing { flush() }
  }

  private func endStream() {
    flow?.close()
    flow = nil
    unsentBodyBytes = 0
    callWritableActions()
  }

  func upgrade(headers: HTTPHeaders, adopt: @escaping @Sendable (Int32, TLSStream?, [UInt8]) -> Void) {
    guard case .handling = state else { return }
    let writer = HTTPResponseWriter(minorVersion: 1, framing: .none, endsConnection: false, date: server.date)
    output.append { writer.appendHead(status: 101, headers: headers, to: &$0) }
    self.adopt = adopt
    state = .ending(lingers: false)
    if !isParsing { flush() }
  }

  // MARK: - Output

  private func flush() {
    guard !isClosed else { return }
    guard let sent = output.write(to: stream) else { return close() }
    if sent > 0 { noteSent(sent) }
    if output.isEmpty, stream.flush() {
      if case .ending(let lingers) = state { return end(lingers: lingers) }
      if isBlocked {
        isBlocked = false
        if case .reading = state { setDeadline(server.options.idleTimeoutNanoseconds) } else { setDeadline(nil) }
      }
    } else {
      if sent > 0 || !isBlocked { setDeadline(server.options.stallTimeoutNanoseconds) }
      isBlocked = true
    }
    updateInterest()
  }

  private func noteSent(_ count: Int) {
    guard let flow else { return }
    let bodyCount = min(count, unsentBodyBytes)
    unsentBodyBytes -= bodyCount
    flow.subtract(bodyCount)
    if flow.isWritable { callWritableActions() }
  }

  private func callWritableActions() {
    guard !writableActions.isEmpty else { return }
    let actions = writableActions
    writableActions = []
    for action in actions { action() }
  }

  private func end(lingers: Bool) {
    if let adopt { return handOver(adopt) }
    guard lingers else { return close() }
    state = .lingering
    stream.endOutput()
    setDeadline(Self.lingerNanoseconds)
    updateInterest()
  }

  private func handOver(_ adopt: @Sendable (Int32, TLSStream?, [UInt8]) -> Void) {
    loop.remove(self, descriptor: stream.descriptor)
    let (descriptor, tls) = stream.release()
    state = .closed
    self.adopt = nil
    stopTimer()
    server.forget(self)
    adopt(descriptor, tls, unparsed)
  }

  private func updateInterest() {
    var wanted: Readiness = []
    switch state {
    case .reading: if !isBlocked { wanted.insert(.read) }
    case .handshaking, .lingering: wanted.insert(.read)
    case .handling, .streaming, .ending, .closed: break
    }
    if isBlocked || stream.hasUnsentBytes { wanted.insert(.write) }
    guard wanted != interest, !isClosed else { return }
    interest = wanted
    loop.changeInterest(self, descriptor: stream.descriptor, interest: wanted)
  }

  // MARK: - Time and end

  private func setDeadline(_ nanoseconds: Int64?) {
    guard let nanoseconds else {
      deadline = nil
      return
    }
    let now = loop.clock.monotonicNanoseconds()
    deadline = now + nanoseconds
    // A timer that fires too early looks at the deadline again, so that most changes cost nothing.
    if let timer {
      guard timer.fires > now + nanoseconds else { return }
      loop.cancel(timer.token)
    }
    startTimer(nanoseconds, from: now)
  }

  private func startTimer(_ nanoseconds: Int64, from now: Int64) {
    let token = loop.schedule(afterNanoseconds: nanoseconds) { [weak self] in self?.timerFired() }
    timer = (token, now + nanoseconds)
  }

  private func stopTimer() {
    deadline = nil
    if let timer { loop.cancel(timer.token) }
    timer = nil
  }

  private func timerFired() {
    timer = nil
    guard let deadline, !isClosed else { return }
    let now = loop.clock.monotonicNanoseconds()
    if deadline > now { startTimer(deadline - now, from: now) } else { close() }
  }

  /// The server stops: nothing is lost when no request is on its way.
  func stopWhenIdle() {
    switch state {
    case .reading where parser.isIdle && output.isEmpty, .handshaking: close()
    default: head?.endsConnection = true
    }
  }

  func close() {
    close(stream)
  }

  private func close(_ stream: SocketStream) {
    guard !isClosed else { return }
    state = .closed
    loop.remove(self, descriptor: stream.descriptor)
    stream.close()
    stopTimer()
    adopt = nil
    endStream()
    server.forget(self)
  }
}
