/// What lives on a loop beside its connections: JetStream's share of it. Called on the loop only.
open class WorkerCompanion {
  public init() {}

  /// The batch is over: everything that was received has been handled, nothing has been written out yet.
  open func endBatch() {}

  /// Set when the connection in hand has sent something that should not grow further at the moment.
  public var holdsPublisherBack = false

  /// Publishers should wait.
  open var isCongested: Bool { false }

  /// Gives back what is only kept to be used again: nothing is happening.
  open func releaseSpareMemory() {}

  /// How soon the loop shall run again by itself, in nanoseconds; nil: when something happens.
  open func nextPoll() -> Int64? { nil }
}
