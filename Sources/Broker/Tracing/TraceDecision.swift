import Subjects

/// What the headers of a message mean for it (FEATURES 2.030 to 2.038).
enum TraceDecision {
  case untraced
  /// Not traced, and whoever gets it must not trace it either: the header block is replaced.
  case marked([UInt8])
  case traced(MessageTrace)
  /// The message is not processed at all.
  case dropped
}

extension Worker {
  private static let destinationName: StaticString = "Nats-Trace-Dest"

  /// Whether the headers can mean anything for tracing.
  @inline(__always)
  func mayBeTraced(_ message: Message, _ scope: PublishScopePointer) -> Bool {
    message.headerLength > 0
      && (scope.tracesByHeader || HeaderBlock.mentions(Self.destinationName, in: message.headerBytes))
  }

  /// - Parameter isRefused: the message is refused already; a trace tells why.
  func traceDecision(
    _ message: Message, from connection: ConnectionPointer, isRefused: Bool = false
  ) -> TraceDecision {
    guard let header = TraceHeader(message.headerBytes) else { return .untraced }
    let object = connection.pointee.object
    let account = object.account
    let isOnly = header.isOnly
    func marked() -> TraceDecision {
      if isRefused { return .untraced }
      return .marked(HeaderBlock.setting(Self.destinationName, to: TraceHeader.disabled, in: message.headerBytes))
    }
    let origin = header[TraceHeader.originAccount]
    if !origin.isEmpty {
      object.logError(
        "Message tracing disabled because of header \(quoted(TraceHeader.originAccount)) with value=\(quoted(origin))")
      return isOnly ? .dropped : marked()
    }
    var destination = header[TraceHeader.destination]
    if !header.hasDestination {
      guard let rule = account.rules.messageTrace else { return .untraced }
      guard rule.sampling >= 100 || Int(nextRandom() >> 33) % 100 <= rule.sampling else { return marked() }
      destination = rule.destination
    }
    guard Subject.isValidPublish(destination) else {
      object.logError("Destination \(quoted(destination)) is not valid, won't be able to trace events")
      return isOnly ? .dropped : .untraced
    }
    var bytes = destination
    let isAllowed = bytes.withUTF8 {
      !connection.input.pointee.scope.pointee.object.refuses(UnsafeRawBufferPointer($0), ignoringPermission: false)
    }
    guard isAllowed else {
      bytes.withUTF8 { object.publishViolation(UnsafeRawBufferPointer($0)) }
      return .dropped
    }
    let trace = MessageTrace(
      destination: destination, home: account, isOnly: isOnly,
      encoding: TraceEncoding(accepting: header[TraceHeader.acceptEncoding]), header: header, size: message.size)
    trace.add(
      .ingress(
        connection: object.identifier, name: object.options.name, account: account.name,
        subject: text(message.subjectBytes), error: ""), at: loop.clock.wallNanoseconds())
    return .traced(trace)
  }

  /// Publishes what was noted, behind the message.
  func send(_ trace: MessageTrace) {
    guard server.settings.systemAccount != nil else { return }
    let (header, payload) = trace.encoding.encode(trace.report(from: server.system.nextIdentity()))
    publishSoon(
      ServerMessage(account: trace.home, subject: Array(trace.destination.utf8), header: header, payload: payload))
  }

  /// A message that closes its connection, of whose headers only `header` has arrived.
  func traceRefused(
    _ message: Message, header: UnsafeRawBufferPointer, _ text: String, from connection: ConnectionPointer
  ) {
    var refused = message
    refused.body = header.baseAddress!
    refused.headerLength = header.count
    guard mayBeTraced(refused, connection.input.pointee.scope),
      case .traced(let trace) = traceDecision(refused, from: connection, isRefused: true)
    else { return }
    trace.fail(text)
    send(trace)
  }
}
