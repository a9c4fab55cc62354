import CSystem
import Subjects

/// The answers that an account owes to others, and those that it awaits.
///
/// Invariant for `@unchecked Sendable`: everything but `awaitedCount`, which is atomic, is touched under `lock` only;
/// no other account's lock is taken under it.
final class ServiceReplies: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<UInt32>
  private let awaitedCount: UnsafeMutablePointer<UInt32>
  /// `_R_.XXXXXX.`, made for the first request.
  private var prefix: [UInt8] = []
  /// By token.
  private var owed: [UInt64: ServiceReply] = [:]
  /// By the reply subject of the request.
  private var awaited: [[UInt8]: AwaitedReplies] = [:]
  /// Exports of which a timer looks for answers that are overdue.
  private var swept: Set<ObjectIdentifier> = []

  init() {
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    awaitedCount = .allocate(capacity: 1)
    awaitedCount.initialize(to: 0)
  }

  deinit {
    lock.deallocate()
    awaitedCount.deallocate()
  }

  private func withLock<Result>(_ body: () -> Result) -> Result {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return body()
  }

  // MARK: owing

  /// Notes an answer that is owed along `hop`, and that the asking account awaits it.
  func owe(
    _ hop: ServiceHop, to: UnsafeRawBufferPointer, measurement: LatencyMeasurement?, on worker: Worker
  ) -> ServiceReply {
    var needsSweep = false
    let now = worker.loop.now
    let reply = withLock {
      if prefix.isEmpty { listen(in: hop.source) }
      var token: UInt64
      repeat { token = Base62.token(worker.nextRandom()) } while owed[token] != nil
      let reply = ServiceReply(
        hop: hop, subject: subject(token, measurement == nil ? nil : worker.serverHash), token: token,
        to: PaddedBytes(to), measurement: measurement, now: now)
      owed[token] = reply
      needsSweep = swept.insert(ObjectIdentifier(hop.export)).inserted
      return reply
    }
    if needsSweep { scheduleSweep(hop.export, on: worker) }
    hop.target.replies.expect(reply)
    return reply
  }

  /// A reply subject under which nothing is owed.
  func spareSubject(in account: Account, on worker: Worker) -> String {
    withLock {
      if prefix.isEmpty { listen(in: account) }
      return String(decoding: prefix + Base62.bytes(worker.nextRandom()), as: UTF8.self)
    }
  }

  /// One subscription hears all answers. Lock held.
  private func listen(in account: Account) {
    prefix = Array("_R_.".utf8) + Base62.bytes(UInt64.random(in: .min ... .max)) + [0x2E]
    account.listen(to: prefix + [0x3E], with: ServiceReplyReceiver(replies: self))
  }

  private func subject(_ token: UInt64, _ serverHash: [UInt8]?) -> PaddedBytes {
    var subject = prefix
    subject.reserveCapacity(40)
    withUnsafeBytes(of: token) { subject += $0.prefix(ServiceReply.tokenLength) }
    if let serverHash { subject += [0x2E] + serverHash + [0x2E, 0x54] }
    return PaddedBytes(subject)
  }

  /// The answer that is owed under a subject. A single one is taken out: it can come once only.
  func take(_ subject: UnsafeRawBufferPointer) -> ServiceReply? {
    withLock {
      guard subject.count >= prefix.count + ServiceReply.tokenLength else { return nil }
      var token: UInt64 = 0
      withUnsafeMutableBytes(of: &token) {
        $0.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: subject[prefix.count..<(prefix.count + ServiceReply.tokenLength)]))
      }
      guard let reply = owed[token], reply.subject.withBytes({ $0.elementsEqual(subject) }) else { return nil }
      if reply.isSingle { owed[token] = nil }
      return reply
    }
  }

  /// Whether this is the first answer; the caller measures it.
  func beginMeasuring(_ reply: ServiceReply) -> Bool {
    withLock {
      defer { reply.isMeasured = true }
      return !reply.isMeasured
    }
  }

  /// An answer of several has come.
  func touch(_ reply: ServiceReply, now: Int64) { withLock { reply.lastUsed = now } }

  /// An answer is not awaited any more.
  func end(_ reply: ServiceReply, _ reason: ServiceReply.End, on worker: Worker) {
    let isUnmeasured = withLock {
      if owed[reply.token] === reply { owed[reply.token] = nil }
      return !reply.isMeasured
    }
    if reason != .interestLost { reply.hop.target.replies.forget(reply) }
    if isUnmeasured, let measurement = reply.measurement {
      worker.report(measurement, endedBy: reason, in: reply.hop.source)
    }
  }

  // MARK: overdue answers

  private func scheduleSweep(_ export: ServiceExport, on worker: Worker) {
    worker.loop.schedule(afterNanoseconds: export.plan.responseThresholdNanoseconds) { [self, unowned worker] in
      sweep(export, on: worker)
    }
  }

  private func sweep(_ export: ServiceExport, on worker: Worker) {
    var overdue: [ServiceReply] = []
    var goesOn = false
    withLock {
      let limit = worker.loop.now - export.plan.responseThresholdNanoseconds
      for reply in owed.values where reply.hop.export === export {
        if reply.lastUsed <= limit { overdue.append(reply) } else { goesOn = true }
      }
      for reply in overdue { owed[reply.token] = nil }
      if !goesOn { swept.remove(ObjectIdentifier(export)) }
    }
    for reply in overdue { end(reply, .timeout, on: worker) }
    if goesOn { scheduleSweep(export, on: worker) }
  }

  // MARK: awaiting

  private func expect(_ reply: ServiceReply) {
    withLock {
      awaited[Array(reply.to.bytes), default: AwaitedReplies()].insert(reply)
      csys_add32(awaitedCount, 1)
    }
  }

  private func forget(_ reply: ServiceReply) {
    withLock {
      let key = Array(reply.to.bytes)
      guard awaited[key]?.remove(reply) == true else { return }
      if awaited[key]!.isEmpty { awaited[key] = nil }
      csys_add32(awaitedCount, UInt32.max)
    }
  }

  /// Whether an answer is awaited at all. Cheap; any thread.
  var isAwaiting: Bool { csys_load32(awaitedCount) > 0 }

  /// A subscription to `subject` has gone: answers that nobody of the account listens for are not awaited any more.
  func lostInterest(in subject: [UInt8], of account: Account, on worker: Worker) {
    let candidates = withLock {
      if Subject.isLiteral(subject) { return awaited[subject] == nil ? [] : [subject] }
      return subject.withUnsafeBytes { pattern in
        awaited.keys.filter { key in key.withUnsafeBytes { Subject.isSubset($0, of: pattern) } }
      }
    }
    for candidate in candidates {
      if candidate.withUnsafeBytes({ account.index.hasInterest($0) }) { continue }
      let lost = withLock {
        let lost = awaited.removeValue(forKey: candidate)?.all ?? []
        csys_add32(awaitedCount, 0 &- UInt32(lost.count))
        return lost
      }
      for reply in lost { reply.hop.source.replies.end(reply, .interestLost, on: worker) }
    }
  }

  /// Answers owed and awaited; for tests.
  var counts: (owed: Int, awaited: Int) { withLock { (owed.count, awaited.values.reduce(0) { $0 + $1.all.count }) } }
}

/// Answers awaited under one subject: mostly one, and many where requests share it.
private struct AwaitedReplies {
  private var one: ServiceReply?
  private var more: [ObjectIdentifier: ServiceReply] = [:]

  mutating func insert(_ reply: ServiceReply) {
    if one == nil { one = reply } else { more[ObjectIdentifier(reply)] = reply }
  }

  /// False when it is not there.
  mutating func remove(_ reply: ServiceReply) -> Bool {
    if one === reply {
      one = nil
      return true
    }
    return more.removeValue(forKey: ObjectIdentifier(reply)) != nil
  }

  var isEmpty: Bool { one == nil && more.isEmpty }
  var all: [ServiceReply] { (one.map { [$0] } ?? []) + more.values }
}

/// Hears the answers of an account's clients.
private final class ServiceReplyReceiver: InternalSubscriber {
  private unowned let replies: ServiceReplies

  init(replies: ServiceReplies) { self.replies = replies }

  /// An answer that nobody awaits is swallowed.
  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    if let reply = replies.take(message.subjectBytes) { worker.forward(message, as: reply, from: publisher) }
    return true
  }
}

/// Tokens of reply subjects.
enum Base62 {
  private static let digits: StaticString = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

  /// Six digits in the low bytes of a number, the first one lowest.
  static func token(_ random: UInt64) -> UInt64 {
    var rest = random
    var token: UInt64 = 0
    for position in 0..<UInt64(ServiceReply.tokenLength) {
      token |= UInt64(digits.utf8Start[Int(rest % 62)]) << (8 * position)
      rest /= 62
    }
    return token
  }

  static func bytes(_ random: UInt64) -> [UInt8] {
    withUnsafeBytes(of: token(random)) { Array($0.prefix(ServiceReply.tokenLength)) }
  }
}
