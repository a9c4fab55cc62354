import Broker
import Bytes
import JetStreamAPI
import MessageStore

/// What a stream copies from: its mirror's origin or its sources. Confined to the stream's loop.
final class StreamUpstreams {
  /// A mirror that lacks fewer messages than this answers direct gets for its origin (FEATURES 8.006).
  static let caughtUp: UInt64 = 10

  private unowned let stream: StreamRunner
  private var upstreams: [UpstreamRunner] = []
  /// The one that something came for last.
  private var lastUsed = 0
  private var lastTag: UInt32 = 0

  init(_ stream: StreamRunner) { self.stream = stream }

  var isEmpty: Bool { upstreams.isEmpty }

  func nextTag() -> UInt32 {
    lastTag = lastTag == .max ? 1 : lastTag + 1
    return lastTag
  }

  func identification(of source: StreamSource) -> UpstreamIdentification {
    UpstreamIdentification(
      stream: stream.handle.name, account: stream.account.name, domain: stream.loop.service.domain,
      isRepeated: stream.configuration.sources.count { $0.name == source.name } > 1)
  }

  /// Begins with what is new in the configuration and ends what is not in it any more.
  func follow(_ configuration: StreamConfiguration) {
    let origins: [(Upstream.Role, StreamSource)] =
      configuration.mirror.map { [(.mirror, $0)] } ?? configuration.sources.map { (.source, $0) }
    let wanted = origins.map { SourceName($0.1) }
    let isKept = { (upstream: UpstreamRunner) in
      zip(origins, wanted).contains { $0.0 == upstream.role && $1 == upstream.name }
    }
    for upstream in upstreams where !isKept(upstream) { upstream.end(removed: true) }
    let kept = upstreams.filter(isKept)
    // A mirror is as far as its last message.
    if configuration.mirror == nil { stream.findPositions(of: wanted) }
    upstreams = zip(origins, wanted).map { origin, name in
      guard let known = kept.first(where: { $0.name == name }) else {
        return UpstreamRunner(origin.0, origin.1, of: stream, owner: self)
      }
      known.source = origin.1
      return known
    }
    lastUsed = 0
  }

  /// - Parameter removed: the stream is deleted.
  func end(removed: Bool) {
    for upstream in upstreams { upstream.end(removed: removed) }
    upstreams = []
  }

  /// Hands on what has come.
  /// - Returns: false when it must wait until nothing is in flight.
  func receive(_ kind: HandoffKind, _ message: Message, tag: UInt32) -> Bool {
    if tag == 0 { return true }
    if kind == .originAnswer {
      upstreams.first { $0.answerTag == tag }?.answered(message)
      return true
    }
    if lastUsed >= upstreams.count || upstreams[lastUsed].messageTag != tag {
      guard let found = upstreams.firstIndex(where: { $0.messageTag == tag }) else { return true }
      lastUsed = found
    }
    return upstreams[lastUsed].receive(message)
  }

  /// What STREAM.INFO tells of all of them.
  var information: [StreamSourceInfo] { upstreams.map(\.information) }
}

extension StreamRunner {
  /// Where the stream stands, with what is in flight.
  var downstreamState: DownstreamState {
    DownstreamState(
      lastSequence: rules.proposedSequence, firstSequence: store.firstSequence, messages: store.messages,
      lastTimestamp: store.lastTimestamp)
  }

  /// Begins to copy, or follows a changed configuration. Nothing may be in flight.
  func followUpstreams() {
    let copies = configuration.mirror != nil || !configuration.sources.isEmpty
    if upstreams == nil {
      guard copies else { return }
      upstreams = StreamUpstreams(self)
    }
    upstreams?.follow(configuration)
    if !copies { upstreams = nil }
  }

  /// How far it is with its mirror's origin, or with its sources.
  var upstreamInformation: (mirror: StreamSourceInfo?, sources: [StreamSourceInfo]) {
    let all = upstreams?.information ?? []
    return configuration.mirror != nil ? (all.first, []) : (nil, all)
  }

  /// Copies nothing any more.
  ///
  /// - Parameter removed: the stream is deleted, and the origins' consumers are not needed.
  func endUpstreams(removed: Bool) {
    upstreams?.end(removed: removed)
    upstreams = nil
  }

  func findPositions(of names: [SourceName]) {
    do {
      try rules.findPositions(of: names)
    } catch {
      fail("\(error)")
    }
  }

  /// A message from an origin, or an answer of one.
  func receive(_ kind: HandoffKind, _ message: Message, tag: UInt32) {
    guard let upstreams else { return }
    if mustHold || !upstreams.receive(kind, message, tag: tag) {
      hold(HeldMessage(message, kind: kind, tag: tag))
    }
  }

  /// Decides about a copied message and sends it on its way.
  func copy(
    _ subject: UnsafeRawBufferPointer, _ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer,
    at place: MirroredPlace?
  ) -> CopyOutcome {
    if let refusal { return .refused(.streamStoreFailed(refusal)) }
    rules.resources = withoutCounting(loop.service) { $0.resources(for: self) }
    output.removeAll()
    let outcome = rules.proposeCopy(
      InboundMessage(subject: subject, reply: .empty, header: header, payload: payload), at: place,
      now: loop.wallNow, output: &output)
    // Before the entries: in memory they are applied at once, which has its own output.
    carryOut()
    if outcome == .journal { append(output.entries, reply: .empty) }
    return outcome
  }

  /// The mirror goes on behind a sequence.
  func skip(through sequence: UInt64) {
    guard refusal == nil else { return }
    output.removeAll()
    guard rules.proposeSkip(through: sequence, output: &output) else { return }
    expectChange(nil)
    append(output.entries, reply: .empty)
  }

  /// A mirror has most of what its origin has: it answers direct gets for it.
  func noteCaughtUp() {
    guard configuration.mirrorDirect, configuration.mirror != nil, !isOver, failure == nil else { return }
    handle.account.setMirror(handle, of: configuration.mirror?.name)
  }
}
