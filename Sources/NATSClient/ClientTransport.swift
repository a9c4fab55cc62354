import CSystem
import Glibc
import Reactor

/// One TCP connection of a client, in time with TLS.
///
/// Invariant: all state belongs to the loop's thread. It owns the descriptor until `close`.
final class ClientTransport: EventSource, @unchecked Sendable {
  enum Event {
    case opened
    case secured
    case received(UnsafeRawBufferPointer)
    case ended
    case failed(ClientError)
  }

  private enum State { case connecting, plain, handshaking, secure, closed }

  private let loop: EventLoop
  private let report: (Event) -> Void
  private var addresses: ArraySlice<SocketAddress>
  /// For one address: those that are silent leave time for the others.
  private let shareNanoseconds: Int64
  private var timer: TimerToken?
  private var address: SocketAddress?
  private var descriptor: Int32 = -1
  private var tls: TLSStream?
  private var state = State.connecting
  private var interest: Readiness = []
  /// The owner has more to write than the socket takes.
  private var isFull = false
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)

  /// - Parameter timeoutNanoseconds: for all addresses together.
  init(
    loop: EventLoop, addresses: [SocketAddress], timeoutNanoseconds: Int64, report: @escaping (Event) -> Void
  ) {
    self.loop = loop
    self.addresses = addresses[...]
    shareNanoseconds = timeoutNanoseconds / Int64(max(1, addresses.count))
    self.report = report
    super.init()
  }

  deinit {
    buffer.deallocate()
  }

  /// Tries one address after the other.
  func connect() { connectToNext(after: "no addresses") }

  private func connectToNext(after problem: String) {
    release()
    guard let address = addresses.popFirst() else { return report(.failed(.connect(problem))) }
    self.address = address
    descriptor = csys_stream_socket(Int32(address.family))
    guard descriptor >= 0 else { return report(.failed(.connect("dial tcp \(address): \(SystemError("socket"))"))) }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    let result = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
    if result != 0, csys_errno() != EINPROGRESS {
      return connectToNext(after: "dial tcp \(address): \(SystemError("connect"))")
    }
    interest = .write
    if !loop.add(self, descriptor: descriptor, interest: interest) {
      report(.failed(.connect("dial tcp \(address): \(SystemError("epoll"))")))
    }
    // The last one has what is left of the owner's time.
    guard !addresses.isEmpty else { return }
    timer = loop.schedule(afterNanoseconds: shareNanoseconds) { [weak self] in
      guard let self, self.state == .connecting else { return }
      self.timer = nil
      self.connectToNext(after: "dial tcp \(address): i/o timeout")
    }
  }

  /// Starts TLS on the connection.
  func secure(_ context: TLSContext, serverName: String, scratch: TLSScratch) {
    guard case .plain = state else { return }
    tls = TLSStream(connecting: descriptor, to: serverName, context: context, scratch: scratch)
    state = .handshaking
    handshake()
  }

  /// Bytes taken; the rest is to be given again when `ready` asks by `wantsOutput`. Errors show when reading.
  func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard state == .plain || state == .secure else { return 0 }
    var taken = 0
    while taken < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[taken...])
      let count: Int
      if let tls {
        guard case .bytes(let part) = tls.write(rest) else { break }
        count = part
      } else {
        count = send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
        if count < 0, csys_errno() == EINTR { continue }
      }
      guard count > 0 else { break }
      taken += count
    }
    isFull = taken < bytes.count
    updateInterest()
    return taken
  }

  func close() {
    guard state != .closed else { return }
    state = .closed
    tls?.shutdown()
    release()
  }

  private func release() {
    if let timer { loop.cancel(timer) }
    timer = nil
    tls = nil
    guard descriptor >= 0 else { return }
    loop.remove(self, descriptor: descriptor)
    Glibc.close(descriptor)
    descriptor = -1
  }

  private func updateInterest() {
    guard descriptor >= 0, state != .closed else { return }
    var wanted: Readiness = state == .connecting ? .write : .read
    if isFull || (tls?.hasUnsentBytes ?? false) { wanted.insert(.write) }
    guard wanted != interest else { return }
    interest = wanted
    loop.changeInterest(self, descriptor: descriptor, interest: wanted)
  }

  // MARK: - Events

  /// Called when the socket has room again.
  var wantsOutput: () -> Void = {}

  override func ready(_ events: Readiness) {
    switch state {
    case .closed: return
    case .connecting: finishConnecting()
    case .handshaking: handshake()
    case .plain, .secure:
      if events.contains(.write) {
        _ = tls?.flush()
        if isFull { wantsOutput() }
      }
      read()
    }
    updateInterest()
  }

  private func finishConnecting() {
    var code: Int32 = 0
    var length = socklen_t(4)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    guard code == 0 else {
      let name = address.map(\.description) ?? ""
      return connectToNext(after: "dial tcp \(name): \(SystemError("connect", code: code))")
    }
    state = .plain
    if let timer { loop.cancel(timer) }
    timer = nil
    updateInterest()
    report(.opened)
  }

  private func handshake() {
    guard let tls else { return }
    switch tls.handshake() {
    case .done:
      state = .secure
      updateInterest()
      report(.secured)
      if case .secure = state, tls.hasUnreadBytes { read() }
    case .wantsRead, .wantsWrite: updateInterest()
    case .failed: report(.failed(.tls(tls.failure?.text ?? "handshake failed")))
    }
  }

  private func read() {
    while state == .plain || state == .secure {
      if let tls {
        switch tls.read(into: buffer) {
        case .bytes(let count): report(.received(UnsafeRawBufferPointer(rebasing: buffer[..<count])))
        case .wantsRead: return
        case .closed: return report(.ended)
        // A certificate that the server does not accept shows here, with TLS 1.3.
        case .failed: return report(.failed(.tls(tls.failure?.text ?? "connection failed")))
        }
        guard self.tls?.hasUnreadBytes ?? false else { return }
      } else {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count > 0 { return report(.received(UnsafeRawBufferPointer(rebasing: buffer[..<count]))) }
        if count < 0, csys_errno() == EINTR { continue }
        if count < 0, csys_errno() == EAGAIN { return }
        return report(.ended)
      }
    }
  }
}
