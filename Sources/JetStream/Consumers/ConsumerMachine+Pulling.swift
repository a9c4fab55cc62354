import Bytes
import JetStreamAPI

/// Pull requests (FEATURES 6.067 to 6.080).
extension ConsumerMachine {
  /// A pull request has come. `run` serves it.
  public mutating func pull(
    _ payload: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer, port: some ConsumerPort, now: Int64
  ) {
    guard configuration.isPull else {
      refuse("409 Consumer is push based", to: reply, port)
      return
    }
    let request: PullRequest
    do {
      request = try PullRequest(parsing: payload)
    } catch {
      refuse("400 Bad Request - \(error.description)", to: reply, port)
      return
    }
    if let refusal = refusal(of: request) {
      refuse(refusal, to: reply, port)
      return
    }
    if let priority = request.priority, configuration.priorityPolicy != .none, !pin.id.isEmpty {
      if priority.pinID == pin.id {
        pin.expires = now.later(by: configuration.priorityTimeout)
      } else if !priority.pinID.isEmpty {
        refuse("423 Nats-Pin-Id mismatch", to: reply, port)
        return
      }
    }
    // At most once a second: looking through all is not for free.
    if waiting.count == configuration.maxWaiting, now > waitingChecked + 1_000_000_000 {
      checkWaiting(port, now: now, dismissesNoWait: false)
    }
    if request.noWait, let refusal = noWaitRefusal(request, port, now: now) {
      lastActivity = now
      refuse(refusal, to: reply, port)
      return
    }
    enqueue(request, reply: reply, port, now: now)
  }

  private func refusal(of request: PullRequest) -> String? {
    if configuration.maxRequestBatch > 0, request.batch > configuration.maxRequestBatch {
      return "409 Exceeded MaxRequestBatch of \(configuration.maxRequestBatch)"
    }
    if configuration.maxRequestExpires > 0, request.expires > configuration.maxRequestExpires {
      return "409 Exceeded MaxRequestExpires of \(GoDuration.string(nanoseconds: configuration.maxRequestExpires))"
    }
    if request.maxBytes > 0, configuration.maxRequestMaxBytes > 0,
      request.maxBytes > configuration.maxRequestMaxBytes
    {
      return "409 Exceeded MaxRequestMaxBytes of \(configuration.maxRequestMaxBytes)"
    }
    guard let priority = request.priority else { return nil }
    if priority.minPending != 0 || priority.minAckPending != 0, configuration.priorityPolicy != .overflow {
      return "400 Bad Request - Not a Overflow Priority consumer"
    }
    if !priority.pinID.isEmpty, configuration.priorityPolicy != .pinnedClient {
      return "400 Bad Request - Not a Pinned Client Priority consumer"
    }
    if priority.priority < 0 || priority.priority > 9 {
      return "400 Bad Request - Priority must be between 0 and 9"
    }
    if configuration.priorityPolicy == .none { return nil }
    if priority.group.isEmpty { return "400 Bad Request - Priority Group missing" }
    return configuration.priorityGroups.contains(priority.group) ? nil : "400 Bad Request - Invalid Priority Group"
  }

  /// FEATURES 6.068.
  private mutating func noWaitRefusal(_ request: PullRequest, _ port: some ConsumerPort, now: Int64) -> String? {
    let available = UInt64(max(undelivered, 0)) + UInt64(redeliveries.count)
    if available == 0 { return request.expires == 0 ? "404 No Messages" : nil }
    let wanted = checkWaiting(port, now: now, dismissesNoWait: false)
    return available < UInt64(wanted) ? "408 Requests Pending" : nil
  }

  private mutating func enqueue(
    _ request: PullRequest, reply: UnsafeRawBufferPointer, _ port: some ConsumerPort, now: Int64
  ) {
    guard waiting.count < configuration.maxWaiting else {
      // A client with a heartbeat would ask again at once: it is left to miss its heartbeats.
      if request.heartbeat <= 0 { refuse("409 Exceeded MaxWaiting", to: reply, port) }
      return
    }
    let (end, isNever) = now.addingReportingOverflow(request.expires)
    let expires = request.expires == 0 || isNever ? Int64.max : end
    let heartbeat = max(request.heartbeat, 0)
    let priority = request.priority
    waiting.insert(
      WaitingRequest(
        reply: Array(reply), wanted: request.batch, bytesLeft: max(request.maxBytes, 0), expires: expires, arrived: now,
        noWait: request.noWait, heartbeat: heartbeat, nextHeartbeat: heartbeat > 0 ? now.later(by: heartbeat) : .max,
        group: priority?.group ?? "", pinID: priority?.pinID ?? "", minPending: priority?.minPending ?? 0,
        minAckPending: priority?.minAckPending ?? 0, priority: priority?.priority ?? Int(Int32.max)),
      byPriority: configuration.priorityPolicy == .prioritized)
    waitingDue = min(waitingDue, expires, heartbeat > 0 ? now.later(by: heartbeat) : .max)
    lastActivity = now
    // Who waits is told that there is nothing: what was counted before the beginning does not count any more.
    if isAtEnd, nextSequence > port.bounds().last { undelivered = 0 }
  }

  // MARK: - Serving them

  /// The request that gets the next message: it is brought to the head.
  /// - Parameters:
  ///   - size: bytes of the message as clients count them.
  ///   - available: messages there are, this one included.
  /// - Returns: its place and whether it was pinned for this message.
  mutating func chooseRequest(
    size: Int, available: Int64, port: some ConsumerPort, now: Int64
  ) -> (place: Int32, hasNewPin: Bool)? {
    var passed = 0
    while !waiting.isEmpty {
      let place = waiting.head
      guard waiting[place].expires > now else {
        dismissHead("NATS/1.0 408 Request Timeout\r\n", port)
        continue
      }
      var hasNewPin = false
      switch configuration.priorityPolicy {
      case .pinnedClient:
        if !pin.id.isEmpty, waiting[place].pinID == pin.id { break }
        guard waiting[place].pinID.isEmpty else {
          dismissHead("NATS/1.0 423 Nats-Wrong-Pin-Id\r\n", port)
          continue
        }
        if pin.id.isEmpty {
          hasNewPin = givePin(to: place, port, now: now)
          break
        }
        if pass(&passed) { return nil }
        continue
      case .overflow:
        if !isOverflowing(waiting[place], available: available) {
          if pass(&passed) { return nil }
          continue
        }
      case .none, .prioritized: break
      }
      if waiting[place].bytesLeft > 0 {
        guard size <= waiting[place].bytesLeft else {
          if hasNewPin { pin = ConsumerPin() }
          dismissHead("NATS/1.0 409 Message Size Exceeds MaxBytes\r\n", port)
          continue
        }
        waiting[place].bytesLeft -= size
        if waiting[place].bytesLeft == 0 { waiting[place].wanted = 1 }
      }
      return (place, hasNewPin)
    }
    return nil
  }

  /// The head has to wait; true when all have been looked at.
  private mutating func pass(_ passed: inout Int) -> Bool {
    waiting.rotate(byPriority: false)
    passed += 1
    return passed >= waiting.count
  }

  /// FEATURES 6.077: one of the two conditions is enough; without any, the request is served.
  private func isOverflowing(_ request: WaitingRequest, available: Int64) -> Bool {
    if request.minPending <= 0, request.minAckPending <= 0 { return true }
    return (request.minPending > 0 && request.minPending <= available)
      || (request.minAckPending > 0 && request.minAckPending <= Int64(state.pending.count))
  }

  private mutating func givePin(to place: Int32, _ port: some ConsumerPort, now: Int64) -> Bool {
    guard !waiting[place].group.isEmpty else { return false }
    pin = ConsumerPin(
      id: port.makeIdentifier(), group: waiting[place].group, since: now,
      expires: now.later(by: configuration.priorityTimeout))
    waiting[place].pinID = pin.id
    port.publish(.pinned(group: pin.group, pinID: pin.id))
    return true
  }

  private mutating func dismissHead(_ status: StaticString, _ port: some ConsumerPort) {
    sendStatus(status, to: waiting[waiting.head], withLeft: true, port)
    waiting.remove(waiting.head, after: -1)
  }

  /// Looks through all waiting requests: dismisses those that are over or whose client is gone, sends heartbeats.
  /// - Parameter dismissesNoWait: there is nothing for those that do not want to wait.
  /// - Returns: how many messages the others want.
  @discardableResult
  mutating func checkWaiting(_ port: some ConsumerPort, now: Int64, dismissesNoWait: Bool) -> Int {
    waitingChecked = now
    waitingDue = .max
    var wanted = 0
    var previous: Int32 = -1
    var place = waiting.head
    while place >= 0 {
      let next = waiting.next(place)
      if isOver(waiting[place], port, now: now, dismissesNoWait: dismissesNoWait) {
        waiting.remove(place, after: previous)
        place = next
        continue
      }
      let (sum, isTooLarge) = wanted.addingReportingOverflow(waiting[place].wanted)
      wanted = isTooLarge ? .max : sum
      if waiting[place].nextHeartbeat <= now {
        waiting[place].reply.withUnsafeBytes { sendHeartbeat(to: $0, port) }
        waiting[place].nextHeartbeat = now.later(by: waiting[place].heartbeat)
      }
      waitingDue = min(waitingDue, waiting[place].nextHeartbeat, waiting[place].expires)
      previous = place
      place = next
    }
    return max(wanted, 0)
  }

  private func isOver(
    _ request: WaitingRequest, _ port: some ConsumerPort, now: Int64, dismissesNoWait: Bool
  ) -> Bool {
    if request.expires <= now {
      sendStatus("NATS/1.0 408 Request Timeout\r\n", to: request, withLeft: true, port)
      return true
    }
    if dismissesNoWait, request.noWait, request.expires == .max || request.received > 0 {
      sendStatus("NATS/1.0 404 No Messages\r\n", to: request, withLeft: false, port)
      return true
    }
    return !request.reply.withUnsafeBytes { port.hasInterest($0) }
  }

  /// The consumer is deleted, or the server ends: nobody needs to wait any longer (FEATURES 6.047, 6.071).
  public mutating func dismissWaiting(_ reason: ConsumerStatus, port: some ConsumerPort) {
    var place = waiting.head
    while place >= 0 {
      if reason == .serverShutdown {
        sendStatus("NATS/1.0 409 Server Shutdown\r\n", to: waiting[place], withLeft: true, port)
      } else {
        reason.bytes.withUnsafeBytes { status in
          waiting[place].reply.withUnsafeBytes { port.sendStatus(status, to: $0, reply: .empty) }
        }
      }
      place = waiting.next(place)
    }
    waiting.removeAll()
    waitingDue = .max
  }

  /// Takes the pin from the client that has it (FEATURES 6.044).
  public mutating func unpin(group: String, port: some ConsumerPort) {
    pin = ConsumerPin()
    port.publish(.unpinned(group: group, reason: .admin))
  }
}
