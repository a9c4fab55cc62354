/// What the server sends.
extension ClientSession {
  mutating func received(_ bytes: UnsafeRawBufferPointer, _ now: Int64) {
    guard isReading else { return }
    parser.append(bytes)
    let attempt = epoch
    do {
      // An operation may end the connection or start TLS; what follows it is of no interest then.
      while epoch == attempt, isReading, let operation = try parser.next() { perform(operation, now) }
    } catch {
      failed(error, now)
    }
  }

  private var isReading: Bool { [.awaitingInfo, .authenticating, .connected].contains(state) }

  /// The server hung up.
  mutating func inputEnded(_ now: Int64) { failed(.disconnected, now) }

  private mutating func perform(_ operation: ServerParser.Operation, _ now: Int64) {
    switch operation {
    case .ok: break
    case .ping: write("PONG\r\n")
    case .pong: ponged(now)
    case .error(let text): refused(text, now)
    case .message(let arrival): arrived(arrival)
    case .info(let bytes):
      do {
        take(try ServerInfo(parsing: bytes), now)
      } catch {
        failed(error, now)
      }
    }
  }

  private mutating func take(_ info: ServerInfo, _ now: Int64) {
    let wasLameDuck = self.info?.isLameDuck ?? false
    self.info = info
    if case .awaitingInfo = state { return greeted(info, now) }
    guard case .connected = state else { return }
    pool.learn(info.connectURLs)
    if info.isLameDuck, !wasLameDuck { act(.event(.lameDuck)) }
  }

  private mutating func ponged(_ now: Int64) {
    guard !pings.isEmpty else { return }
    switch pings.removeFirst() {
    case .connect:
      if case .authenticating = state { accepted(now) }
    case .keepAlive: break
    case .flush(let id):
      if flushes.remove(id) != nil { act(.flushed(id, nil)) }
    case .drained(let id): remove(id)
    case .drainStep: drainStep()
    }
  }

  // MARK: - Errors

  private static let authenticationErrors = [
    "authorization violation", "authentication timeout", "user authentication expired",
    "user authentication revoked", "account authentication expired",
  ]

  private mutating func refused(_ text: String, _ now: Int64) {
    let lowercased = text.lowercased()
    if Self.authenticationErrors.contains(where: lowercased.hasPrefix) {
      // The server closes the connection after this one.
      lastError = .authentication(text)
      return failed(.authentication(text), now)
    }
    if lowercased.hasPrefix("permissions violation") {
      permissionRefused(text)
      return act(.event(.error(.permissions(text))))
    }
    let error: ClientError = lowercased == "stale connection" ? .staleConnection : .server(text)
    // Before the connection is up, any error is why it will not be.
    guard case .connected = state else {
      lastError = error
      return failed(error, now)
    }
    if lowercased.hasPrefix("invalid ") { return act(.event(.error(error))) }
    lastError = error
    act(.event(.error(error)))
  }

  /// Fails what cannot be answered any more: `Permissions Violation for Publish to "subject"`.
  private mutating func permissionRefused(_ text: String) {
    let quoted = text.split(separator: "\"", omittingEmptySubsequences: false)
    guard quoted.count >= 3 else { return }
    let subject = quoted[1]
    let isPublish = text.lowercased().hasPrefix("permissions violation for publish")
    let isInbox = !isPublish && subject == inbox + "*"
    for (id, request) in requests.sorted(by: { $0.key < $1.key })
    where isInbox || (isPublish && request.subject == subject) { finish(id, .failure(.permissions(text))) }
    // Asked for again with the next request.
    if isInbox { inboxSubscription = 0 }
    guard !isPublish else { return }
    for (id, subscription) in subscriptions.sorted(by: { $0.key < $1.key }) where subscription.subject == subject {
      remove(id)
    }
  }

  // MARK: - Messages

  private mutating func arrived(_ arrival: ServerParser.Arrival) {
    guard var subscription = subscriptions[arrival.subscription] else { return }
    let message = ClientMessage(
      subject: arrival.subject, reply: arrival.reply,
      headers: arrival.headers.isEmpty ? nil : MessageHeaders(parsing: arrival.headers[...]),
      payload: arrival.payload)
    if arrival.subscription == inboxSubscription { return answered(message) }
    subscription.delivered += 1
    subscriptions[arrival.subscription] = subscription
    act(.deliver(subscription: arrival.subscription, message))
    if subscription.limit > 0, subscription.delivered >= subscription.limit { remove(arrival.subscription) }
  }

  /// The last token of the subject is the number of the request.
  private mutating func answered(_ message: ClientMessage) {
    guard message.subject.hasPrefix(inbox), let id = UInt64(message.subject.dropFirst(inbox.count)) else { return }
    finish(id, message.isNoResponders ? .failure(.noResponders) : .success(message))
  }

  mutating func finish(_ id: UInt64, _ result: Result<ClientMessage, ClientError>) {
    guard requests.removeValue(forKey: id) != nil else { return }
    act(.answered(request: id, result))
    if drain == .subscriptions, requests.isEmpty, case .connected = state { drainStep() }
  }

  mutating func remove(_ id: UInt64) {
    guard subscriptions.removeValue(forKey: id) != nil, id != inboxSubscription else { return }
    act(.ended(subscription: id))
  }
}
