import CSystem
import JetStreamAPI

/// Asks the loops of several streams for what they know, and continues on loop 0 when all have answered.
///
/// Invariant: `found` and `missing` are guarded by `lock`.
final class StreamSurvey<Finding: Sendable>: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<UInt32>
  private var found: [Finding?]
  private var missing: Int
  private let completion: @Sendable ([Finding]) -> Void
  private let service: JetStreamService

  private init(
    count: Int, parts: Int, _ service: JetStreamService, _ completion: @escaping @Sendable ([Finding]) -> Void
  ) {
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    found = Array(repeating: nil, count: count)
    missing = parts
    self.service = service
    self.completion = completion
  }

  deinit { lock.deallocate() }

  /// Visits streams on their loops. Any thread.
  ///
  /// - Parameters:
  ///   - visit: what is to be known of a stream; nil leaves it out, as streams are left out that have gone meanwhile.
  ///   - completion: gets the findings in the order of the streams, on loop 0.
  static func run(
    _ streams: [StreamHandle], on service: JetStreamService, visit: @escaping @Sendable (StreamRunner) -> Finding?,
    completion: @escaping @Sendable ([Finding]) -> Void
  ) {
    var parts: [Int: [(Int, StreamHandle)]] = [:]
    for (position, handle) in streams.enumerated() { parts[handle.loop.index, default: []].append((position, handle)) }
    guard !parts.isEmpty else {
      service.loops[0].worker.loop.submit { completion([]) }
      return
    }
    let survey = StreamSurvey(count: streams.count, parts: parts.count, service, completion)
    for (index, part) in parts {
      service.loops[index].worker.loop.submit {
        survey.add(part.map { ($0.0, $0.1.runner.flatMap(visit)) })
      }
    }
  }

  private func add(_ part: [(Int, Finding?)]) {
    csys_lock(lock)
    for (position, finding) in part { found[position] = finding }
    missing -= 1
    let isDone = missing == 0
    csys_unlock(lock)
    guard isDone else { return }
    service.loops[0].worker.loop.submit { [self] in completion(found.compactMap { $0 }) }
  }
}

extension StreamSurvey where Finding == StreamInfo {
  /// What STREAM.LIST shows of each.
  static func run(
    _ streams: [StreamHandle], on service: JetStreamService, completion: @escaping @Sendable ([StreamInfo]) -> Void
  ) {
    run(
      streams, on: service,
      visit: { runner in
        var info = runner.information(showsServer: false)
        info.domain = service.domain
        return info
      }, completion: completion)
  }
}
