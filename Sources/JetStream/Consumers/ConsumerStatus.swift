import JetStreamAPI

/// Statuses with a fixed text (FEATURES 6.071).
public enum ConsumerStatus: String, Sendable {
  case consumerDeleted = "409 Consumer Deleted"
  case leadershipChange = "409 Leadership Change"
  case serverShutdown = "409 Server Shutdown"
  case pushBased = "409 Consumer is push based"
  case requiredLevel = "412 Required Api Level"

  /// The header to send.
  public var bytes: [UInt8] { Array("NATS/1.0 \(rawValue)\r\n\r\n".utf8) }
}

extension UnsafeRawBufferPointer {
  static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}

/// Sending statuses.
extension ConsumerMachine {
  func refuse(_ status: String, to reply: UnsafeRawBufferPointer, _ port: some ConsumerPort) {
    scratch.beginHeader("NATS/1.0 ")
    scratch.add(status)
    scratch.add("\r\n")
    port.sendStatus(scratch.endHeader(), to: reply, reply: .empty)
  }

  /// - Parameter withLeft: say what the request did not get.
  func sendStatus(_ status: StaticString, to request: WaitingRequest, withLeft: Bool, _ port: some ConsumerPort) {
    scratch.beginHeader(status)
    if withLeft {
      scratch.add(field: "Nats-Pending-Messages", request.wanted)
      scratch.add(field: "Nats-Pending-Bytes", request.bytesLeft)
    }
    let header = scratch.endHeader()
    request.reply.withUnsafeBytes { port.sendStatus(header, to: $0, reply: .empty) }
  }

  /// FEATURES 6.061.
  func sendHeartbeat(to target: UnsafeRawBufferPointer, _ port: some ConsumerPort) {
    scratch.beginHeader("NATS/1.0 100 Idle Heartbeat\r\n")
    scratch.add(field: "Nats-Last-Consumer", state.delivered.consumer)
    scratch.add(field: "Nats-Last-Stream", nextSequence - 1)
    if !flow.subject.isEmpty {
      scratch.add("Nats-Consumer-Stalled: ")
      flow.subject.withUnsafeBytes { scratch.add($0) }
      scratch.add("\r\n")
    }
    port.sendStatus(scratch.endHeader(), to: target, reply: .empty)
  }
}
