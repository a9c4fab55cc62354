// Messages that are to be published later or again and again (FEATURES 5.077 to 5.083).

import Bytes
import JetStreamAPI
import MessageStore
import Subjects

/// When which schedule goes off, by the subject of its message.
struct ScheduleTable {
  struct Schedule: Equatable {
    var sequence: UInt64
    /// Nanoseconds since 1970; `.max` while the message it produced is on its way.
    var time: Int64
  }

  private(set) var schedules: [[UInt8]: Schedule] = [:]
  private var subjects: [UInt64: [UInt8]] = [:]
  private var queue = ExpiryQueue()

  var earliest: Int64? { queue.earliest }

  mutating func set(_ subject: [UInt8], sequence: UInt64, time: Int64) {
    if let old = schedules[subject] { subjects[old.sequence] = nil }
    schedules[subject] = Schedule(sequence: sequence, time: time)
    subjects[sequence] = subject
    if time < .max { queue.insert(sequence, at: time) }
  }

  /// Moves a schedule to another time.
  mutating func move(_ subject: [UInt8], to time: Int64) {
    guard let old = schedules[subject], old.time != time else { return }
    set(subject, sequence: old.sequence, time: time)
  }

  mutating func remove(_ subject: [UInt8]) {
    if let old = schedules.removeValue(forKey: subject) { subjects[old.sequence] = nil }
  }

  /// The next that is due, which then counts as on its way.
  mutating func popDue(_ now: Int64) -> (subject: [UInt8], schedule: Schedule)? {
    while let item = queue.popDue(now) {
      guard let subject = subjects[item.sequence], let schedule = schedules[subject], schedule.time == item.time,
        schedule.sequence == item.sequence
      else { continue }
      schedules[subject]?.time = .max
      return (subject, schedule)
    }
    return nil
  }
}

extension StreamRules {
  private static let purge = Array("purge".utf8)

  // MARK: - Publishing one

  func checkSchedule(_ draft: inout Draft, _ headers: PublishHeaders, now: Int64) throws(Rejection) {
    do throws(JetStreamError) {
      if try scheduled(headers, now: now) {
        if !configuration.allowMessageSchedules { throw .messageSchedulesDisabled }
        try checkScheduleFields(draft.subject, headers)
        draft.flags.insert(.isSchedule)
      }
    } catch {
      let isOff = !configuration.allowMessageSchedules && error.isAboutSchedulePattern
      throw .refused(isOff ? .messageSchedulesDisabled : error)
    }
    try checkScheduler(&draft, headers)
  }

  /// Whether the message is a schedule.
  private func scheduled(_ headers: PublishHeaders, now: Int64) throws(JetStreamError) -> Bool {
    var zone: TimeZone?
    if let name = headers.scheduleTimeZone {
      zone = setup.zones.zone(named: String(decoding: name, as: UTF8.self))
      if zone == nil { throw .messageSchedulesTimeZoneInvalid }
    }
    guard headers.schedule.isGiven else { return false }
    guard let pattern = SchedulePattern(headers.schedule.text, zone: zone), pattern.next(after: now, now: now) != nil
    else { throw .messageSchedulesPatternInvalid }
    return true
  }

  private func checkScheduleFields(
    _ subject: UnsafeRawBufferPointer, _ headers: PublishHeaders
  ) throws(JetStreamError) {
    if case .failure = MessageTTL.parse(headers.scheduleTTL) { throw .messageSchedulesTTLInvalid }
    if headers.scheduleRollup.isGiven, headers.scheduleRollup.text != "sub" { throw .messageSchedulesRollupInvalid }
    if headers.scheduleTTL.isGiven, !configuration.allowMessageTTL { throw .messageTTLDisabled }
    guard let target = headers.scheduleTarget, Subject.isValidPublish(target), !target.elementsEqual(subject) else {
      throw .messageSchedulesTargetInvalid
    }
    let source = headers.scheduleSource.flatMap { $0.isEmpty ? nil : $0 }
    if let source, source.elementsEqual(target) || source.elementsEqual(subject) || !Subject.isValidPublish(source) {
      throw .messageSchedulesSourceInvalid
    }
    if !isOurs(target) { throw .messageSchedulesTargetInvalid }
    if let source, !isOurs(source) { throw .messageSchedulesSourceInvalid }
    if headers.rollup.isGiven, headers.rollup.text.lowercased() != "sub" { throw .messageSchedulesRollupInvalid }
  }

  private func isOurs(_ subject: UnsafeRawBufferPointer) -> Bool {
    let text = String(decoding: subject, as: UTF8.self)
    return configuration.subjects.contains { Subject.collide($0, text) }
  }

  /// Clients may end a schedule, nothing else (FEATURES 5.081).
  private func checkScheduler(_ draft: inout Draft, _ headers: PublishHeaders) throws(Rejection) {
    guard let next = headers.scheduleNext, !next.isEmpty else {
      if headers.scheduler.isGiven { throw .refused(.messageSchedulesSchedulerInvalid) }
      return
    }
    guard next.elementsEqual(Self.purge), let scheduler = headers.scheduler, Subject.isValidPublish(scheduler),
      !scheduler.elementsEqual(draft.subject)
    else { throw .refused(.messageSchedulesSchedulerInvalid) }
    if !configuration.allowMessageSchedules { throw .refused(.messageSchedulesDisabled) }
    if removalsInFlight > 0 { throw .wait }
    if let message = inFlight.last(of: scheduler) {
      if !message.isSchedule { throw .refused(.messageSchedulesSchedulerInvalid) }
    } else if case let sequence = try lastSequence(of: scheduler), sequence > 0,
      let message = try? store.load(sequence), !PublishHeaders(message.header).schedule.isGiven
    {
      throw .refused(.messageSchedulesSchedulerInvalid)
    }
    draft.flags.insert(.endsSchedule)
  }

  // MARK: - Keeping count of them

  mutating func noteSchedule(_ put: PutEntry) {
    if put.flags.contains(.isSchedule) {
      if let time = nextTime(PublishHeaders(put.header), after: put.timestamp, now: put.timestamp) {
        schedules.set(Array(put.subject), sequence: put.sequence, time: time)
      }
    } else if !put.header.isEmpty, put.flags.contains(.movesSchedule) || put.flags.contains(.endsSchedule) {
      let headers = PublishHeaders(put.header)
      if put.flags.contains(.movesSchedule), let scheduler = headers.scheduler,
        let next = try? RFC3339.parse(headers.scheduleNext.text)
      {
        schedules.move(Array(scheduler), to: next.unixNanoseconds)
      }
    } else {
      schedules.remove(Array(put.subject))
    }
  }

  private func nextTime(_ headers: PublishHeaders, after time: Int64, now: Int64) -> Int64? {
    let zone = headers.scheduleTimeZone.flatMap { setup.zones.zone(named: String(decoding: $0, as: UTF8.self)) }
    return SchedulePattern(headers.schedule.text, zone: zone)?.next(after: time, now: now)
  }

  /// Removes the schedule that a message ends.
  mutating func endSchedule(_ put: PutEntry, output: inout StreamOutput) throws(StoreError) {
    guard let scheduler = PublishHeaders(put.header).scheduler, !scheduler.isEmpty else { return }
    let subject = Array(scheduler)
    schedules.remove(subject)
    try purge(SubjectFilters(bytes: [subject]), subject, through: put.sequence - 1, output: &output)
  }

  // MARK: - Carrying them out

  /// Turns schedules that are due into messages. At most 1000 a call.
  mutating func runSchedules(now: Int64, output: inout StreamOutput) {
    var left = 1000
    while left > 0, let (subject, schedule) = schedules.popDue(now) {
      left -= 1
      guard let message = try? store.load(schedule.sequence), message.subject.elementsEqual(subject),
        var produced = produce(message, subject, schedule, now: now)
      else {
        schedules.remove(subject)
        continue
      }
      if let source = produced.source, let last = source.withUnsafeBytes({ try? store.lastSequence(of: $0) }),
        let message = try? store.load(last)
      {
        produced.header = Array(message.header)
        produced.payload = Array(message.payload)
      }
      produced.finishHeader(subject)
      if !proposeInternally(
        produced.target, header: produced.header, payload: produced.payload, now: now, output: &output)
      {
        schedules.set(subject, sequence: schedule.sequence, time: now.addingSeconds(1))
      }
    }
  }

  /// What a schedule publishes: nil if it is none (any more).
  private func produce(
    _ message: StoredMessage, _ subject: [UInt8], _ schedule: ScheduleTable.Schedule, now: Int64
  ) -> ScheduledMessage? {
    let headers = PublishHeaders(message.header)
    let zone = headers.scheduleTimeZone.flatMap { setup.zones.zone(named: String(decoding: $0, as: UTF8.self)) }
    guard headers.schedule.isGiven, headers.scheduleTarget.isGiven,
      headers.scheduleTimeZone == nil || zone != nil,
      let pattern = SchedulePattern(headers.schedule.text, zone: zone),
      let next = pattern.next(after: schedule.time, now: now)
    else { return nil }
    var produced = ScheduledMessage(
      target: Array(headers.scheduleTarget!), header: Array(message.header), payload: Array(message.payload))
    produced.source = headers.scheduleSource.flatMap { $0.isEmpty ? nil : Array($0) }
    produced.ttl = headers.scheduleTTL.text
    produced.rollup = headers.scheduleRollup.text
    produced.next = pattern.repeats ? RFC3339.string(Timestamp(unixNanoseconds: next)) : "purge"
    return produced
  }
}

/// A message that a schedule publishes.
private struct ScheduledMessage {
  var target: [UInt8]
  var header: [UInt8]
  var payload: [UInt8]
  var source: [UInt8]?
  var ttl = ""
  var rollup = ""
  var next = ""

  /// Takes out what belongs to the schedule and adds where it comes from (FEATURES 5.080).
  mutating func finishHeader(_ scheduler: [UInt8]) {
    HeaderEditing.remove(prefix: "Nats-Schedule", from: &header)
    HeaderEditing.remove(prefix: "Nats-Expected-", from: &header)
    HeaderEditing.remove("Nats-Msg-Id", from: &header)
    HeaderEditing.remove("Nats-TTL", from: &header)
    HeaderEditing.remove("Nats-Rollup", from: &header)
    HeaderEditing.append("Nats-Scheduler", String(decoding: scheduler, as: UTF8.self), to: &header)
    HeaderEditing.append("Nats-Schedule-Next", next, to: &header)
    if !ttl.isEmpty { HeaderEditing.append("Nats-TTL", ttl, to: &header) }
    if !rollup.isEmpty { HeaderEditing.append("Nats-Rollup", rollup, to: &header) }
  }
}

extension JetStreamError {
  /// Whether a server without schedules answers it as if there were none.
  fileprivate var isAboutSchedulePattern: Bool {
    self == .messageSchedulesPatternInvalid || self == .messageSchedulesTimeZoneInvalid
  }
}
