import CSystem

/// A publisher that waits for a slow reader.
struct PausedPublisher {
  let publisher: Connection
  let reader: Connection
  /// When it goes on whatever the reader does (monotonic nanoseconds).
  let deadline: Int64
}

extension Worker {
  /// Longest wait for a slow reader; then the reader's backlog grows to `max_pending`.
  private static let pauseNanoseconds: Int64 = 10_000_000
  static let pausePollNanoseconds: Int64 = 1_000_000

  func pause(_ publisher: Connection, for reader: Connection) {
    counters.pointee.stalls &+= 1
    let deadline = loop.clock.monotonicNanoseconds() + Self.pauseNanoseconds
    paused.append(PausedPublisher(publisher: publisher, reader: reader, deadline: deadline))
  }

  /// Lets publishers go on whose reader has caught up or whose time is over.
  func resumePublishers() {
    if paused.isEmpty { return }
    let now = loop.clock.monotonicNanoseconds()
    var waiting: [PausedPublisher] = []
    for entry in paused {
      let state = entry.reader.state
      if state.pointee.isClosed || state.pointee.backlogBytes < Self.relaxedMark || now >= entry.deadline {
        entry.publisher.unpause()
      } else {
        waiting.append(entry)
      }
    }
    paused = waiting
  }
}
