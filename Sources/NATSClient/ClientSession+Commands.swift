/// What the client's owner asks for. Numbers of subscriptions, requests and flushes are the caller's, each used once.
extension ClientSession {
  // MARK: - Publishing

  /// Nil when it was taken: it is sent now, or once, when there is a connection.
  mutating func publish(
    _ subject: String, reply: String? = nil, headers: MessageHeaders? = nil, payload: [UInt8], request: UInt64? = nil
  ) -> ClientError? {
    if case .closed = state { return .closed }
    if drain == .publishes || (drain != .none && request != nil) { return .draining }
    guard SubjectForm.isSubject(subject) else { return .invalidSubject(subject) }
    if let reply, !SubjectForm.isSubject(reply) { return .invalidSubject(reply) }
    var header: [UInt8] = []
    if let headers {
      do { header = try headers.encoded() } catch { return error }
    }
    let count = header.count + payload.count
    let isConnected = state == .connected
    if isConnected, let info {
      if info.maximumPayload > 0, count > info.maximumPayload { return .payloadTooLarge(info.maximumPayload) }
      if headers != nil, !info.hasHeaders { return .headersNotSupported }
    }
    let verb = headers == nil ? "PUB" : "HPUB"
    let sizes = headers == nil ? "\(count)" : "\(header.count) \(count)"
    var bytes = Array("\(verb) \(subject) \(reply.map { $0 + " " } ?? "")\(sizes)\r\n".utf8)
    bytes.reserveCapacity(bytes.count + count + 2)
    bytes += header
    bytes += payload
    bytes += [13, 10]
    guard outputCount + waitingBytes + bytes.count <= options.mostBufferedBytes else { return .bufferFull }
    if isConnected {
      output += bytes
    } else {
      waitingBytes += bytes.count
      waiting.append(
        Waiting(
          subject: subject, request: request, payloadCount: count, hasHeaders: headers != nil, bytes: bytes))
    }
    return nil
  }

  /// One answer, or an error, comes as `answered`.
  mutating func request(
    _ id: UInt64, _ subject: String, headers: MessageHeaders? = nil, payload: [UInt8], deadline: Int64,
    inboxSubscription candidate: UInt64
  ) {
    guard requests.count < options.mostRequests else {
      return act(.answered(request: id, .failure(.tooManyRequests)))
    }
    if inboxSubscription == 0, state != .closed {
      inboxSubscription = candidate
      subscribe(candidate, inbox + "*")
    }
    if let problem = publish(subject, reply: inbox + String(id), headers: headers, payload: payload, request: id) {
      return act(.answered(request: id, .failure(problem)))
    }
    requests[id] = Request(subject: subject)
    addTimer(deadline, .request(id))
  }

  // MARK: - Subscribing

  /// - Parameter limit: ends after so many messages; 0 for never.
  mutating func subscribe(_ id: UInt64, _ subject: String, queue: String? = nil, limit: UInt64 = 0) {
    guard state != .closed, drain == .none, SubjectForm.isSubject(subject),
      queue.map(SubjectForm.isWord) ?? true
    else {
      let reason: ClientError =
        state == .closed ? .closed : drain == .none ? .invalidSubject(subject) : .draining
      act(.event(.error(reason)))
      return act(.ended(subscription: id))
    }
    let subscription = Subscription(subject: subject, queue: queue, limit: limit)
    subscriptions[id] = subscription
    if case .connected = state { writeSubscription(id, subscription) }
  }

  /// - Parameter limit: messages in all after which it ends; 0 for now.
  mutating func unsubscribe(_ id: UInt64, limit: UInt64 = 0) {
    guard var subscription = subscriptions[id] else { return }
    guard limit > subscription.delivered else {
      if case .connected = state { write("UNSUB \(id)\r\n") }
      return remove(id)
    }
    subscription.limit = limit
    subscriptions[id] = subscription
    if case .connected = state { write("UNSUB \(id) \(limit)\r\n") }
  }

  /// Ends a subscription after the messages that are on their way.
  mutating func drainSubscription(_ id: UInt64) {
    guard subscriptions[id] != nil else { return }
    guard case .connected = state else { return remove(id) }
    write("UNSUB \(id)\r\n")
    send(.drained(subscription: id))
  }

  mutating func writeSubscription(_ id: UInt64, _ subscription: Subscription) {
    write("SUB \(subscription.subject) \(subscription.queue.map { $0 + " " } ?? "")\(id)\r\n")
    guard subscription.limit > 0 else { return }
    // The server counts anew on every connection.
    write("UNSUB \(id) \(subscription.limit - subscription.delivered)\r\n")
  }

  // MARK: - Ends

  /// Answered when the server has seen everything before; waits for a connection if there is none.
  mutating func flush(_ id: UInt64, deadline: Int64) {
    if case .closed = state { return act(.flushed(id, .closed)) }
    flushes.insert(id)
    addTimer(deadline, .flush(id))
    if case .connected = state { send(.flush(id)) }
  }

  /// Ends subscriptions after what is on its way, waits for answers, sends what waits, and closes.
  mutating func drainAll(_ now: Int64) {
    guard drain == .none, state != .closed else { return }
    if case .idle = state { return end(nil) }
    drain = .subscriptions
    addTimer(now + options.drainTimeoutNanoseconds, .drain)
    if case .connected = state { beginDrain() }
  }

  mutating func beginDrain() {
    drain = .subscriptions
    for id in subscriptions.keys.sorted() where id != inboxSubscription { write("UNSUB \(id)\r\n") }
    send(.drainStep)
  }

  /// A PONG came, or the last answer.
  mutating func drainStep() {
    guard !pings.contains(.drainStep) else { return }
    switch drain {
    case .none: break
    case .subscriptions:
      for id in subscriptions.keys.sorted() where id != inboxSubscription { remove(id) }
      guard requests.isEmpty else { return }
      drain = .publishes
      send(.drainStep)
    case .publishes: end(nil)
    }
  }

  mutating func close() { end(nil) }
}

/// What a subject may look like on the wire. Rules beyond this are the server's.
enum SubjectForm {
  /// Neither white space nor control characters, which would break the line.
  static func isWord(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 != 127 }
  }

  static func isSubject(_ subject: String) -> Bool {
    isWord(subject) && !subject.hasPrefix(".") && !subject.hasSuffix(".") && !subject.utf8.contains(dots: 2)
  }
}

extension String.UTF8View {
  /// Whether so many dots stand next to one another.
  fileprivate func contains(dots count: Int) -> Bool {
    var run = 0
    for byte in self {
      run = byte == UInt8(ascii: ".") ? run + 1 : 0
      if run == count { return true }
    }
    return false
  }
}
