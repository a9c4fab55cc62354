// Creating and changing streams: what nats-server checks, in its order (FEATURES 5.038, 5.099, 7.002, 7.003).

import Subjects

/// What is to be done about a request to create a stream.
public enum StreamCreation: Equatable, Sendable {
  /// Make it with this configuration.
  case create(StreamConfiguration)
  /// It exists as asked for.
  case exists(StreamConfiguration)
}

extension StreamConfigurationRequest {
  /// Checks a STREAM.CREATE for the stream that the request's subject names.
  public func creation(
    of name: String, in surroundings: StreamSurroundings
  ) throws(JetStreamError) -> StreamCreation {
    if name != configuration.name { throw .streamMismatch }
    if AssetName.hasPathSeparator(name) { throw .streamNameContainsPathSeparators }
    if configuration.isSealed { throw .invalid("stream configuration for create can not be sealed") }
    if configuration.mirrorDirect, configuration.mirror == nil {
      throw .invalid("stream has no mirror but does have mirror direct")
    }
    guard let limits = surroundings.limits else { throw .noLimits }
    if limits.maximumStreams > 0, surroundings.streamCount >= limits.maximumStreams { throw .maximumStreamsLimit }
    try configuration.checkLimits(in: surroundings, withBytes: namesStorage)

    let complete = try configuration.withStoredMetadata().validated(isPedantic: isPedantic, in: surroundings)
    if surroundings.isSingleServer, complete.replicas > 1 { throw .streamReplicasNotSupported }
    if let existing = surroundings.stream(name) {
      var wanted = complete
      wanted.metadata[AssetMetadata.requiredLevelKey] = existing.metadata[AssetMetadata.requiredLevelKey]
      if wanted != existing { throw .streamNameExist }
      return .exists(existing)
    }
    try complete.checkLimits(in: surroundings)
    try complete.checkFilters()
    if surroundings.overlaps(complete.subjects, name) { throw .streamSubjectOverlap }
    return .create(complete)
  }

  /// Checks a STREAM.UPDATE and returns the new configuration.
  ///
  /// - Parameter violatedConsumers: names of consumers that exceed these limits (FEATURES 5.029).
  public func update(
    of name: String, in surroundings: StreamSurroundings,
    violatedConsumers: (StreamConsumerLimits) -> [String] = { _ in [] }
  ) throws(JetStreamError) -> StreamConfiguration {
    let complete = try configuration.validated(isPedantic: isPedantic, in: surroundings)
    if name != complete.name { throw .streamMismatch }
    guard let old = surroundings.stream(name) else { throw .streamNotFound }
    let new = try complete.withStoredMetadata().replacing(old, isPedantic: isPedantic, in: surroundings)
    let limits = new.consumerLimits
    let isNew =
      limits.inactiveThreshold > 0 && limits.inactiveThreshold != old.consumerLimits.inactiveThreshold
      || limits.maximumAcknowledgementsPending > 0
        && limits.maximumAcknowledgementsPending != old.consumerLimits.maximumAcknowledgementsPending
    if isNew {
      let names = violatedConsumers(limits)
      if !names.isEmpty {
        throw .streamUpdate("change to limits violates consumers: \(names.joined(separator: ", "))")
      }
    }
    if surroundings.overlaps(new.subjects, name) { throw .streamSubjectOverlap }
    return new
  }
}

extension StreamConfiguration {
  /// The configuration that takes the place of `old`.
  func replacing(
    _ old: StreamConfiguration, isPedantic: Bool, in surroundings: StreamSurroundings
  ) throws(JetStreamError) -> StreamConfiguration {
    var result = try validated(isPedantic: isPedantic, in: surroundings)
    try result.checkChange(from: old, isSingleServer: surroundings.isSingleServer)
    if result.isSealed {
      result.maximumAge = 0
      result.discard = .new
      result.denyDelete = true
      result.denyPurge = true
      result.allowRollup = false
    }
    // Only what is added must still fit; the account's reservation counts the new size as a whole.
    let added = max(0, max(result.maximumBytes, 0) - max(old.maximumBytes, 0))
    var reserved = surroundings
    reserved.accountReserved[result.storage] += max(0, result.maximumBytes - added) * Int64(max(1, result.replicas))
    var difference = result
    difference.maximumBytes = added
    guard surroundings.limits != nil else { throw .noLimits }
    try difference.checkLimits(in: reserved)
    return result
  }

  private func checkChange(from old: StreamConfiguration, isSingleServer: Bool) throws(JetStreamError) {
    if name != old.name { throw .invalid("stream configuration name must match original") }
    if isSingleServer, replicas > 1 { throw .streamReplicasNotSupported }
    if storage != old.storage { throw .invalid("stream configuration update can not change storage type") }
    if retention != old.retention, old.retention == .workQueue || retention == .workQueue {
      throw .invalid("stream configuration update can not change retention policy to/from workqueue")
    }
    if !isSealed, old.isSealed { throw .invalid("stream configuration update can not unseal a sealed stream") }
    if !denyDelete, old.denyDelete {
      throw .invalid("stream configuration update can not cancel deny message deletes")
    }
    if !denyPurge, old.denyPurge { throw .invalid("stream configuration update can not cancel deny purge") }
    if mirror != nil, mirror != old.mirror { throw .streamMirrorNotUpdatable }
    try checkDiscardNewPerSubject()
    if old.allowMessageTTL, !allowMessageTTL { throw .invalid("message TTL status can not be disabled") }
    if allowMessageCounter != old.allowMessageCounter {
      throw .invalid("stream configuration update can not change message counter setting")
    }
    if old.allowMessageSchedules, !allowMessageSchedules {
      throw .invalid("message schedules can not be disabled")
    }
    if old.persistMode != persistMode {
      throw .invalid("stream configuration update can not change persist mode")
    }
  }

  /// Whether the account and the server have room for it.
  func checkLimits(in surroundings: StreamSurroundings, withBytes: Bool = true) throws(JetStreamError) {
    guard let limits = surroundings.limits else { throw .noLimits }
    if maximumConsumers > 0, limits.maximumConsumers > 0, maximumConsumers > limits.maximumConsumers {
      throw .maximumConsumersLimit
    }
    guard withBytes else { return }
    let serverBytes = maximumBytes < 0 ? 1 : maximumBytes
    let (product, overflow) = serverBytes.multipliedReportingOverflow(by: Int64(max(1, replicas)))
    let accountBytes = overflow ? Int64.max : product
    let reserved = surroundings.accountReserved[storage]
    let accountMaximum = limits.maximum(storage)
    let exceedsAccount = accountMaximum >= 0 && (reserved > accountMaximum || accountBytes > accountMaximum - reserved)
    let serverReserved = surroundings.serverReserved[storage]
    let serverMaximum = surroundings.serverMaximum[storage]
    if exceedsAccount || serverReserved > serverMaximum || serverBytes > serverMaximum - serverReserved {
      throw storage == .memory ? .memoryResourcesExceeded : .storageResourcesExceeded
    }
  }

  /// Filters that only the making of the stream looks at.
  func checkFilters() throws(JetStreamError) {
    if let mirror {
      if let filter = mirror.invalidFilter {
        throw .streamCreate("subject filter '\(filter)' for the mirror invalid subject")
      }
      for transform in mirror.subjectTransforms {
        if let problem = transform.transformProblem {
          throw .streamCreate(
            "subject transform from '\(transform.source)' to '\(transform.destination)' for the mirror: \(problem)")
        }
      }
    }
    for source in sources {
      if let filter = source.invalidFilter {
        throw .streamCreate("subject filter '\(filter)' for the source: invalid subject")
      }
      for transform in source.subjectTransforms {
        if let problem = transform.transformProblem {
          throw .streamCreate(
            "subject transform from '\(transform.source)' to '\(transform.destination)' for the source: \(problem)")
        }
      }
    }
  }
}

extension StreamSource {
  fileprivate var invalidFilter: String? {
    subjectTransforms.isEmpty && !filterSubject.isEmpty && !Subject.isValid(filterSubject) ? filterSubject : nil
  }
}

extension SubjectTransformConfiguration {
  fileprivate var transformProblem: String? {
    if destination.isEmpty { return nil }
    do throws(SubjectTransformError) {
      _ = try SubjectTransform(source: source, destination: destination)
      return nil
    } catch {
      return error.description
    }
  }
}
