import CSystem
import Configuration
import Glibc
import Reactor

// TLS at the start of a connection: before INFO, after it, or only if the client wants it (FEATURES 1.044, 1.053 to
// 1.055). Owner loop.

extension Connection {
  private static let handshakeRecord: UInt8 = 0x16

  /// Greets the client as its listener's TLS settings ask for, and starts the handshake where it is due.
  func beginTLS(_ context: TLSContext, _ options: TLSOptions, allowsPlain: Bool) {
    tlsContext = context
    switch options.handshakeFirst {
    case .on:
      handshakeComesFirst = true
      startHandshake(options)
    case .auto(let fallback):
      handshakeComesFirst = true
      phase = .sniffing
      handshakeTimer = worker.loop.schedule(afterNanoseconds: fallback) { [self] in
        guard phase == .sniffing else { return }
        handshakeTimer = nil
        handshakeComesFirst = false
        sendInfo()
        beginAfterInfo(options, allowsPlain: allowsPlain)
      }
    case .off:
      sendInfo()
      beginAfterInfo(options, allowsPlain: allowsPlain)
    }
  }

  private func beginAfterInfo(_ options: TLSOptions, allowsPlain: Bool) {
    guard allowsPlain else {
      startHandshake(options)
      return
    }
    phase = .sniffing
    handshakeTimer = worker.loop.schedule(afterNanoseconds: options.timeoutNanoseconds) { [self] in
      guard phase == .sniffing else { return }
      handshakeTimer = nil
      openPlain()
    }
  }

  /// The first byte tells whether the client speaks TLS; it stays in the socket.
  func sniff() {
    var byte: UInt8 = 0
    let count = recv(state.pointee.descriptor, &byte, 1, Int32(MSG_PEEK))
    if count < 0, csys_errno() == EAGAIN || csys_errno() == EINTR { return }
    guard count == 1 else {
      close(.clientClosed)
      return
    }
    clearHandshakeTimer()
    guard let options = server.settings.options.tls else {
      openPlain()
      return
    }
    if handshakeComesFirst || byte == Self.handshakeRecord { startHandshake(options) } else { openPlain() }
  }

  private func openPlain() {
    phase = .open
    begun()
    readTurn()
  }

  private func startHandshake(_ options: TLSOptions) {
    server.logger.debug("\(self.label) - Starting TLS client connection handshake")
    // INFO must be on its way before this side listens for a ClientHello.
    worker.flushStages()
    phase = .handshaking
    tls = TLSStream(serving: state.pointee.descriptor, context: tlsContext!, scratch: worker.tlsScratch)
    handshakeTimer = worker.loop.schedule(afterNanoseconds: options.timeoutNanoseconds) { [self] in
      handshakeTimedOut()
    }
    continueHandshake()
  }

  private func handshakeTimedOut() {
    handshakeTimer = nil
    guard phase == .handshaking else { return }
    server.logger.debug("\(self.label) - TLS handshake error: timeout")
    close(.tlsHandshakeError)
  }

  func continueHandshake() {
    guard let tls else { return }
    switch tls.handshake() {
    case .wantsRead: setHandshakeInterest(.read)
    case .wantsWrite: setHandshakeInterest([.read, .write])
    case .failed:
      let failure = tls.failure
      let line = "\(label) - TLS handshake error: \(failure?.text ?? "unknown")"
      if failure?.isProbe == true { server.logger.debug(line) } else { server.logger.error(line) }
      close(.tlsHandshakeError)
    case .done: handshakeDone(tls)
    }
  }

  private func setHandshakeInterest(_ interest: Readiness) {
    worker.loop.changeInterest(self, descriptor: state.pointee.descriptor, interest: interest)
  }

  private func handshakeDone(_ tls: TLSStream) {
    clearHandshakeTimer()
    guard tls.matches(pinned: server.settings.options.tls?.pinnedCertificates ?? []) else {
      logError("TLS handshake error: certificate not pinned")
      close(.tlsHandshakeError)
      return
    }
    server.logger.debug("\(self.label) - TLS handshake complete")
    server.logger.debug("\(self.label) - TLS version \(tls.version), cipher suite \(tls.cipherSuite)")
    state.flags.insert(.framed)
    phase = .open
    updateInterest()
    if handshakeComesFirst { sendInfo() }
    begun()
    readTurn()
  }

  func clearHandshakeTimer() {
    if let handshakeTimer { worker.loop.cancel(handshakeTimer) }
    handshakeTimer = nil
  }

  // MARK: bytes

  /// As `readIn`: bytes read, 0 for none now, negative at the end.
  func readTLS(_ tls: TLSStream, _ buffer: UnsafeMutableRawPointer, _ capacity: Int) -> Int {
    switch tls.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: capacity)) {
    case .bytes(let count): return count
    case .wantsRead: return 0
    case .closed: return Self.endOfStream
    case .failed: return -2
    }
  }

  /// As `writeOut`.
  func writeTLS(_ tls: TLSStream, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    switch tls.write(UnsafeRawBufferPointer(start: bytes, count: count)) {
    case .bytes(let count): return count
    case .wantsWrite: return 0
    case .closed, .failed: return -1
    }
  }

  /// Ciphertext waits for the socket. Owner loop.
  var hasUnsentBytes: Bool { tls?.hasUnsentBytes ?? false }

  /// Sends ciphertext that waits; false when some still does.
  func flushTransport() -> Bool {
    guard let tls, tls.hasUnsentBytes else { return true }
    return tls.flush()
  }
}
