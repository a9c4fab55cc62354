import Broker
import Bytes
import Glibc

/// What arrives for a stream.
enum HandoffKind: UInt8 {
  /// A message for one of its subjects.
  case publish
  /// An acknowledgement: `$JS.ACK.>`.
  case acknowledge
  /// An answer to a flow control request: `$JS.FC.>`.
  case flowControl
  /// `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>`.
  case pull
  /// `$JS.API.DIRECT.GET.<stream>[.<subject>]`.
  case directGet
  /// A request to the API about the stream; see `HandoffBatch.requests`.
  case request
  /// What the consumer of a stream that this one copies from sends; see `HandoffItem.tag`.
  case upstream
  /// The answer to a request for such a consumer.
  case originAnswer
}

/// One thing that was handed over. Its bytes lie in the batch and are padded as `Message` asks for.
struct HandoffItem {
  let kind: HandoffKind
  @Uncounted var handle: StreamHandle
  /// Which of the stream's listeners heard it.
  let tag: UInt32
  let message: Message
}

/// What one loop has for another: copies of messages, one behind the other. Filled on one loop, then read on another.
final class HandoffBatch: @unchecked Sendable {
  /// Handed over early when it holds more.
  static let fullBytes = 1 << 20
  /// Readable bytes behind a subject and a reply.
  static let padding = 16

  private struct Head {
    var handle: Unmanaged<StreamHandle>
    /// It keeps the handle for itself and for those behind it that do not.
    var keepsHandle: Bool
    var kind: HandoffKind
    var hasReply: Bool
    var subjectLength: UInt16
    var replyLength: UInt16
    var headerLength: UInt32
    var size: UInt32
    var tag: UInt32
  }

  private var bytes: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var byteCount = 0
  /// Where reading has come to.
  private var position = 0
  /// The handle of the item that was added last.
  private var newest: Unmanaged<StreamHandle>?
  /// Requests to the API, in the order of their items.
  private(set) var requests: [APIRequest] = []
  private var nextRequest = 0

  /// - Parameter expected: how many bytes it will probably hold.
  init(expecting expected: Int) {
    capacity = expected + max(expected / 4, 16 << 10)
    bytes = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit {
    position = min(position, byteCount)
    while next() != nil { release() }
    bytes.deallocate()
  }

  var isFull: Bool { byteCount >= Self.fullBytes }
  var isAtEnd: Bool { position == byteCount }

  /// Copies a message. Subjects and replies longer than 65,535 bytes do not exist: control lines are shorter.
  func append(_ kind: HandoffKind, _ handle: StreamHandle, _ message: Message, tag: UInt32 = 0) {
    let total =
      MemoryLayout<Head>.stride + message.subjectLength + message.replyLength + message.size + 3 * Self.padding + 15
    let place = room(for: total & ~15)
    let replyLength = message.reply == nil ? 0 : message.replyLength
    let reference = Unmanaged.passUnretained(handle)
    let keepsHandle = newest?.toOpaque() != reference.toOpaque()
    if keepsHandle { newest = reference.retain() }
    place.storeBytes(
      of: Head(
        handle: reference, keepsHandle: keepsHandle, kind: kind, hasReply: message.reply != nil,
        subjectLength: UInt16(message.subjectLength), replyLength: UInt16(replyLength),
        headerLength: UInt32(message.headerLength), size: UInt32(message.size), tag: tag),
      as: Head.self)
    var offset = MemoryLayout<Head>.stride
    memcpy(place + offset, message.subject, message.subjectLength)
    offset += message.subjectLength + Self.padding
    if let reply = message.reply { memcpy(place + offset, reply, replyLength) }
    offset += replyLength + Self.padding
    memcpy(place + offset, message.body, message.size)
  }

  /// Adds a request to the API in order with messages.
  func append(_ request: APIRequest, for handle: StreamHandle) {
    let nothing = UnsafeRawPointer(bytes)
    append(.request, handle, Message(subject: nothing, subjectLength: 0, body: nothing, size: 0))
    requests.append(request)
  }

  private func room(for count: Int) -> UnsafeMutableRawPointer {
    if byteCount + count > capacity {
      capacity = max(capacity * 2, byteCount + count)
      let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
      memcpy(larger, bytes, byteCount)
      bytes.deallocate()
      bytes = larger
    }
    defer { byteCount += count }
    return bytes + byteCount
  }

  /// The item in hand; nil at the end. Call `release` when it has been handled.
  func next() -> HandoffItem? {
    guard position < byteCount else { return nil }
    let place = UnsafeRawPointer(bytes + position)
    let head = place.load(as: Head.self)
    let subject = place + MemoryLayout<Head>.stride
    let reply = subject + Int(head.subjectLength) + Self.padding
    let body = reply + Int(head.replyLength) + Self.padding
    return HandoffItem(
      kind: head.kind, handle: head.handle._withUnsafeGuaranteedRef { $0 }, tag: head.tag,
      message: Message(
        subject: subject, subjectLength: Int(head.subjectLength), reply: head.hasReply ? reply : nil,
        replyLength: Int(head.replyLength), headerLength: Int(head.headerLength), body: body, size: Int(head.size)))
  }

  /// The request that belongs to the item in hand.
  func takeRequest() -> APIRequest {
    defer { nextRequest += 1 }
    return requests[nextRequest]
  }

  /// Moves on to the next item.
  func release() {
    let head = (bytes + position).load(as: Head.self)
    position +=
      (MemoryLayout<Head>.stride + Int(head.subjectLength) + Int(head.replyLength) + Int(head.size)
        + 3 * Self.padding + 15) & ~15
    if isAtEnd || (bytes + position).load(as: Head.self).keepsHandle { head.handle.release() }
  }

  /// Makes it empty again; keeps memory up to half of `fullBytes`.
  func reuse() {
    precondition(isAtEnd, "a batch is used again when all of it was handled")
    byteCount = 0
    position = 0
    newest = nil
    requests = []
    nextRequest = 0
    if capacity > Self.fullBytes / 2 {
      bytes.deallocate()
      capacity = 16 << 10
      bytes = .allocate(byteCount: capacity, alignment: 16)
    }
  }
}
