import COpenSSL
import CSystem
import Crypto
import Glibc

/// The two big buffers through which all TLS connections of one event loop read and write ciphertext. They are empty
/// between calls: what is left over moves to the connection it belongs to.
///
/// Invariant: used by one thread at a time, the loop's.
public final class TLSScratch: @unchecked Sendable {
  /// One `recv` takes up to this much.
  static let inputCapacity = 128 << 10
  /// One `send` gives up to this much: 128 KB of plaintext in records.
  static let outputCapacity = (128 << 10) + 16 * TLSTransport.recordOverhead

  let input = UnsafeMutableRawPointer.allocate(byteCount: inputCapacity, alignment: 64)
  let output = UnsafeMutableRawPointer.allocate(byteCount: outputCapacity, alignment: 64)

  public init() {}

  deinit {
    input.deallocate()
    output.deallocate()
  }
}

/// The ciphertext side of one connection: a BIO between OpenSSL and a non-blocking socket that makes large system
/// calls out of OpenSSL's small ones. One call of the stream is one operation: at most one `recv` of up to 128 KB,
/// and one `send` of all records that the operation made.
///
/// Invariant: lives at a fixed address from the stream's `init` to its `deinit`; `scratch` outlives it; bytes in the
/// scratch buffers belong to it only between `begin` and `end` of an operation.
struct TLSTransport {
  /// The most that a record adds to its 16 KB of plaintext.
  static let recordOverhead = 256
  static let largestRecord = (16 << 10) + recordOverhead

  private let descriptor: Int32
  private let scratch: TLSScratch

  /// Ciphertext that OpenSSL has not read: in the scratch buffer during an operation, in `kept` between two.
  private var input: UnsafeMutableRawPointer
  private(set) var inputCount = 0
  /// The connection's own memory under `input`, if it is not in the scratch buffer.
  private var kept: UnsafeMutableRawPointer?
  private var mayReceive = false
  private var receiveLimit = 0

  /// Ciphertext that the socket has not taken: in the scratch buffer during an operation, in `backlog` between two.
  private var outputCount = 0
  private var backlog: UnsafeMutableRawPointer?
  private var backlogStart = 0
  private(set) var backlogCount = 0

  private(set) var reachedEnd = false
  /// The error number that ended reading or writing, and which of the two; 0 for none.
  private(set) var errorNumber: Int32 = 0
  private(set) var failedOperation: StaticString = ""
  private(set) var opening = TLSOpening()

  init(descriptor: Int32, scratch: TLSScratch, prefix: UnsafeRawBufferPointer) {
    self.descriptor = descriptor
    self.scratch = scratch
    input = scratch.input
    keepInput(prefix)
    opening.note(prefix)
  }

  mutating func release() {
    kept?.deallocate()
    backlog?.deallocate()
  }

  // MARK: - Operations

  /// Starts an operation that may receive up to `limit` bytes.
  mutating func begin(receiveLimit limit: Int = 0) {
    mayReceive = limit > 0
    receiveLimit = min(limit, TLSScratch.inputCapacity)
  }

  /// Ends it: sends what was made, unless it is `mute`, and moves what is left out of the scratch buffers.
  mutating func end(mute: Bool = false) {
    if mute { outputCount = 0 }
    if inputCount > 0 && kept == nil { keepInput(UnsafeRawBufferPointer(start: input, count: inputCount)) }
    if inputCount == 0 { dropKept() }
    flush()
  }

  private mutating func keepInput(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else { return }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
    memory.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    kept = memory
    input = memory
    inputCount = bytes.count
  }

  private mutating func dropKept() {
    kept?.deallocate()
    kept = nil
  }

  // MARK: - Input

  /// Copies out what is there, receiving first if nothing is; 0 when there is nothing to be had now.
  mutating func read(into bytes: UnsafeMutableRawPointer, capacity: Int) -> Int {
    if inputCount == 0 { receive() }
    let count = min(capacity, inputCount)
    guard count > 0 else { return 0 }
    bytes.copyMemory(from: input, byteCount: count)
    input += count
    inputCount -= count
    return count
  }

  private mutating func receive() {
    guard mayReceive, !reachedEnd, errorNumber == 0 else { return }
    mayReceive = false
    dropKept()
    var count = 0
    repeat { count = recv(descriptor, scratch.input, receiveLimit, 0) } while count < 0 && errno == EINTR
    if count > 0 {
      input = scratch.input
      inputCount = count
      opening.note(UnsafeRawBufferPointer(start: input, count: count))
    } else if count == 0 {
      reachedEnd = true
    } else if errno != EAGAIN {
      (errorNumber, failedOperation) = (errno, "read")
    }
  }

  // MARK: - Output

  /// Takes all of it: into the scratch buffer, or behind a backlog.
  mutating func write(_ bytes: UnsafeRawPointer, count: Int) {
    if backlogCount == 0 && outputCount + count > TLSScratch.outputCapacity { flush() }
    guard backlogCount == 0 && count <= TLSScratch.outputCapacity else { return extendBacklog(bytes, count: count) }
    (scratch.output + outputCount).copyMemory(from: bytes, byteCount: count)
    outputCount += count
  }

  /// Sends the scratch buffer; what the socket does not take becomes the backlog.
  private mutating func flush() {
    guard outputCount > 0 else { return }
    let sent = send(scratch.output, count: outputCount)
    if sent < outputCount && errorNumber == 0 { extendBacklog(scratch.output + sent, count: outputCount - sent) }
    outputCount = 0
  }

  /// Sends from the backlog; true when none is left and the socket can still be written to.
  mutating func sendBacklog() -> Bool {
    guard let memory = backlog else { return errorNumber == 0 }
    let sent = send(memory + backlogStart, count: backlogCount)
    backlogStart += sent
    backlogCount -= sent
    guard backlogCount == 0 else { return false }
    memory.deallocate()
    backlog = nil
    backlogStart = 0
    return true
  }

  private mutating func send(_ bytes: UnsafeRawPointer, count: Int) -> Int {
    guard errorNumber == 0 else { return 0 }
    var sent = 0
    repeat {
      sent = Glibc.send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
    } while sent < 0 && errno == EINTR
    guard sent < 0 else { return sent }
    if errno != EAGAIN { (errorNumber, failedOperation) = (errno, "write") }
    return 0
  }

  /// Bounded by what one operation makes, since no operation starts to write while there is a backlog.
  private mutating func extendBacklog(_ bytes: UnsafeRawPointer, count: Int) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: backlogCount + count, alignment: 16)
    if let previous = backlog {
      memory.copyMemory(from: previous + backlogStart, byteCount: backlogCount)
      previous.deallocate()
    }
    (memory + backlogCount).copyMemory(from: bytes, byteCount: count)
    backlog = memory
    backlogStart = 0
    backlogCount += count
  }
}

/// The first bytes that a peer sends: they tell who did not mean to speak TLS.
struct TLSOpening {
  private var type: UInt8 = 0
  private var majorVersion: UInt8 = 0
  private(set) var count = 0

  mutating func note(_ bytes: UnsafeRawBufferPointer) {
    guard count < 2 else { return }
    for byte in bytes.prefix(2 - count) {
      if count == 0 { type = byte } else { majorVersion = byte }
      count += 1
    }
  }

  var isSSL2: Bool { count == 2 && type == 0x80 }

  /// Neither an alert nor a handshake record, or of a version that will never be.
  var isForeign: Bool { count == 2 && !isSSL2 && ((type != 0x15 && type != 0x16) || majorVersion >= 0x10) }
}

// MARK: - The BIO

extension TLSTransport {
  /// A BIO over `transport`, owned by whoever it is given to.
  static func makeBIO(_ transport: UnsafeMutablePointer<TLSTransport>) -> OpaquePointer {
    let bio = BIO_new(bioMethod)!
    BIO_set_data(bio, transport)
    BIO_set_init(bio, 1)
    return bio
  }

  /// Invariant: complete before it is shared, never changed after.
  private nonisolated(unsafe) static let bioMethod: OpaquePointer = {
    let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "batching socket")!
    BIO_meth_set_read_ex(method) { bio, bytes, capacity, count in
      cssl_bio_clear_retry(bio)
      let transport = BIO_get_data(bio).assumingMemoryBound(to: TLSTransport.self)
      let read = transport.pointee.read(into: bytes!, capacity: capacity)
      count!.pointee = read
      if read > 0 { return 1 }
      if !transport.pointee.reachedEnd && transport.pointee.errorNumber == 0 { cssl_bio_retry_read(bio) }
      return 0
    }
    BIO_meth_set_write_ex(method) { bio, bytes, capacity, count in
      cssl_bio_clear_retry(bio)
      BIO_get_data(bio).assumingMemoryBound(to: TLSTransport.self).pointee.write(bytes!, count: capacity)
      count!.pointee = capacity
      return 1
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()
}
