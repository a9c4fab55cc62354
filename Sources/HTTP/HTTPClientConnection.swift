import CSystem
import Glibc
import Reactor

/// One connection of an `HTTPClient`: one request at a time.
///
/// Invariant: all state belongs to the loop's thread.
final class HTTPClientConnection: EventSource, @unchecked Sendable {
  private enum State {
    /// Waiting for addresses.
    case unconnected
    case connecting
    case handshaking
    case open
    case closed
  }

  let server: HTTPClient.Server
  private let client: HTTPClient
  private let loop: EventLoop
  private let context: TLSContext?
  private var stream: SocketStream?
  private var addresses: ArraySlice<SocketAddress> = []
  private var currentAddress: SocketAddress?
  private var state = State.unconnected
  private var interest: Readiness = []
  private var parser: HTTPResponseParser
  private var output = OutputBuffer()
  private var call: HTTPCall?
  private var endsConnection = false
  /// A request was answered on it before.
  private var isReused = false
  /// Something of the current answer has arrived.
  private var hasInput = false
  private var timer: TimerToken?

  init(client: HTTPClient, server: HTTPClient.Server, tls: TLSContext?) {
    self.client = client
    self.server = server
    context = tls
    loop = client.loop
    parser = HTTPResponseParser(limits: client.options.limits)
    super.init()
    startTimer(client.options.connectTimeoutNanoseconds, .timedOut)
  }

  // MARK: - Connecting

  func connect(to addresses: [SocketAddress]) {
    guard case .unconnected = state else { return }
    self.addresses = addresses[...]
    connectToNext(after: "no addresses")
  }

  private func connectToNext(after problem: String) {
    stream.map { stream in
      loop.remove(self, descriptor: stream.descriptor)
      stream.close()
    }
    stream = nil
    state = .unconnected
    guard let address = addresses.popFirst() else { return fail(.connect(problem)) }
    startTimer(client.options.connectTimeoutNanoseconds, .timedOut)
    let descriptor = csys_stream_socket(Int32(address.family))
    guard descriptor >= 0 else { return fail(.connect("dial tcp \(address): \(SystemError("socket"))")) }
    let result = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
    if result != 0, csys_errno() != EINPROGRESS {
      let error = SystemError("connect")
      Glibc.close(descriptor)
      return connectToNext(after: "dial tcp \(address): \(error)")
    }
    let tls = context.map {
      TLSStream(
        connecting: descriptor, to: client.options.tlsServerName ?? server.host, context: $0, scratch: client.tlsScratch
      )
    }
    stream = SocketStream(descriptor: descriptor, tls: tls)
    if client.options.keepsConnectionsAlive { stream?.keepAlive() }
    state = .connecting
    interest = .write
    guard loop.add(self, descriptor: descriptor, interest: interest) else {
      return fail(.connect("dial tcp \(address): \(SystemError("epoll"))"))
    }
    currentAddress = address
  }

  private func finishConnecting(_ stream: SocketStream) {
    var code: Int32 = 0
    var length = socklen_t(4)
    getsockopt(stream.descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    guard code == 0 else {
      let address = currentAddress.map(\.description) ?? server.host
      return connectToNext(after: "dial tcp \(address): \(SystemError("connect", code: code))")
    }
    state = context == nil ? .open : .handshaking
    if context == nil { becomeOpen() } else { handshake(stream) }
  }

  private func handshake(_ stream: SocketStream) {
    switch stream.handshake() {
    case .done:
      state = .open
      becomeOpen()
    case .blocked: updateInterest()
    case .failed(let text): fail(.tls(text))
    }
  }

  private func becomeOpen() {
    stopTimer()
    addresses = []
    flush()
    updateInterest()
  }

  // MARK: - Requests

  /// Takes a request; it is sent when the connection is open.
  func send(_ call: HTTPCall) {
    stopTimerIfOpen()
    self.call = call
    call.connection = self
    endsConnection = false
    hasInput = false
    parser.expectResponse(to: call.request.method)
    output.append(call.request.bytes)
    guard case .open = state else { return }
    flush()
    updateInterest()
  }

  func updateInterest() {
    guard let stream else { return }
    var wanted: Readiness = []
    switch state {
    case .unconnected, .closed: return
    case .connecting: wanted = .write
    case .handshaking: wanted = stream.hasUnsentBytes ? [.read, .write] : .read
    case .open:
      if !(call?.isPaused ?? false) { wanted.insert(.read) }
      if !output.isEmpty || stream.hasUnsentBytes { wanted.insert(.write) }
    }
    guard wanted != interest else { return }
    interest = wanted
    loop.changeInterest(self, descriptor: stream.descriptor, interest: wanted)
  }

  func resumeReading() {
    updateInterest()
    if case .open = state, stream?.hasUnreadBytes ?? false { read() }
  }

  // MARK: - Events

  override func ready(_ events: Readiness) {
    guard let stream else { return }
    switch state {
    case .connecting: finishConnecting(stream)
    case .handshaking: handshake(stream)
    case .open:
      if events.contains(.write) { flush() }
      if call?.isPaused ?? false {
        // Not reading: an error is all that is left to hear of.
        if !events.isDisjoint(with: .failed) { end(.disconnected) }
      } else {
        read()
      }
      updateInterest()
    case .unconnected, .closed: break
    }
  }

  private func flush() {
    guard let stream, case .open = state else { return }
    // A server may answer and close before it has read all: the answer is still to be read.
    guard output.write(to: stream) != nil else {
      output = OutputBuffer()
      return
    }
    _ = stream.flush()
  }

  private func read() {
    while case .open = state, let stream, !(call?.isPaused ?? false) {
      switch stream.read(into: client.readBuffer) {
      case .blocked: return
      case .closed: return inputEnded()
      case .bytes(let count):
        hasInput = true
        parse(UnsafeRawBufferPointer(rebasing: client.readBuffer[..<count]))
      }
      guard self.stream?.hasUnreadBytes ?? false else { return }
    }
  }

  private func parse(_ input: UnsafeRawBufferPointer) {
    var position = 0
    while case .open = state {
      switch parser.next(input, &position) {
      case .needsMore: return
      case .head(let head):
        endsConnection = head.endsConnection
        call?.deliver(.head(head))
      case .body(let range): call?.deliver(.body(Array(input[range])))
      case .end: return complete(hasLeftover: position < input.count)
      case .upgraded, .failed: return end(.malformedResponse)
      }
    }
  }

  private func inputEnded() {
    switch parser.finish() {
    case .end:
      endsConnection = true
      complete(hasLeftover: false)
    default: end(.disconnected)
    }
  }

  private func complete(hasLeftover: Bool) {
    let call = self.call
    self.call = nil
    call?.connection = nil
    // An answer that came before the whole request was sent leaves the connection in the middle of it.
    let isReusable = !endsConnection && !hasLeftover && output.isEmpty
    if !isReusable { close() }
    call?.end()
    guard isReusable, case .open = state else { return }
    isReused = true
    startTimer(client.options.idleTimeoutNanoseconds, nil)
    updateInterest()
    client.release(self)
  }

  // MARK: - Time and end

  /// The connection failed: so does its request, unless it can be sent again.
  private func end(_ error: HTTPClientError) {
    guard let call else { return close() }
    let wasReused = isReused
    let isUnanswered = !hasInput && !call.hasResponse
    self.call = nil
    call.connection = nil
    close()
    if wasReused, isUnanswered, call.request.isIdempotent, !call.isRetry {
      call.isRetry = true
      client.begin(call)
    } else {
      call.fail(error)
    }
  }

  func fail(_ error: HTTPClientError) {
    let call = self.call
    self.call = nil
    call?.connection = nil
    close()
    call?.fail(error)
  }

  /// Its request, if any, is over already.
  func close() {
    if case .closed = state { return }
    state = .closed
    call = nil
    stopTimer()
    if let stream {
      loop.remove(self, descriptor: stream.descriptor)
      stream.close()
    }
    stream = nil
    client.forget(self)
  }

  private func startTimer(_ nanoseconds: Int64, _ error: HTTPClientError?) {
    stopTimer()
    timer = loop.schedule(afterNanoseconds: nanoseconds) { [weak self] in
      guard let self else { return }
      if let error { self.fail(error) } else { self.close() }
    }
  }

  private func stopTimerIfOpen() {
    if case .open = state { stopTimer() }
  }

  private func stopTimer() {
    if let timer { loop.cancel(timer) }
    timer = nil
  }
}
