import CSystem
import Glibc
import Reactor

/// A non-blocking socket, with or without TLS, that reads and writes what it can.
///
/// Owns the descriptor: `close` closes it. Used by its loop's thread only.
final class SocketStream {
  enum Reading: Equatable {
    case bytes(Int)
    case blocked
    case closed
  }

  enum Handshake: Equatable {
    case done
    case blocked
    case failed(String)
  }

  let descriptor: Int32
  private(set) var tls: TLSStream?
  private var isOpen = true

  init(descriptor: Int32, tls: TLSStream? = nil) {
    self.descriptor = descriptor
    self.tls = tls
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  /// Asks after a silent peer every 10 s from 30 s on; three questions without an answer, or bytes that stay
  /// unacknowledged as long, end the connection.
  func keepAlive() {
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, 4)
    for (name, number) in [(TCP_KEEPIDLE, 30), (TCP_KEEPINTVL, 10), (TCP_KEEPCNT, 3), (TCP_USER_TIMEOUT, 30_000)] {
      var value = Int32(number)
      setsockopt(descriptor, Int32(IPPROTO_TCP), name, &value, 4)
    }
  }

  /// Bytes that no socket event will announce.
  var hasUnreadBytes: Bool { tls?.hasUnreadBytes ?? false }

  /// Encrypted bytes that wait for the socket.
  var hasUnsentBytes: Bool { tls?.hasUnsentBytes ?? false }

  func handshake() -> Handshake {
    guard let tls else { return .done }
    return switch tls.handshake() {
    case .done: .done
    case .wantsRead, .wantsWrite: .blocked
    case .failed: .failed(tls.failure?.text ?? "tls: internal error")
    }
  }

  /// A failed connection counts as closed.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
    if let tls {
      return switch tls.read(into: buffer) {
      case .bytes(let count): .bytes(count)
      case .wantsRead: .blocked
      case .closed, .failed: .closed
      }
    }
    while true {
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .closed }
      switch csys_errno() {
      case EINTR: continue
      case EAGAIN: return .blocked
      default: return .closed
      }
    }
  }

  /// Bytes taken, 0 when the socket is full; nil when the connection is gone.
  func write(_ bytes: UnsafeRawBufferPointer) -> Int? {
    if let tls {
      return switch tls.write(bytes) {
      case .bytes(let count): count
      case .wantsWrite: 0
      case .closed, .failed: nil
      }
    }
    while true {
      let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return count }
      switch csys_errno() {
      case EINTR: continue
      case EAGAIN: return 0
      default: return nil
      }
    }
  }

  /// Sends encrypted bytes that wait; true when none are left.
  func flush() -> Bool { tls?.flush() ?? true }

  /// The first bytes that the peer sent, left where they are.
  func peekedBytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let found = recv(descriptor, &bytes, count, Int32(MSG_PEEK))
    return Array(bytes.prefix(max(0, found)))
  }

  /// Says that nothing more will be sent.
  func endOutput() {
    tls?.shutdown()
    shutdown(descriptor, Int32(SHUT_WR))
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    tls?.shutdown()
    tls = nil
    Glibc.close(descriptor)
  }

  /// Gives the descriptor away: `close` does nothing any more.
  func release() -> (descriptor: Int32, tls: TLSStream?) {
    isOpen = false
    defer { tls = nil }
    return (descriptor, tls)
  }
}

/// Bytes that wait for a socket.
struct OutputBuffer {
  private var bytes: [UInt8] = []
  private var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { count == 0 }

  /// The buffer for appending.
  mutating func append(_ fill: (inout [UInt8]) -> Void) {
    if start > 0, start == bytes.count { removeAll() }
    fill(&bytes)
  }

  mutating func append(_ more: [UInt8]) {
    append { $0.append(contentsOf: more) }
  }

  /// Writes as much as the socket takes. Returns the count; nil when the connection is gone.
  mutating func write(to stream: SocketStream) -> Int? {
    var total = 0
    while !isEmpty {
      let taken = bytes.withUnsafeBytes { stream.write(UnsafeRawBufferPointer(rebasing: $0[start...])) }
      guard let taken else { return nil }
      if taken == 0 { break }
      start += taken
      total += taken
    }
    if isEmpty { removeAll() }
    return total
  }

  private mutating func removeAll() {
    // A buffer that was large once is not kept for an idle connection.
    bytes.removeAll(keepingCapacity: bytes.capacity <= 64 * 1024)
    start = 0
  }
}
