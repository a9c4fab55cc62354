import JetStreamAPI

/// Where a stream stands that copies from another: what a request to the origin depends on.
struct DownstreamState: Equatable {
  /// The last sequence that was given out.
  var lastSequence: UInt64 = 0
  var firstSequence: UInt64 = 0
  /// Messages that are stored.
  var messages: UInt64 = 0
  /// When the last message was stored, nanoseconds since 1970; 0: never.
  var lastTimestamp: Int64 = 0
}

/// What the origin has answered to a request for a consumer.
struct OriginAnswer: Equatable {
  var error: JetStreamError?
  /// The answer was none.
  var isInvalid = false
  var consumer = ""
  var deliverSubject = ""
  var acknowledgesByFlowControl = false
  /// What the consumer begins behind.
  var deliveredStream: UInt64 = 0
  var pending: UInt64 = 0
  /// `Nats-Stream-Identity`; empty: the origin does not tell it.
  var identity = ""
}

/// What is to be done for a copying stream.
enum UpstreamEffect: Equatable {
  /// To be published; the answer goes to `answered` with this number.
  case request(UpstreamRequest, number: UInt32)
  /// Messages to this subject go to `message` and `control`; what was listened to before is over.
  case listen(String)
  case stopListening
  /// The mirror goes on behind this sequence.
  case skip(through: UInt64)
  case warn(String)
}

/// Copying from one origin, be it a mirror's or a source: asks the origin for a consumer that delivers, follows what it
/// delivers, and asks anew where messages are missing, where nothing comes for long, and where one could not be stored
/// (FEATURES 5.055, 5.056). No clock, no network; times are nanoseconds.
struct Upstream {
  enum Role: Equatable { case mirror, source }

  /// The consumer sends at least a heartbeat in this time.
  static let heartbeat: Int64 = 1_000_000_000
  /// Nothing came for so long: it is asked anew.
  static let stalledAfter: Int64 = 10_000_000_000
  /// Between two requests.
  static let leastBetweenRequests: Int64 = 2_000_000_000
  static let answerWithin: Int64 = 30_000_000_000
  /// A consumer that exists has little to do.
  static let resetAnswerWithin: Int64 = 5_000_000_000
  static let backoffStep: Int64 = 10_000_000_000
  static let longestBackoff: Int64 = 120_000_000_000
  /// The levels of the API that are asked for one after the other: an older origin refuses what it does not know. Level 5
  /// tells streams from later ones of their names, level 4 has consumers for sourcing; 0 is any.
  static let sourceLevels = [5, 4, 0]
  static let mirrorLevels = [4, 0]

  enum Phase: Equatable {
    case waiting(until: Int64)
    case asking(number: UInt32, until: Int64)
    case following
    case ended
  }

  let role: Role
  /// A change counts with the next request.
  var source: StreamSource
  let identification: UpstreamIdentification
  private(set) var phase: Phase

  /// The origin's sequence of the last message that was taken.
  private(set) var position: UInt64
  /// The consumer's sequence of the last message that came.
  private(set) var delivered: UInt64 = 0
  /// The consumer that delivers.
  private(set) var consumer = ""
  /// Of the origin's stream; empty: not known.
  private(set) var identity: String
  /// The origin's stream is another one than before: it is read from its beginning.
  private var isRecreated = false

  private var failures = 0
  private var lastRequest: Int64?
  private var level = 0
  private var requestNumber: UInt32 = 0
  /// Listens to a consumer that did not answer: a sign of life ends the wait.
  private(set) var isProbing = false

  // What is told of it.
  private(set) var lag: UInt64 = 0
  /// When something came last; nil: never.
  private(set) var lastHeard: Int64?
  private(set) var error: JetStreamError?

  /// - Parameters:
  ///   - position: the origin's sequence of the last message that is stored; 0: none.
  ///   - identity: the origin's then, or empty.
  init(
    _ role: Role, _ source: StreamSource, identification: UpstreamIdentification, position: UInt64, identity: String,
    now: Int64, random: UInt64
  ) {
    self.role = role
    self.source = source
    self.identification = identification
    self.position = position
    self.identity = identity
    phase = .waiting(until: now + Self.jitter(random))
  }

  private static func jitter(_ random: UInt64) -> Int64 { 100_000_000 + Int64(random % 100_000_000) }

  private var usesReadyConsumer: Bool { source.consumer != nil }
  private var levels: [Int] { role == .mirror ? Self.mirrorLevels : Self.sourceLevels }

  /// When `tick` must be called.
  var due: Int64? {
    switch phase {
    case .waiting(let time), .asking(_, let time): time
    case .following: (lastHeard ?? 0) + Self.stalledAfter
    case .ended: nil
    }
  }

  var hasAsked: Bool { lastRequest != nil }
  var isFollowing: Bool { phase == .following }

  // MARK: - Time

  mutating func tick(now: Int64, state: DownstreamState, random: UInt64) -> [UpstreamEffect] {
    guard let due, due <= now else { return [] }
    switch phase {
    case .ended: return []
    case .waiting: return ask(now: now, state: state, random: random)
    case .following: return askAgain(now: now, random: random)
    case .asking:
      failures += 1
      var effects = askAgain(now: now, random: random, keepsFailures: true)
      if let ready = source.consumer {
        isProbing = true
        effects.append(.listen(ready.deliverSubject))
      }
      return effects
    }
  }

  private mutating func ask(now: Int64, state: DownstreamState, random: UInt64) -> [UpstreamEffect] {
    lastRequest = now
    level = levels[0]
    error = nil
    isProbing = false
    if role == .mirror { position = state.lastSequence }
    consumer = source.consumer?.name ?? ""
    return [.stopListening, sendRequest(now: now, state: state, random: random)]
  }

  private mutating func sendRequest(now: Int64, state: DownstreamState, random: UInt64) -> UpstreamEffect {
    requestNumber += 1
    let wait = usesReadyConsumer ? Self.resetAnswerWithin : Self.answerWithin
    phase = .asking(number: requestNumber, until: now + wait)
    let start = role == .mirror ? mirrorStart(state) : sourceStart(state)
    let request = UpstreamRequest(
      role, source, identification, start: start, level: level, identity: identity, random: random)
    return .request(request, number: requestNumber)
  }

  /// Ends what is under way and asks anew as soon as that may be.
  private mutating func askAgain(now: Int64, random: UInt64, keepsFailures: Bool = false) -> [UpstreamEffect] {
    if !keepsFailures { failures = 0 }
    let sinceLast = lastRequest.map { now - $0 } ?? .max
    let backoff = min(Int64(failures) * Self.backoffStep, Self.longestBackoff)
    phase = .waiting(until: now + max(0, Self.leastBetweenRequests - sinceLast) + backoff + Self.jitter(random))
    consumer = ""
    return [.stopListening]
  }

  // MARK: - Where to begin

  private func mirrorStart(_ state: DownstreamState) -> UpstreamStart {
    if state.lastSequence > 0 || state.messages > 0 || state.firstSequence > 1 {
      return .sequence(state.lastSequence + 1)
    }
    if source.startSequence > 0 { return .sequence(source.startSequence) }
    return source.startTime.map { .time($0.unixNanoseconds) } ?? .beginning
  }

  private func sourceStart(_ state: DownstreamState) -> UpstreamStart {
    if position > 0 { return .sequence(position + 1) }
    if source.startSequence > 0 { return .sequence(source.startSequence) }
    if let time = source.startTime?.unixNanoseconds { return .time(max(time, state.lastTimestamp)) }
    // The stream has had messages that are gone: what it was sent before must not come again.
    if state.firstSequence > 1, state.lastTimestamp > 0, !isRecreated { return .time(state.lastTimestamp) }
    return .beginning
  }

  // MARK: - The answer

  mutating func answered(
    _ answer: OriginAnswer, number: UInt32, now: Int64, state: DownstreamState, random: UInt64
  ) -> [UpstreamEffect] {
    guard case .asking(number, _) = phase else { return [] }
    if let refusal = answer.error { return refused(refusal, now: now, state: state, random: random) }
    if answer.isInvalid {
      return failed(setupFailed("invalid consumer create response"), now: now, random: random, warns: true)
    }
    if usesReadyConsumer, !answer.acknowledgesByFlowControl {
      let problem: JetStreamError = role == .mirror ? .mirrorConsumerRequiresAckFC : .sourceConsumerRequiresAckFC
      return failed(problem, now: now, random: random)
    }
    var effects: [UpstreamEffect] = []
    failures = 0
    error = nil
    consumer = answer.consumer
    delivered = 0
    lastHeard = now
    phase = .following
    switch role {
    case .mirror:
      if answer.deliveredStream > state.lastSequence { effects.append(.skip(through: answer.deliveredStream)) }
      position = max(answer.deliveredStream, state.lastSequence)
    case .source:
      let isOther = !identity.isEmpty && !answer.identity.isEmpty && identity != answer.identity
      if isRecreated || isOther {
        effects.append(
          .warn(
            "JetStream source stream \"\(source.name)\" for stream '\(identification.account) > "
              + "\(identification.stream)' was recreated, resetting source state"))
        position = 0
      }
      identity = answer.identity
      isRecreated = false
      position = max(position, answer.deliveredStream)
    }
    effects.append(.listen(source.consumer?.deliverSubject ?? answer.deliverSubject))
    return effects
  }

  private func setupFailed(_ reason: String) -> JetStreamError {
    role == .mirror ? .mirrorConsumerSetupFailed(reason) : .sourceConsumerSetupFailed(reason)
  }

  private mutating func refused(
    _ refusal: JetStreamError, now: Int64, state: DownstreamState, random: UInt64
  ) -> [UpstreamEffect] {
    if role == .source, refusal.number == JetStreamError.consumerStreamIdentityMismatch("").number {
      // What is known of the stream before does not hold for this one.
      position = 0
      delivered = 0
      identity = ""
      isRecreated = true
      return askAgain(now: now, random: random, keepsFailures: true)
    }
    let isTooOld =
      refusal.number == JetStreamError.requiredApiLevel.number
      || refusal.number == JetStreamError.invalidJSON("").number
    if isTooOld, !usesReadyConsumer || level > 4, let next = levels.first(where: { $0 < level }) {
      level = next
      return [sendRequest(now: now, state: state, random: random)]
    }
    return failed(refusal, now: now, random: random, warns: true)
  }

  private mutating func failed(
    _ problem: JetStreamError, now: Int64, random: UInt64, warns: Bool = false
  ) -> [UpstreamEffect] {
    error = problem
    failures += 1
    var effects = askAgain(now: now, random: random, keepsFailures: true)
    if warns {
      let what =
        role == .mirror
        ? "create mirror consumer" : "stream \(identification.stream) create source consumer \(source.name)"
      effects.append(.warn("JetStream error response for \(what): \(problem.description) (\(problem.number))"))
    }
    return effects
  }

  // MARK: - What comes

  enum Verdict: Equatable {
    /// To be stored.
    case take
    /// Known already, or not meant for this.
    case ignore
    /// Messages are missing: `restart` follows.
    case restart
  }

  /// A message has come.
  mutating func message(_ ack: AckSubject, now: Int64) -> Verdict {
    guard isFollowing else { return .ignore }
    lastHeard = now
    if ack.deliveries > 1 { return .ignore }
    let isNext = ack.consumerSequence == delivered + 1
    if ack.streamSequence <= position {
      if isNext { delivered += 1 }
      return .ignore
    }
    switch role {
    case .mirror:
      // Without a gap in the deliveries, a gap in the stream is the origin's.
      guard isNext || ack.streamSequence == position + 1 else { return .restart }
    case .source:
      guard isNext else { return ack.consumerSequence > delivered ? .restart : .ignore }
    }
    delivered = ack.consumerSequence
    position = ack.streamSequence
    lag = ack.pending == 0 ? 0 : ack.pending - 1
    return .take
  }

  /// What `message` changes.
  struct Progress: Equatable {
    var position: UInt64
    var delivered: UInt64
    var lag: UInt64
  }

  var progress: Progress {
    get { Progress(position: position, delivered: delivered, lag: lag) }
    set { (position, delivered, lag) = (newValue.position, newValue.delivered, newValue.lag) }
  }

  /// A heartbeat has come, with the consumer's last sequence, 0: unknown. Whether something is missing.
  mutating func heartbeat(lastConsumer: UInt64, now: Int64) -> Bool {
    lastHeard = now
    return isFollowing && lastConsumer > 0 && lastConsumer != delivered
  }

  /// A flow control request has come.
  mutating func heard(at now: Int64) { lastHeard = now }

  /// Something came from a consumer that had not answered.
  mutating func probed(now: Int64, random: UInt64) -> [UpstreamEffect] {
    guard isProbing, case .waiting = phase, failures > 0 else { return [] }
    isProbing = false
    return askAgain(now: now, random: random)
  }

  /// Messages are missing behind the last that was taken.
  mutating func restart(now: Int64, random: UInt64) -> [UpstreamEffect] {
    phase == .ended ? [] : askAgain(now: now, random: random)
  }

  /// The message that was taken last could not be stored: it is asked for again.
  mutating func notStored(previous: Progress, now: Int64, random: UInt64) -> [UpstreamEffect] {
    // What it lacks is told as of the message that could not be stored.
    (position, delivered) = (previous.position, previous.delivered)
    return restart(now: now, random: random)
  }

  /// Nothing is copied any more.
  mutating func end() { phase = .ended }
}
