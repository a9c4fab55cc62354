import CSystem

/// Asks every loop about its connections, a few at a time, so that nobody's messages wait for the answer.
///
/// A loop looks at connections for at most `sliceNanoseconds`, then runs a batch of its ordinary work. Connections that
/// come or go meanwhile may or may not be seen. Invariant: `found` and `missing` are guarded by `lock`.
final class ConnectionSurvey<Finding: Sendable>: @unchecked Sendable {
  typealias Visit = @Sendable (Connection) -> Finding?

  private let visit: Visit
  private let completion: @Sendable ([Finding]) -> Void
  private let lock = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private var found: [Finding] = []
  private var missing: Int

  private init(parts: Int, _ visit: @escaping Visit, _ completion: @escaping @Sendable ([Finding]) -> Void) {
    lock.initialize(to: 0)
    missing = parts
    self.visit = visit
    self.completion = completion
  }

  deinit { lock.deallocate() }

  /// Visits open connections on their loops. Any thread.
  ///
  /// - Parameters:
  ///   - identifiers: only these; nil for all.
  ///   - visit: what is to be known of a connection; nil leaves it out.
  ///   - completion: gets the findings in no particular order, on the loop that ended last.
  static func run(
    _ server: Server, only identifiers: [UInt64]? = nil, visit: @escaping Visit,
    completion: @escaping @Sendable ([Finding]) -> Void
  ) {
    let workers = server.workers
    let survey = ConnectionSurvey(parts: workers.count, visit, completion)
    for worker in workers {
      worker.loop.submit { [unowned worker] in
        let connections =
          identifiers.map { $0.compactMap { worker.connections[$0] } } ?? Array(worker.connections.values)
        survey.look(SurveySlice(worker: worker, connections: connections))
      }
    }
  }

  private func look(_ slice: SurveySlice<Finding>) {
    guard slice.advance(visit) else {
      slice.worker.loop.submit { self.look(slice) }
      return
    }
    csys_lock(lock)
    found += slice.found
    missing -= 1
    let isDone = missing == 0
    csys_unlock(lock)
    if isDone { completion(found) }
  }
}

/// One loop's part of a survey. Confined to that loop.
private final class SurveySlice<Finding: Sendable>: @unchecked Sendable {
  private static var sliceNanoseconds: Int64 { 200_000 }

  unowned let worker: Worker
  private let connections: [Connection]
  private var position = 0
  private(set) var found: [Finding] = []

  init(worker: Worker, connections: [Connection]) {
    self.worker = worker
    self.connections = connections
  }

  /// Looks at connections until the time is over; true when all have been seen.
  func advance(_ visit: (Connection) -> Finding?) -> Bool {
    let end = csys_monotonic_ns() + Self.sliceNanoseconds
    while position < connections.count {
      let connection = connections[position]
      position += 1
      if connection.closeReason == nil, connection.phase != .closed, let finding = visit(connection) {
        found.append(finding)
      }
      if position & 7 == 0, csys_monotonic_ns() >= end { return position == connections.count }
    }
    return true
  }
}
