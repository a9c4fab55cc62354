// What happens because time passes: messages, batches and message identifiers expire; delete markers; schedules
// (FEATURES 5.008, 5.067, 5.068).

import Bytes
import JetStreamAPI
import MessageStore
import Subjects

extension StreamRules {
  /// Messages that expire in one call of `tick`.
  private static let expiryLimit = 10_000
  /// Identifiers are forgotten at least this late, so that not each wakes the loop.
  private static let duplicateDelay: Int64 = 1_000_000_000

  /// When `tick` must be called next, nanoseconds since 1970; nil: not before something else happens.
  public var nextTick: Int64? {
    if limitsAreDue { return 0 }
    var earliest = ageDue ?? .max
    if let time = expiries.earliest { earliest = min(earliest, time) }
    if let time = schedules.earliest { earliest = min(earliest, time) }
    if let time = atomicBatches.earliest { earliest = min(earliest, time) }
    if let time = fastBatches.earliest { earliest = min(earliest, time) }
    if let oldest = duplicates.oldest {
      earliest = min(earliest, oldest.later(by: configuration.duplicateWindow).later(by: Self.duplicateDelay))
    }
    return earliest == .max ? nil : earliest
  }

  /// Expires messages, batches and message identifiers; proposes delete markers and scheduled messages, whose entries
  /// are in `output.entries`.
  ///
  /// - Parameter now: nanoseconds since 1970.
  public mutating func tick(now: Int64, output: inout StreamOutput) throws(StoreError) {
    if configuration.duplicateWindow > 0 {
      duplicates.expire(now: now, window: configuration.duplicateWindow)
    } else {
      duplicates.removeAll()
    }
    expireBatches(now: now, output: &output)
    try expireByAge(now: now, output: &output)
    try expireByTTL(now: now, output: &output)
    if limitsAreDue { try enforceReplayedLimits(output: &output) }
    if configuration.allowMessageSchedules { runSchedules(now: now, output: &output) }
  }

  private mutating func expireByAge(now: Int64, output: inout StreamOutput) throws(StoreError) {
    guard configuration.maximumAge > 0 else {
      ageDue = nil
      return
    }
    guard let due = ageDue, due <= now else { return }
    ageDue = nil
    let oldest = now &- configuration.maximumAge
    var position: UInt64 = 0
    var left = Self.expiryLimit
    while let message = try store.next(from: position, matching: .everything) {
      if message.flags & StoredFlags.neverExpires != 0 {
        position = message.sequence + 1
        continue
      }
      guard message.timestamp <= oldest else {
        ageDue = message.timestamp.later(by: configuration.maximumAge)
        return
      }
      if left == 0 {
        ageDue = now
        return
      }
      left -= 1
      position = message.sequence + 1
      try expire(message, now: now, output: &output)
    }
  }

  private mutating func expireByTTL(now: Int64, output: inout StreamOutput) throws(StoreError) {
    var left = Self.expiryLimit
    var due: [ExpiryQueue.Item] = []
    while left > 0, let item = expiries.popDue(now) {
      left -= 1
      due.append(item)
    }
    for item in due.sorted(by: { $0.sequence < $1.sequence }) {
      guard let message = try store.next(from: item.sequence, matching: .everything),
        message.sequence == item.sequence, message.flags & StoredFlags.hasTTL != 0
      else { continue }
      try expire(message, now: now, output: &output)
    }
  }

  /// Removes a message; the last of its subject may leave a delete marker in its place.
  private mutating func expire(
    _ message: StoredMessage, now: Int64, output: inout StreamOutput
  ) throws(StoreError) {
    let sequence = message.sequence
    if configuration.subjectDeleteMarkerTTL > 0, message.flags & StoredFlags.isMarker == 0 {
      // Something newer is on its way: the marker itself, or a message after which this is not the last one.
      if inFlight.last(of: message.subject) != nil {
        expiries.insert(sequence, at: now &+ 250_000_000)
        return
      }
      if store.count(of: message.subject) == 1 {
        let subject = Array(message.subject)
        if !proposeInternally(subject, header: markerHeader, payload: [], now: now, transforms: false, output: &output)
        {
          ageDue = Swift.min(ageDue ?? .max, now.addingSeconds(1))
        }
        return
      }
    }
    try remove(sequence, output: &output)
  }

  private var markerHeader: [UInt8] {
    let seconds = configuration.subjectDeleteMarkerTTL / 1_000_000_000
    let ttl = GoDuration.string(nanoseconds: seconds * 1_000_000_000)
    return Array("NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: \(ttl)\r\nNats-Rollup: sub\r\n\r\n".utf8)
  }

  /// A message of the server itself: what it may carry was checked before. False if the server has no room.
  mutating func proposeInternally(
    _ subject: [UInt8], header: [UInt8], payload: [UInt8], now: Int64, transforms: Bool = true,
    output: inout StreamOutput
  ) -> Bool {
    if resources.isServerExhausted || configuration.isSealed { return false }
    return subject.withUnsafeBytes { subject in
      header.withUnsafeBytes { header in
        payload.withUnsafeBytes { payload in
          let headers = PublishHeaders(header)
          var draft = Draft(subject: subject, header: header, payload: payload)
          switch headers.rollupKind {
          case .subject where configuration.allowRollup: draft.flags.insert(.rollsUpSubject)
          case .all where configuration.allowRollup: draft.flags.insert(.rollsUpAll)
          default: break
          }
          if headers.scheduler.isGiven {
            draft.flags.insert(headers.scheduleNext.text == "purge" ? .endsSchedule : .movesSchedule)
          }
          if !transforms { return acceptInternally(draft, headers, now: now, output: &output) }
          return withTransformed(draft, output: &output) { rules, draft, output in
            rules.acceptInternally(draft, headers, now: now, output: &output)
          }
        }
      }
    }
  }

  private mutating func acceptInternally(
    _ draft: Draft, _ headers: PublishHeaders, now: Int64, output: inout StreamOutput
  ) -> Bool {
    withFinalForm(draft, headers) { rules, result in
      guard case .success(var (draft, _)) = result else { return false }
      if rules.configuration.retention == .interest, !rules.hasInterest(draft.subject) {
        draft.flags.insert(.isNotKept)
      }
      rules.accept(draft, now: now, output: &output)
      return true
    }
  }
}
