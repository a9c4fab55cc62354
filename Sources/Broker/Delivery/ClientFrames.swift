import CSystem
import Glibc
import Wire

/// What handling one frame came to.
enum FrameOutcome {
  case used(Int)
  /// More bytes are wanted; `needed` is the size of the whole frame when known, otherwise 0.
  case incomplete(needed: Int)
  /// The frame was used, and what follows has to wait for `Connection.resume`.
  case suspended(Int)
  case closed
}

// One frame of a client connection, in any form the protocol allows.

extension Worker {
  func handleFrame(_ connection: ConnectionPointer, _ base: UnsafeRawPointer, _ count: Int) -> FrameOutcome {
    var object: Connection { connection.pointee.object }
    if connection.flags.contains(.awaitingAuthentication), base.load(as: UInt8.self) | 0x20 != 0x63 {
      guard object.authenticateWithoutConnect() else { return .closed }
    }
    switch ClientLine.scan(base, count) {
    case .unknown:
      object.protocolError("Unknown Protocol Operation", at: base, count)
      return .closed
    case .incomplete(let argumentCount):
      if argumentCount > connection.input.pointee.maxControlLine {
        object.controlLineTooLong(argumentCount)
        return .closed
      }
      return .incomplete(needed: 0)
    case .line(let verb, let start, let end, let next):
      if end - start > connection.input.pointee.maxControlLine {
        object.controlLineTooLong(end - start)
        return .closed
      }
      switch verb {
      case .publish, .publishWithHeaders:
        return handlePublish(
          connection, withHeaders: verb == .publishWithHeaders, base, count, arguments: start, end, payload: next)
      case .subscribe: return object.handleSubscribe(base, start, end) ? .used(next) : .closed
      case .unsubscribe: return object.handleUnsubscribe(base, start, end) ? .used(next) : .closed
      case .ping: object.handlePing()
      case .pong: object.handlePong()
      case .connect:
        let arguments = UnsafeRawBufferPointer(start: base + start, count: end - start)
        guard object.handleConnect(arguments) else { return .closed }
        return object.phase == .suspended ? .suspended(next) : .used(next)
      case .info:
        return object.handleInfo(UnsafeRawBufferPointer(start: base + start, count: end - start))
          ? .used(next) : .closed
      case .ok: break
      case .error:
        object.handleError(UnsafeRawBufferPointer(start: base + start, count: end - start))
        return .closed
      }
      return .used(next)
    }
  }

  // MARK: PUB and HPUB

  private func handlePublish(
    _ connection: ConnectionPointer, withHeaders: Bool, _ base: UnsafeRawPointer, _ count: Int, arguments start: Int,
    _ end: Int, payload: Int
  ) -> FrameOutcome {
    var object: Connection { connection.pointee.object }
    if withHeaders, !connection.flags.contains(.headers) {
      object.parseError("message headers not supported")
      return .closed
    }
    let fields = ClientArguments.split(base, start, end, lineEndsSeparate: false)
    let sizes = withHeaders ? 2 : 1
    guard fields.count == 1 + sizes || fields.count == 2 + sizes else {
      object.parseError(withHeaders ? "processHeaderPub Parse Error" : "processPub Parse Error", base, start, end)
      return .closed
    }
    let hasReply = fields.count == 2 + sizes
    var message = Message(
      subject: base + fields.first.start, subjectLength: fields.first.count, body: base + payload, size: 0)
    if hasReply {
      message.reply = base + fields.second.start
      message.replyLength = fields.second.count
    }
    if withHeaders {
      guard let length = ClientArguments.size(base, hasReply ? fields.third : fields.second) else {
        object.parseError("processHeaderPub Bad or Missing Header Size", base, start, end)
        return .closed
      }
      message.headerLength = length
    }
    let last = withHeaders ? (hasReply ? fields.fourth : fields.third) : (hasReply ? fields.third : fields.second)
    guard let size = ClientArguments.size(base, last) else {
      object.parseError(
        withHeaders ? "processHeaderPub Bad or Missing Total Size" : "processPub Bad or Missing Size", base, start, end)
      return .closed
    }
    guard message.headerLength <= size else {
      object.parseError("processHeaderPub Header Size larger then TotalSize", base, start, end)
      return .closed
    }
    message.size = size
    if connection.input.pointee.maxPayload >= 0, size > connection.input.pointee.maxPayload {
      if message.headerLength > 0, count > payload {
        let header = UnsafeRawBufferPointer(start: base + payload, count: min(count - payload, message.headerLength))
        traceRefused(message, header: header, "maximum payload exceeded", from: connection)
      }
      object.payloadTooLarge(size)
      return .closed
    }
    // Bytes after the payload are checked as soon as they are here.
    let available = count - payload
    if available > size,
      base.load(fromByteOffset: payload + size, as: UInt8.self) != 0x0D
        || available > size + 1 && base.load(fromByteOffset: payload + size + 1, as: UInt8.self) != 0x0A
    {
      object.protocolError("Unknown Protocol Operation", at: base + payload, available)
      return .closed
    }
    if available < size + 2 { return .incomplete(needed: payload + size + 2) }
    if connection.flags.contains(.tracing) {
      object.traceIn(withHeaders ? "HPUB" : "PUB", UnsafeRawBufferPointer(start: base + start, count: end - start))
      object.traceMessage(message)
    }
    publish(message, from: connection)
    return .used(payload + size + 2)
  }
}
