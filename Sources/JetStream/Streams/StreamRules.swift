import JetStreamAPI
import MessageStore

/// What a stream accepts and what follows from it. Pure: no clock, no network, no journal; the store is its memory.
///
/// `propose` decides about a message against the store and everything in flight (accepted, not yet applied) and turns
/// it into entries; when they are durable, `apply` carries them out, in the same order, on this server or on any other.
/// `apply` looks at nothing but the entry, the store and what earlier entries left: applying what the store holds
/// already changes nothing. Confined to one loop, as its store is.
public struct StreamRules {
  public private(set) var configuration: StreamConfiguration
  public let store: StreamStore
  let setup: StreamSetup
  let template: PublishAnswerTemplate

  /// The last sequence that was given out.
  public internal(set) var proposedSequence: UInt64

  /// Whether a consumer wants messages of a subject: asked for each message of a stream with interest retention.
  public var hasInterest: (UnsafeRawBufferPointer) -> Bool = { _ in false }

  public init(_ setup: StreamSetup, store: StreamStore) {
    self.setup = setup
    self.store = store
    configuration = setup.configuration
    template = PublishAnswerTemplate(stream: setup.configuration.name, domain: setup.domain)
    proposedSequence = store.lastSequence
  }

  // MARK: - Proposing (the leader only)

  /// Decides about a message.
  ///
  /// - Parameter now: nanoseconds since 1970.
  public mutating func propose(
    _ message: InboundMessage, now: Int64, output: inout StreamOutput
  ) -> Proposal {
    .wait
  }

  /// Decides about a purge; `Applied.purged` tells how many left.
  ///
  /// - Throws: the error to be answered (FEATURES 5.096).
  public mutating func proposePurge(
    _ request: StreamPurgeRequest, output: inout StreamOutput
  ) throws(JetStreamError) -> Proposal {
    .wait
  }

  /// Decides about the removal of a message; `Applied.deleted` tells whether there was one (false: error 10043).
  ///
  /// - Throws: the error to be answered (FEATURES 5.097).
  public mutating func proposeDelete(
    _ request: MessageDeleteRequest, output: inout StreamOutput
  ) throws(JetStreamError) -> Proposal {
    .wait
  }

  // MARK: - Applying

  /// Carries out an entry that is durable.
  ///
  /// - Throws: what the store says; the stream must stop then.
  public mutating func apply(
    _ kind: StreamEntryKind, _ entry: UnsafeRawBufferPointer, output: inout StreamOutput
  ) throws(StoreError) -> Applied {
    .ignored
  }

  /// Call when all entries of the journal have been applied after a start: enforces limits that replay left alone and
  /// finds what expires.
  public mutating func finishReplay(output: inout StreamOutput) throws(StoreError) {}

  /// Removes a message that no consumer needs any more (FEATURES 5.090, 5.091).
  public mutating func release(_ sequence: UInt64) throws(StoreError) -> Bool { false }

  // MARK: - Time (the leader only, except for what expires without a marker)

  /// When `tick` must be called next, nanoseconds since 1970; nil: not before something else happens.
  public var nextTick: Int64? { nil }

  /// Expires messages, batches and message identifiers; proposes delete markers and scheduled messages, whose entries
  /// are in `output.entries`.
  public mutating func tick(now: Int64, output: inout StreamOutput) throws(StoreError) {}

  // MARK: - Configuration

  /// Takes over a changed configuration and enforces its limits. Everything in flight must have been applied.
  public mutating func update(_ configuration: StreamConfiguration, now: Int64, output: inout StreamOutput)
    throws(StoreError)
  {
    self.configuration = configuration
  }

  // MARK: - Checkpoint

  /// What the store does not hold: message identifiers, schedules. Goes into the store's checkpoint.
  public func checkpointState() -> [UInt8] { [] }

  /// Takes over what `checkpointState` returned, before the journal's entries are applied.
  public mutating func restore(_ state: [UInt8]) {}

  // MARK: - Answers

  /// Appends an answer's payload.
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
