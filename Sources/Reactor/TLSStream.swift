import COpenSSL
import CSystem
import Crypto
import Glibc

/// TLS over a non-blocking socket that somebody else owns, watches and closes.
///
/// No call blocks. Reading and writing allocate nothing. Socket events drive it: call `handshake` until `.done`, then
/// `read` and `write`. Two things a socket event will not tell: `hasUnreadBytes` (call `read` again without waiting)
/// and `hasUnsentBytes` (wait for the socket to become writable, then call `flush`).
///
/// Invariant: used by one thread at a time. It keeps its context and its scratch buffers alive; the descriptor must
/// stay open until it is gone.
public final class TLSStream: @unchecked Sendable {
  public enum Handshake: Equatable, Sendable { case done, wantsRead, wantsWrite, failed }
  public enum Reading: Equatable, Sendable { case bytes(Int), wantsRead, closed, failed }
  public enum Writing: Equatable, Sendable { case bytes(Int), wantsWrite, closed, failed }

  /// Plaintext is handed to OpenSSL in parts of this size, so that one part fits the scratch buffer.
  private static let writePart = 128 << 10
  /// What a handshake step receives; its messages are small.
  private static let handshakePart = 16 << 10

  let context: TLSContext
  let connection: OpaquePointer
  let transport: UnsafeMutablePointer<TLSTransport>
  private let scratch: TLSScratch
  /// Set once reading has ended.
  private var end: Reading?
  /// The name or address that a client looks for in the server's certificate.
  private(set) var expectedName = ""
  /// What is known of the client until the handshake is over; see `TLSFailure`.
  var offer: TLSClientOffer?
  /// What the verification of the peer's certificate found wrong.
  var verification: TLSVerification.Failure?
  /// Why the stream failed; set with the first `.failed`.
  public internal(set) var failure: TLSFailure?

  /// A server's side of a connection. `replaying`: bytes that were already read from the socket to see whether the
  /// client speaks TLS (FEATURES 1.054, 1.055).
  public convenience init(
    serving descriptor: Int32, context: TLSContext, scratch: TLSScratch,
    replaying prefix: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    precondition(context.role == .server)
    self.init(descriptor, context, scratch, prefix)
    SSL_set_accept_state(connection)
  }

  /// A client's side. `serverName`: the host name or address that the server's certificate must be for; a host name
  /// is also sent to the server.
  public convenience init(
    connecting descriptor: Int32, to serverName: String, context: TLSContext, scratch: TLSScratch
  ) {
    precondition(context.role == .client)
    self.init(descriptor, context, scratch, UnsafeRawBufferPointer(start: nil, count: 0))
    SSL_set_connect_state(connection)
    expectedName = serverName
    let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), serverName) == 1
    guard !isAddress, !serverName.isEmpty else {
      ERR_clear_error()
      return
    }
    _ = cssl_set_server_name(connection, serverName)
    SSL_set_hostflags(
      connection, UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    SSL_set1_host(connection, serverName)
  }

  private init(
    _ descriptor: Int32, _ context: TLSContext, _ scratch: TLSScratch, _ prefix: UnsafeRawBufferPointer
  ) {
    self.context = context
    self.scratch = scratch
    connection = SSL_new(context.context)!
    transport = .allocate(capacity: 1)
    transport.initialize(to: TLSTransport(descriptor: descriptor, scratch: scratch, prefix: prefix))
    let bio = TLSTransport.makeBIO(transport)
    SSL_set_bio(connection, bio, bio)
    cssl_set_owner(connection, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    SSL_free(connection)
    transport.pointee.release()
    transport.deinitialize(count: 1)
    transport.deallocate()
  }

  /// Bytes wait here, or the end of the stream is known: `read` has something to tell without a socket event.
  public var hasUnreadBytes: Bool {
    transport.pointee.inputCount > 0 || SSL_pending(connection) > 0 || end != nil
  }

  /// Ciphertext waits for the socket to become writable.
  public var hasUnsentBytes: Bool { transport.pointee.backlogCount > 0 }

  /// Goes on with the handshake as far as the socket allows.
  public func handshake() -> Handshake {
    guard failure == nil else { return .failed }
    guard transport.pointee.sendBacklog() else { return writeBlocked(.wantsWrite, .failed) }
    ERR_clear_error()
    transport.pointee.begin(receiveLimit: Self.handshakePart)
    let result = SSL_do_handshake(connection)
    let error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(connection, result)
    // As in Go, who does not speak TLS gets no alert.
    transport.pointee.end(mute: transport.pointee.opening.isForeign)
    if error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ {
      failure = TLSFailure(of: self)
      return .failed
    }
    guard !hasUnsentBytes else { return writeBlocked(.wantsWrite, .failed) }
    guard error == SSL_ERROR_NONE else { return .wantsRead }
    offer = nil
    return .done
  }

  /// Decrypts what has arrived into `buffer`, after one `recv` of at most the size of `buffer`. With 32 KB or more
  /// of room nothing is left behind, so that the next socket event is the time for the next call.
  public func read(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
    if let end { return end }
    ERR_clear_error()
    transport.pointee.begin(receiveLimit: max(Self.handshakePart, buffer.count - TLSTransport.largestRecord))
    var total = 0
    var result: Int32 = 1
    while total < buffer.count {
      var count = 0
      result = SSL_read_ex(connection, buffer.baseAddress! + total, buffer.count - total, &count)
      guard result == 1 else { break }
      total += count
    }
    if result != 1 { noteEnd(SSL_get_error(connection, result)) }
    transport.pointee.end()
    return total > 0 ? .bytes(total) : end ?? .wantsRead
  }

  private func noteEnd(_ error: Int32) {
    switch error {
    case SSL_ERROR_WANT_READ: break
    case SSL_ERROR_ZERO_RETURN: end = .closed
    case _ where transport.pointee.reachedEnd: end = .closed
    default:
      failure = failure ?? TLSFailure(of: self)
      end = .failed
    }
  }

  /// Encrypts and sends. `.bytes` says how much of the plaintext was taken: all of it unless the socket is full;
  /// `.wantsWrite` means none, since the socket has not taken what came before.
  public func write(_ bytes: UnsafeRawBufferPointer) -> Writing {
    guard !bytes.isEmpty else { return .bytes(0) }
    var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    return withUnsafePointer(to: &part) { write(UnsafeBufferPointer(start: $0, count: 1)) }
  }

  /// The same for several pieces, which share system calls.
  public func write(_ pieces: UnsafeBufferPointer<iovec>) -> Writing {
    guard failure == nil else { return .failed }
    guard transport.pointee.sendBacklog() else { return writeBlocked(.wantsWrite, .failed) }
    ERR_clear_error()
    transport.pointee.begin()
    defer { transport.pointee.end() }
    var total = 0
    for piece in pieces {
      var left = UnsafeRawBufferPointer(start: piece.iov_base, count: piece.iov_len)
      while !left.isEmpty {
        guard !hasUnsentBytes else { return .bytes(total) }
        var count = 0
        let result = SSL_write_ex(connection, left.baseAddress, min(left.count, Self.writePart), &count)
        guard result == 1 else { return noteWriteError() }
        total += count
        left = UnsafeRawBufferPointer(rebasing: left[count...])
      }
    }
    return .bytes(total)
  }

  private func noteWriteError() -> Writing {
    failure = TLSFailure(of: self)
    return .failed
  }

  /// Sends what waits; false when the socket does not take all of it, or failed.
  public func flush() -> Bool {
    transport.pointee.sendBacklog()
  }

  private func writeBlocked<Outcome>(_ waiting: Outcome, _ failed: Outcome) -> Outcome {
    guard transport.pointee.errorNumber != 0 else { return waiting }
    failure = TLSFailure(of: self)
    return failed
  }

  /// Says goodbye (close_notify) as far as the socket takes it; the answer is not waited for.
  public func shutdown() {
    guard failure == nil, SSL_is_init_finished(connection) == 1 else { return }
    ERR_clear_error()
    transport.pointee.begin()
    SSL_shutdown(connection)
    transport.pointee.end()
  }
}
