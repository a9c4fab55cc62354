import JetStreamAPI
import MessageStore
import Subjects

/// What a stream accepts and what follows from it. Pure: no clock, no network, no journal; the store is its memory.
///
/// `propose` decides about a message against the store and everything in flight (accepted, not yet applied) and turns
/// it into entries; when they are durable, `apply` carries them out, in the same order, on this server or on any other.
/// `apply` looks at nothing but the entry, the store and what earlier entries left: applying what the store holds
/// already changes nothing. Confined to one loop, as its store is.
///
/// A new value replays: entries are applied without being answered or republished, until `finishReplay`.
public struct StreamRules {
  public internal(set) var configuration: StreamConfiguration
  public let store: StreamStore
  let setup: StreamSetup
  let template: PublishAnswerTemplate
  var transform: SubjectTransform?
  var republishing: SubjectTransform?

  /// The last sequence that was given out.
  public internal(set) var proposedSequence: UInt64
  /// Everything was purged once: the stream shows where it begins, messages or not.
  public internal(set) var hasBegun = false
  /// The last time that was given out: times never go back.
  var proposedTimestamp: Int64
  var inFlight = InFlightMessages()
  /// Entries in flight that remove messages other than the limits do: what the store says now may not hold then.
  var removalsInFlight = 0
  var isReplaying = true
  /// Subjects of messages that replay met in the store already: their limits are enforced at its end.
  var replayedSubjects: Set<[UInt8]> = []
  /// The first `tick` enforces limits that replay left alone.
  var limitsAreDue = false
  /// Messages are removed without an entry: when consumers are through with them, or when they expire. After a crash they
  /// are back until that happens again; limits must not remove others in their place meanwhile.
  var removesSilently: Bool { configuration.retention != .limits || configuration.allowMessageTTL }

  var duplicates = DuplicateTable()
  /// The identifier of the last message, empty for one without (FEATURES 5.062).
  var lastMessageID: [UInt8] = []
  var expiries = ExpiryQueue()
  /// When the first message may be too old; nil: there is none.
  var ageDue: Int64?
  var counters: [[UInt8]: CounterInFlight] = [:]
  var schedules = ScheduleTable()
  var atomicBatches = AtomicBatches()
  var fastBatches = FastBatches()
  /// How far it has come with the streams that it copies from.
  var sourcePositions = SourcePositions()
  /// Entries of an atomic batch whose last one is still to come.
  var stagedEntries: [[UInt8]] = []
  var isStaging: Bool { !stagedEntries.isEmpty }

  /// What the account and the server have left; to be kept up to date by the owner.
  public var resources = StreamResources()
  /// Whether a consumer wants messages of a subject: asked for each message of a stream with interest retention.
  public var hasInterest: (UnsafeRawBufferPointer) -> Bool = { _ in false }

  public init(_ setup: StreamSetup, store: StreamStore) {
    self.setup = setup
    self.store = store
    configuration = setup.configuration
    template = PublishAnswerTemplate(stream: setup.configuration.name, domain: setup.domain)
    proposedSequence = store.lastSequence
    proposedTimestamp = store.lastTimestamp
    sourcePositions.isComplete = store.lastSequence == 0
    prepareTransforms()
  }

  mutating func prepareTransforms() {
    transform = configuration.subjectTransform.flatMap {
      try? SubjectTransform(source: $0.source, destination: $0.destination)
    }
    republishing = configuration.republish.flatMap {
      try? SubjectTransform(source: $0.source, destination: $0.destination)
    }
  }

  /// Nothing is in flight.
  public var isSettled: Bool { inFlight.isEmpty && removalsInFlight == 0 }

  // MARK: - Applying

  /// Carries out an entry that is durable.
  ///
  /// - Parameter reply: where the publisher wants its answer: for the flow control of fast batches.
  /// - Throws: what the store says; the stream must stop then.
  public mutating func apply(
    _ kind: StreamEntryKind, _ entry: UnsafeRawBufferPointer,
    reply: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), output: inout StreamOutput
  ) throws(StoreError) -> Applied {
    switch kind {
    case .put: return try applyPut(entry, reply, output: &output)
    case .delete:
      guard let entry = DeleteEntry(entry) else { return .ignored }
      return try applyDelete(entry, output: &output)
    case .purge:
      guard let entry = PurgeEntry(entry) else { return .ignored }
      return try applyPurge(entry, output: &output)
    case .consumer, .consumerDeleted, .consumerDelta: return .ignored
    }
  }

  // MARK: - Answers

  /// Appends an answer's payload; nothing for `none` and for an empty message.
  public func append(_ answer: PublishAnswer, to bytes: inout [UInt8]) {
    switch answer {
    case .none, .staged: break
    case .stored(let sequence): template.append(stored: sequence, to: &bytes)
    case .duplicate(let sequence): template.append(duplicateOf: sequence, to: &bytes)
    case .counter(let sequence, let value): template.append(counter: value, sequence: sequence, to: &bytes)
    case .batch(let sequence, let id, let count):
      template.append(batch: id, count: count, sequence: sequence, to: &bytes)
    case .duplicateBatch(let sequence, let id, let count):
      template.append(batch: id, count: count, sequence: sequence, isDuplicate: true, to: &bytes)
    case .refused(let error): template.append(refusing: error, to: &bytes)
    }
  }
}

/// What is left for a stream to use.
public struct StreamResources: Sendable, Equatable {
  /// The server's storage of this kind is used up (error 10023).
  public var isServerExhausted = false
  /// Bytes the account may still store, before what is in flight (error 10002).
  public var accountBytesLeft = Int64.max

  public init() {}
}
