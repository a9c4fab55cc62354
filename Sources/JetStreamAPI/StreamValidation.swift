// What a configuration must satisfy whatever stream is made or changed by it, in the order in which nats-server asks
// (FEATURES 5.1, 5.038 to 5.041), and the defaults that fill it up.

import Bytes
import Subjects

/// Limits of the configuration itself.
public enum StreamConfigurationLimits {
  public static let description = 4 * 1024
  public static let metadata = 128 * 1024
  public static let replicas = 5
  static let shortest: Int64 = 100_000_000
  static let second: Int64 = 1_000_000_000
  static let duplicateWindow: Int64 = 120_000_000_000
}

extension JetStreamError {
  /// 10052 with a reason.
  static func invalid(_ reason: String) -> Self { .streamInvalidConfig(reason) }
}

extension StreamConfiguration {
  /// The configuration with its defaults filled in.
  ///
  /// - Parameter isPedantic: what would be changed silently is refused (FEATURES 5.039, 5.042).
  /// - Throws: the error nats-server answers.
  public func validated(
    isPedantic: Bool = false, in surroundings: StreamSurroundings = StreamSurroundings()
  ) throws(JetStreamError) -> StreamConfiguration {
    var result = self
    try result.checkTexts()
    try result.fillLimits(isPedantic: isPedantic)
    try result.fillDuplicateWindow(isPedantic: isPedantic, limit: surroundings.duplicateWindowLimit)
    try result.checkCombinations()
    try result.fillImplied(isPedantic: isPedantic)
    try result.checkPersistMode()
    var origins = OriginCheck(surroundings: surroundings, isPedantic: isPedantic)
    try origins.check(&result)
    try result.fillSubjects()
    try result.checkStreamBytes(surroundings.limits)
    try result.checkTransform()
    try result.fillRepublish(isPedantic: isPedantic)
    try result.checkPlacement()
    return result
  }

  private func checkTexts() throws(JetStreamError) {
    if !AssetName.isValid(name) {
      throw .invalid("stream name is required and can not contain '.', '*', '>', '\\', '/'")
    }
    if name.utf8.count > AssetName.maximumLength {
      throw .invalid("stream name is too long, maximum allowed is \(AssetName.maximumLength)")
    }
    if description.utf8.count > StreamConfigurationLimits.description {
      throw .invalid("stream description is too long, maximum allowed is \(StreamConfigurationLimits.description)")
    }
    if metadata.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) > StreamConfigurationLimits.metadata {
      throw .invalid("stream metadata exceeds maximum size of \(StreamConfigurationLimits.metadata) bytes")
    }
  }

  private mutating func fillLimits(isPedantic: Bool) throws(JetStreamError) {
    if replicas == 0 { replicas = 1 }
    if replicas > StreamConfigurationLimits.replicas {
      throw .invalid("maximum replicas is \(StreamConfigurationLimits.replicas)")
    }
    if replicas < 0 { throw .replicasCountCannotBeNegative }
    try Self.fillLimit(&maximumMessages, "max_msgs", isPedantic)
    try Self.fillLimit(&maximumMessagesPerSubject, "max_msgs_per_subject", isPedantic)
    try Self.fillLimit(&maximumBytes, "max_bytes", isPedantic)
    try Self.fillLimit(&maximumMessageSize, "max_msg_size", isPedantic)
    try Self.fillLimit(&maximumConsumers, "max_consumers", isPedantic)
    if maximumAge < 0 { throw .invalid("max age can not be negative") }
    if maximumAge != 0, maximumAge < StreamConfigurationLimits.shortest {
      throw .invalid("max age needs to be >= 100ms")
    }
  }

  /// 0 and what is below -1 is "no limit".
  private static func fillLimit<Value: SignedInteger>(
    _ value: inout Value, _ name: StaticString, _ isPedantic: Bool
  ) throws(JetStreamError) {
    if value == 0 {
      value = -1
    } else if value < -1 {
      if isPedantic { throw .pedantic("\(name) must be set to -1") }
      value = -1
    }
  }

  private mutating func fillDuplicateWindow(isPedantic: Bool, limit: Int64) throws(JetStreamError) {
    if duplicateWindow == 0, mirror == nil, sources.isEmpty {
      var window = StreamConfigurationLimits.duplicateWindow
      if limit > 0, window > limit {
        if isPedantic { throw .pedantic("duplicate window limits are higher than current limits") }
        window = limit
      }
      if maximumAge != 0, maximumAge < window {
        if isPedantic { throw .pedantic("duplicate window cannot be bigger than max age") }
        window = maximumAge
      }
      duplicateWindow = window
    }
    if duplicateWindow < 0 { throw .invalid("duplicates window can not be negative") }
    if maximumAge != 0, duplicateWindow > maximumAge {
      throw .invalid("duplicates window can not be larger then max age")
    }
    if limit > 0, duplicateWindow > limit {
      throw .invalid(
        "duplicates window can not be larger then server limit of \(GoDuration.string(nanoseconds: limit))")
    }
    if duplicateWindow > 0, duplicateWindow < StreamConfigurationLimits.shortest {
      throw .invalid("duplicates window needs to be >= 100ms")
    }
  }

  private func checkCombinations() throws(JetStreamError) {
    if denyPurge, allowRollup { throw .invalid("roll-ups require the purge permission") }
    if allowMessageCounter {
      if discard == .new { throw .invalid("counter stream cannot use discard new") }
      if allowMessageTTL { throw .invalid("counter stream cannot use message TTLs") }
      if allowMessageSchedules { throw .invalid("counter stream cannot use message schedules") }
      if retention != .limits { throw .invalid("counter stream can only use limits retention") }
    }
    try checkDiscardNewPerSubject()
  }

  func checkDiscardNewPerSubject() throws(JetStreamError) {
    guard discardNewPerSubject else { return }
    if discard != .new { throw .invalid("discard new per subject requires discard new policy to be set") }
    if maximumMessagesPerSubject <= 0 {
      throw .invalid("discard new per subject requires max msgs per subject > 0")
    }
  }

  /// What delete markers and schedules bring with them.
  private mutating func fillImplied(isPedantic: Bool) throws(JetStreamError) {
    if subjectDeleteMarkerTTL > 0 {
      if subjectDeleteMarkerTTL < StreamConfigurationLimits.second {
        throw .invalid("subject delete marker TTL must be at least 1 second")
      }
      if !allowMessageTTL {
        if isPedantic { throw .invalid("subject delete marker cannot be set if message TTLs are disabled") }
        allowMessageTTL = true
      }
      if !allowRollup, isPedantic {
        throw .invalid("subject delete marker cannot be set if roll-ups are disabled")
      }
      implyRollup()
    } else if subjectDeleteMarkerTTL < 0 {
      throw .invalid("subject delete marker TTL must not be negative")
    }
    if allowMessageSchedules {
      if discard == .new { throw .invalid("message scheduling cannot use discard new") }
      if !allowRollup, isPedantic {
        throw .invalid("message scheduling cannot be set if roll-ups are disabled")
      }
      implyRollup()
    }
  }

  private mutating func implyRollup() {
    guard !allowRollup else { return }
    allowRollup = true
    denyPurge = false
  }

  private func checkPersistMode() throws(JetStreamError) {
    guard persistMode == .async else { return }
    if storage != .file { throw .invalid("async persist mode is only supported on file storage") }
    if replicas > 1 { throw .invalid("async persist mode is not supported on replicated streams") }
    if allowAtomicPublish { throw .invalid("async persist mode is not supported with atomic batch publish") }
  }

  private func checkStreamBytes(_ limits: AccountLimits?) throws(JetStreamError) {
    guard let limits else { return }
    if limits.maximumBytesRequired, maximumBytes <= 0 { throw .streamMaxBytesRequired }
    let maximum = limits.maximumStreamBytes(storage)
    if maximum > 0, maximumBytes > maximum { throw .streamMaxStreamBytesExceeded }
  }

  private func checkTransform() throws(JetStreamError) {
    guard let transform = subjectTransform else { return }
    if !transform.source.isEmpty, !Subject.isValid(transform.source) {
      throw .streamTransformInvalidSource("invalid subject \(transform.source)")
    }
    do {
      try SubjectTransform.validateMapping(source: transform.source, destination: transform.destination)
    } catch {
      throw .streamTransformInvalidDestination(error.description)
    }
  }

  private mutating func fillRepublish(isPedantic: Bool) throws(JetStreamError) {
    guard var republish else { return }
    if republish.source.isEmpty {
      if isPedantic { throw .pedantic("republish source can not be empty") }
      republish.source = ">"
    }
    // Everything to everything follows the stream's own transform, if that is for all its subjects.
    if republish.destination == ">", republish.source == ">", let transform = subjectTransform,
      subjects == [transform.source]
    {
      if isPedantic { throw .pedantic("implicit republish based on subject transform") }
      republish.source = transform.destination
      republish.destination = transform.destination
    }
    if subjects.contains(where: { Subject.collide(republish.destination, $0) }) {
      throw .invalid("stream configuration for republish destination forms a cycle")
    }
    if !republish.destination.isEmpty,
      (try? SubjectTransform(source: republish.source, destination: republish.destination)) == nil
    {
      throw .invalid(
        "stream configuration for republish with transform from '\(republish.source)' to "
          + "'\(republish.destination)' not valid")
    }
    self.republish = republish
  }

  private mutating func checkPlacement() throws(JetStreamError) {
    if placement == Placement() { placement = nil }
    if let placement, !placement.preferred.isEmpty {
      throw .invalid("preferred server not permitted in placement")
    }
  }
}
