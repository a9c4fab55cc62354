import Broker
import CSystem
import JSON
import JetStreamAPI

/// Gathers `/jsz` on the streams' loops, a few streams and consumers in a turn, so that messages do not wait for it.
///
/// Invariant: `found` and `missing` are guarded by `lock`; the rest is set once.
final class JszSurvey: @unchecked Sendable {
  /// Streams and consumers that are looked at before what else waits on the loop has its turn.
  static let perTurn = 64

  private let lock: UnsafeMutablePointer<UInt32>
  private var found: [JszStream?]
  private var missing: Int
  private let completion: @Sendable ([JszStream?]) -> Void

  private init(
    count: Int, parts: Int, _ completion: @escaping @Sendable ([JszStream?]) -> Void
  ) {
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    found = Array(repeating: nil, count: count)
    missing = parts
    self.completion = completion
  }

  deinit { lock.deallocate() }

  /// A stream that is looked at.
  struct Target: Sendable {
    let handle: StreamHandle
    /// Its account is listed: more than totals is needed.
    let isListed: Bool
  }

  /// Any thread.
  ///
  /// - Parameter completion: gets what was found in the order of the targets, nil for those that have gone; any thread.
  static func run(
    _ targets: [Target], _ options: JszOptions, completion: @escaping @Sendable ([JszStream?]) -> Void
  ) {
    var parts: [Int: JszSurveyPart] = [:]
    for (position, target) in targets.enumerated() {
      let loop = target.handle.loop
      let part = parts[loop.index] ?? JszSurveyPart(loop, options)
      part.targets.append((position, target))
      parts[loop.index] = part
    }
    guard !parts.isEmpty else {
      completion([])
      return
    }
    let survey = JszSurvey(count: targets.count, parts: parts.count, completion)
    for part in parts.values {
      part.finish = { survey.add($0) }
      part.begin()
    }
  }

  private func add(_ part: [(Int, JszStream)]) {
    csys_lock(lock)
    for (position, stream) in part { found[position] = stream }
    missing -= 1
    let isDone = missing == 0
    csys_unlock(lock)
    if isDone { completion(found) }
  }
}

/// The streams of one loop. Confined to that loop once begun.
private final class JszSurveyPart: @unchecked Sendable {
  var targets: [(Int, JszSurvey.Target)] = []
  var finish: (([(Int, JszStream)]) -> Void)?
  private unowned let loop: JetStreamLoop
  private let options: JszOptions
  private var next = 0
  private var found: [(Int, JszStream)] = []
  /// The consumers of the stream that was found last which are still to be looked at, last first.
  private var consumers: [ConsumerRunner] = []

  init(_ loop: JetStreamLoop, _ options: JszOptions) {
    self.loop = loop
    self.options = options
  }

  func begin() { loop.worker.loop.submit { [self] in turn() } }

  private func turn() {
    var budget = JszSurvey.perTurn
    while budget > 0 {
      budget -= 1
      if let consumer = consumers.popLast() {
        look(at: consumer)
      } else if next < targets.count {
        let (position, target) = targets[next]
        next += 1
        look(at: target, position)
      } else {
        finish?(found)
        finish = nil
        return
      }
    }
    begin()
  }

  private func look(at target: JszSurvey.Target, _ position: Int) {
    guard let runner = target.handle.runner, !target.handle.isDeleted else { return }
    let all = runner.consumers.values
    let publicCount = all.reduce(0) { $0 + ($1.machine.configuration.direct ? 0 : 1) }
    var stream = JszStream(
      name: target.handle.name, created: target.handle.created, state: runner.currentState(),
      publicConsumerCount: publicCount, leader: loop.service.server.serverName)
    (stream.mirror, stream.sources) = runner.upstreamInformation
    if target.isListed, options.streams {
      if options.configurations { stream.configuration = runner.configuration }
      if options.consumers { consumers = all.filter(isWanted).sorted { $0.number > $1.number } }
    }
    found.append((position, stream))
  }

  private func isWanted(_ consumer: ConsumerRunner) -> Bool {
    options.directConsumers || !consumer.machine.configuration.direct
  }

  private func look(at consumer: ConsumerRunner) {
    guard !consumer.isOver else { return }
    let info = consumer.machine.info(port: consumer, now: consumer.now)
    let last = found.count - 1
    if consumer.machine.configuration.direct {
      found[last].1.directConsumers.append(info)
    } else {
      found[last].1.consumers.append(info)
    }
  }
}

extension JetStreamService {
  public func survey(_ options: JszOptions, _ done: @escaping @Sendable (any JSONWritable & Sendable) -> Void) {
    var options = options
    if options.consumers { options.streams = true }
    if options.streams, options.account.isEmpty { options.accounts = true }
    let accounts = sortedAccounts
    let listed = Self.listed(accounts, options)
    let answer = JszAnswer(
      serverID: server.serverID, now: server.loops.clock.wallNanoseconds(),
      summary: currentSummary(showsDirectory: true),
      options: options, accountCount: accounts.count)
    let targets = accounts.enumerated().flatMap { position, account in
      account.sortedStreams.map { JszSurvey.Target(handle: $0, isListed: listed.contains(position)) }
    }
    JszSurvey.run(targets, options) { [options] found in
      var answer = answer
      for stream in found { if let stream { answer.totals.add(stream) } }
      for position in listed {
        answer.accounts.append(Self.detail(of: accounts[position], targets, found, options))
      }
      done(answer)
    }
  }

  /// Which accounts are shown: the one that is asked for, or a page of them.
  private static func listed(_ accounts: [AccountJetStream], _ options: JszOptions) -> Range<Int> {
    if let position = accounts.firstIndex(where: { $0.name == options.account }) { return position..<position + 1 }
    guard options.accounts else { return 0..<0 }
    let limit = options.limit == 0 ? JszOptions.accountLimit : options.limit
    if limit < 0 { return 0..<accounts.count }
    let start = min(max(options.offset, 0), accounts.count)
    return start..<start + min(limit, accounts.count - start)
  }

  private static func detail(
    of account: AccountJetStream, _ targets: [JszSurvey.Target], _ found: [JszStream?], _ options: JszOptions
  ) -> JszAccount {
    var detail = JszAccount(name: account.name, figures: account.figures)
    if options.streams {
      detail.streams = zip(targets, found).compactMap { target, stream in
        target.handle.account === account ? stream : nil
      }
    }
    return detail
  }

  public func survey(
    account: Account, _ options: JszOptions, _ done: @escaping @Sendable ((any JSONWritable & Sendable)?) -> Void
  ) {
    guard let account = self.account(named: account.name) else {
      done(nil)
      return
    }
    let handles = options.streams ? account.sortedStreams : []
    let targets = handles.map { JszSurvey.Target(handle: $0, isListed: true) }
    JszSurvey.run(targets, options) { found in
      done(Self.detail(of: account, targets, found, options))
    }
  }
}
