import CSystem
import Glibc
import Subjects
import Wire

// What a client asks for, verb by verb, and what it is told. False means: the connection is closing.

extension Connection {
  // MARK: SUB

  func handleSubscribe(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Bool {
    if state.flags.contains(.tracing) { traceIn("SUB", bytes(base, start, end)) }
    let fields = ClientArguments.split(base, start, end, lineEndsSeparate: true)
    guard fields.count == 2 || fields.count == 3 else {
      parseError("processSub Parse Error", base, start, end)
      return false
    }
    let subject = bytes(base, fields.first)
    let queue = fields.count == 3 ? bytes(base, fields.second) : nil
    let sid = bytes(base, fields.count == 3 ? fields.third : fields.second)
    noteActivity()
    subscribe(subject, queue: queue, sid: sid)
    return true
  }

  private func subscribe(_ subject: UnsafeRawBufferPointer, queue: UnsafeRawBufferPointer?, sid: UnsafeRawBufferPointer)
  {
    var flags: SubscriptionFlags = []
    if let permissions {
      guard permissions.maySubscribe(subject, queue: queue) else {
        subscriptionViolation(subject, queue: queue, sid: sid)
        return
      }
      if permissions.needsDeliveryFilter(subject, queue: queue) { flags.insert(.filtered) }
    }
    if let queue, queue.elementsEqual(Subject.reservedQueueName.utf8) {
      subscriptionViolation(subject, queue: queue, sid: sid)
      return
    }
    let tokenLimit = server.settings.options.maxSubscriptionTokens
    if tokenLimit > 0, tokenCount(subject) > tokenLimit {
      sendError("Permissions Violation for Subscription to \(quoted(subject)), too many tokens")
      logError("Subscription Violation Too Many Tokens - Subject \(quoted(subject)), SID \(text(sid))")
      return
    }
    guard hasRoomForSubscription else {
      logError("maximum subscriptions exceeded")
      sendError("maximum subscriptions exceeded")
      return
    }
    let records = server.records
    if subscriptions.find(sid, in: records) == nil {
      guard
        let subscription = account.index.insert(
          subject: subject, queue: queue ?? UnsafeRawBufferPointer(start: nil, count: 0), sid: sid,
          owner: UnsafeMutableRawPointer(state), flags: flags.rawValue)
      else {
        sendError("Invalid Subject")
        return
      }
      subscriptions.insert(subscription, in: records)
      account.didSubscribe(subscription, connection: self)
    }
    if state.flags.contains(.verbose) { sendOK() }
  }

  private var hasRoomForSubscription: Bool {
    maxSubscriptions < 0 || Int(subscriptions.count) < maxSubscriptions
  }

  // MARK: UNSUB

  func handleUnsubscribe(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Bool {
    if state.flags.contains(.tracing) { traceIn("UNSUB", bytes(base, start, end)) }
    let fields = ClientArguments.split(base, start, end, lineEndsSeparate: true)
    guard fields.count == 1 || fields.count == 2 else {
      parseError("processUnsub Parse Error", base, start, end)
      return false
    }
    noteActivity()
    let sid = bytes(base, fields.first)
    let maximum = fields.count == 2 ? ClientArguments.size(base, fields.second) ?? -1 : -1
    if let subscription = subscriptions.find(sid, in: server.records) {
      worker.foldDeliveries()
      if maximum > 0, UInt64(maximum) > csys_load64(subscription.deliveredPointer) {
        limit(subscription, to: UInt64(maximum))
      } else {
        remove(subscription)
      }
    }
    if state.flags.contains(.verbose) { sendOK() }
    return true
  }

  private func limit(_ subscription: SubscriptionPointer, to maximum: UInt64) {
    subscription.maximum = maximum
    subscription.flags |= SubscriptionFlags.limited.rawValue
    // Cached matches must learn of the limit before they deliver again.
    account.index.touch(subscription)
  }

  /// Ends one subscription of this connection.
  func remove(_ subscription: SubscriptionPointer) {
    traceEnd(of: subscription)
    let records = server.records
    subscriptions.remove(subscription, in: records)
    let subject = account.willUnsubscribe(subscription, connection: self)
    account.index.remove(subscription)
    worker.loop.epochs.retire(on: worker.index) { records.release(subscription) }
    if let subject { account.didUnsubscribe(subject, on: worker) }
  }

  /// Ends all subscriptions.
  func removeAllSubscriptions() {
    var all: [SubscriptionPointer] = []
    all.reserveCapacity(Int(subscriptions.count))
    subscriptions.forEach(in: server.records) { all.append($0) }
    if all.isEmpty { return }
    let records = server.records
    var subjects: [[UInt8]] = []
    for subscription in all {
      traceEnd(of: subscription)
      if let subject = account.willUnsubscribe(subscription, connection: self) { subjects.append(subject) }
      account.index.remove(subscription)
    }
    subscriptions.destroy()
    for subject in subjects { account.didUnsubscribe(subject, on: worker) }
    worker.loop.epochs.retire(on: worker.index) { for subscription in all { records.release(subscription) } }
  }

  // MARK: PING and PONG

  func handlePing() {
    if state.flags.contains(.tracing) { traceIn("PING", nil) }
    worker.send("PONG\r\n", to: state)
    traceOut("PONG", nil)
    noteActivity()
    guard isConnected, !hasAnsweredPing else { return }
    hasAnsweredPing = true
    if options.protocolVersion >= 1 { sendInfo(connectInfo: true) }
  }

  func handlePong() {
    if state.flags.contains(.tracing) { traceIn("PONG", nil) }
    pingsOutstanding = 0
    if pingSentAt > 0 { roundTripNanoseconds = max(1, worker.loop.now - pingSentAt) }
  }

  // MARK: lines that mean nothing from a client

  /// A client's INFO is read as JSON and otherwise ignored.
  func handleInfo(_ arguments: UnsafeRawBufferPointer) -> Bool {
    guard ConnectOptions.isJSON(arguments) else {
      parseError("invalid INFO")
      return false
    }
    return true
  }

  /// A client's -ERR is logged and ends the connection.
  func handleError(_ arguments: UnsafeRawBufferPointer) {
    logError("Client Error \(text(arguments))")
    close(.parseError)
  }

  // MARK: errors

  /// `-ERR 'text'`; the connection stays open.
  func sendError(_ text: String) {
    traceOut("-ERR", text)
    worker.send(Array("-ERR '\(text)'\r\n".utf8), to: state)
  }

  func sendOK() {
    traceOut("OK", nil)
    worker.send("+OK\r\n", to: state)
  }

  /// Bytes that no verb starts with (FEATURES 1.040).
  func protocolError(_ text: String, at base: UnsafeRawPointer, _ count: Int) {
    sendError(text)
    let snippet = UnsafeRawBufferPointer(start: base, count: min(count - 1, 32))
    logError("Client parser ERROR, proto='\(quoted(snippet))...'")
    close(.protocolViolation)
  }

  /// Arguments that make no sense: logged, not told (FEATURES 1.042).
  func parseError(_ text: String) {
    logError(text)
    close(.protocolViolation)
  }

  func parseError(_ text: String, _ base: UnsafeRawPointer, _ start: Int, _ end: Int) {
    parseError("\(text): \(quoted(bytes(base, start, end)))")
  }

  func controlLineTooLong(_ length: Int) {
    sendError("maximum control line exceeded")
    logError("maximum control line exceeded")
    close(.maxControlLineExceeded)
  }

  func payloadTooLarge(_ size: Int) {
    logError("maximum payload exceeded: \(size) vs \(state.input.pointee.maxPayload)")
    sendError("Maximum Payload Violation")
    close(.maxPayloadExceeded)
  }

  func publishViolation(_ subject: UnsafeRawBufferPointer) {
    let error = "Permissions Violation for Publish to \(quoted(subject))"
    worker.passage.trace?.fail(error)
    sendError(error)
    logError("Publish Violation - Subject \(quoted(subject))")
  }

  func replyViolation(_ reply: UnsafeRawBufferPointer) {
    let error = "Permissions Violation for Publish with Reply of \(quoted(reply))"
    worker.passage.trace?.fail(error)
    sendError(error)
    logError("Publish Violation - Reply \(quoted(reply))")
  }

  private func subscriptionViolation(
    _ subject: UnsafeRawBufferPointer, queue: UnsafeRawBufferPointer?, sid: UnsafeRawBufferPointer
  ) {
    if let queue {
      sendError("Permissions Violation for Subscription to \(quoted(subject)) using queue \(quoted(queue))")
      logError("Subscription Violation - Subject \(quoted(subject)), Queue: \(quoted(queue)), SID \(text(sid))")
    } else {
      sendError("Permissions Violation for Subscription to \(quoted(subject))")
      logError("Subscription Violation - Subject \(quoted(subject)), SID \(text(sid))")
    }
  }

  // MARK: small helpers

  private func bytes(_ base: UnsafeRawPointer, _ field: Field) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + field.start, count: field.count)
  }

  private func bytes(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + start, count: end - start)
  }

  /// Tokens as nats-server counts them for `max_sub_tokens`: one more than there are dots.
  private func tokenCount(_ subject: UnsafeRawBufferPointer) -> Int {
    var count = 1
    for byte in subject where byte == 0x2E { count += 1 }
    return count
  }
}

extension Worker {
  /// Ends the subscriptions that got their last message. Those of other loops are ended there.
  func removeExhausted() {
    let list = exhausted
    exhausted.removeAll(keepingCapacity: true)
    for subscription in list {
      let connection = subscription.pointee.owner!.assumingMemoryBound(to: ConnectionState.self).pointee.object
      if connection.worker === self {
        if subscription.isLinked { connection.remove(subscription) }
      } else {
        let sid = Array(subscription.sid)
        let address = UInt(bitPattern: subscription)
        connection.worker.loop.submit { connection.removeExhausted(sid, address) }
      }
    }
  }
}

extension Connection {
  /// The subscription may have ended meanwhile, and its identifier may be in use again.
  fileprivate func removeExhausted(_ sid: [UInt8], _ address: UInt) {
    guard phase != .closed else { return }
    sid.withUnsafeBytes { sid in
      guard let found = subscriptions.find(sid, in: server.records), UInt(bitPattern: found) == address,
        found.maximum > 0, csys_load64(found.deliveredPointer) >= found.maximum
      else { return }
      remove(found)
    }
  }
}
