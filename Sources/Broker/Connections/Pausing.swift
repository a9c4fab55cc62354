import CSystem

/// A publisher that waits for a slow reader, or for streams.
struct PausedPublisher {
  let publisher: Connection
  /// nil: what lives beside the connections of this loop.
  let reader: Connection?
  /// When it goes on whatever the reader does (monotonic nanoseconds).
  let deadline: Int64
}

extension Worker {
  /// Longest wait for a slow reader; then the reader's backlog grows to `max_pending`.
  private static let pauseNanoseconds: Int64 = 10_000_000
  /// A reader that a publisher has waited for in vain holds publishers up again only after this time, so that it
  /// costs them a tenth of their speed at most.
  private static let pauseRestNanoseconds: Int64 = 90_000_000
  /// Longest wait for streams at a time; after the next read it may begin again.
  private static let streamPauseNanoseconds: Int64 = 1_000_000_000
  static let pausePollNanoseconds: Int64 = 1_000_000

  /// Whether publishers should wait for this reader: its backlog is long, and waiting may help or is the last thing
  /// to do before `max_pending`.
  func isWorthWaitingFor(_ reader: ConnectionPointer) -> Bool {
    let backlog = reader.backlogBytes
    guard backlog > Self.congestionMark, !reader.isClosed else { return false }
    return loop.now >= reader.pauseAgainAt || backlog > reader.maxPending / 4 * 3
  }

  func pause(_ publisher: Connection, for reader: Connection) {
    counters.add(.stalls, 1)
    publisher.stalls &+= 1
    let deadline = loop.clock.monotonicNanoseconds() + Self.pauseNanoseconds
    paused.append(PausedPublisher(publisher: publisher, reader: reader, deadline: deadline))
  }

  func pauseForStreams(_ publisher: Connection) {
    let deadline = loop.clock.monotonicNanoseconds() + Self.streamPauseNanoseconds
    paused.append(PausedPublisher(publisher: publisher, reader: nil, deadline: deadline))
  }

  /// Lets publishers go on whose reader has caught up or whose time is over.
  func resumePublishers() {
    if paused.isEmpty { return }
    let now = loop.clock.monotonicNanoseconds()
    var waiting: [PausedPublisher] = []
    for entry in paused {
      guard let reader = entry.reader else {
        if now >= entry.deadline || companion?.isCongested != true {
          entry.publisher.unpause()
        } else {
          waiting.append(entry)
        }
        continue
      }
      let state = reader.state
      let isRelaxed = state.isClosed || state.backlogBytes < Self.relaxedMark
      if isRelaxed || now >= entry.deadline {
        if !isRelaxed { state.pauseAgainAt = now + Self.pauseRestNanoseconds }
        entry.publisher.unpause()
      } else {
        waiting.append(entry)
      }
    }
    paused = waiting
  }
}
