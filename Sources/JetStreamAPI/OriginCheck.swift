import Subjects

/// Checks where a stream copies from: mirror, sources, ways to other accounts, cycles (FEATURES 5.049 to 5.051).
struct OriginCheck {
  let surroundings: StreamSurroundings
  let isPedantic: Bool
  private var originSubjects: [String] = []
  private var deliverPrefixes: [String] = []
  private var apiPrefixes: [String] = []

  init(surroundings: StreamSurroundings, isPedantic: Bool) {
    self.surroundings = surroundings
    self.isPedantic = isPedantic
  }

  mutating func check(_ configuration: inout StreamConfiguration) throws(JetStreamError) {
    if let mirror = configuration.mirror {
      try checkMirror(mirror, of: configuration)
      try checkMirrorOrigin(mirror, of: &configuration)
    }
    if !configuration.sources.isEmpty, configuration.allowMessageSchedules { throw .sourceWithMsgSchedules }
    try checkSources(of: configuration)
    try checkPrefixes()
    try checkCycles(of: configuration)
  }

  // MARK: - Mirror

  private func checkMirror(_ mirror: StreamSource, of configuration: StreamConfiguration) throws(JetStreamError) {
    if configuration.firstSequence > 0 { throw .mirrorWithFirstSeq }
    if !configuration.subjects.isEmpty { throw .mirrorWithSubjects }
    if !configuration.sources.isEmpty { throw .mirrorWithSources }
    if configuration.allowMessageCounter { throw .mirrorWithCounters }
    if configuration.allowAtomicPublish { throw .mirrorWithAtomicPublish }
    if configuration.allowBatchPublish { throw .mirrorWithBatchPublish }
    if configuration.allowMessageSchedules { throw .mirrorWithMsgSchedules }
    if !mirror.hasValidConsumer { throw .mirrorDurableConsumerCfgInvalid }
    if !mirror.filterSubject.isEmpty, !mirror.subjectTransforms.isEmpty { throw .mirrorMultipleFiltersNotAllowed }
    if configuration.subjectDeleteMarkerTTL > 0 { throw .invalid("subject delete markers forbidden on mirrors") }
    for (index, transform) in mirror.subjectTransforms.enumerated() {
      if !transform.hasValidSource { throw .mirrorInvalidSubjectFilter("invalid subject \(transform.source)") }
      if let problem = transform.problem { throw .mirrorInvalidTransformDestination(problem) }
      for (other, otherTransform) in mirror.subjectTransforms.enumerated()
      where other != index && Subject.collide(transform.source, otherTransform.source) {
        throw .mirrorOverlappingSubjectFilters
      }
    }
  }

  private mutating func checkMirrorOrigin(
    _ mirror: StreamSource, of configuration: inout StreamConfiguration
  ) throws(JetStreamError) {
    if let external = mirror.external {
      note(external)
      return
    }
    if !AssetName.isValid(mirror.name) { throw .mirrorInvalidStreamName }
    guard let origin = surroundings.stream(mirror.name) else { return }
    originSubjects += origin.subjects
    if configuration.maximumMessageSize > 0, origin.maximumMessageSize > 0,
      configuration.maximumMessageSize < origin.maximumMessageSize
    {
      throw .mirrorMaxMessageSizeTooBig
    }
    if isPedantic, configuration.mirrorDirect != origin.allowDirect {
      throw .pedantic("origin stream has direct get set, mirror has it disabled")
    }
    configuration.mirrorDirect = origin.allowDirect
  }

  // MARK: - Sources

  private mutating func checkSources(of configuration: StreamConfiguration) throws(JetStreamError) {
    var indexNames: Set<[String]> = []
    var consumerNames: Set<[String]> = []
    for source in configuration.sources {
      if !AssetName.isValid(source.name) { throw .sourceInvalidStreamName }
      if !indexNames.insert(source.index).inserted { throw .sourceDuplicateDetected }
      try checkTransforms(of: source)
      if let consumer = source.consumer {
        if !source.hasValidConsumer { throw .sourceDurableConsumerCfgInvalid }
        let name = [source.name, source.external?.apiPrefix ?? "", source.external == nil ? "" : ":", consumer.name]
        if !consumerNames.insert(name).inserted { throw .sourceDurableConsumerDuplicateDetected }
      }
      if let external = source.external {
        note(external)
      } else if let origin = surroundings.stream(source.name) {
        originSubjects += origin.subjects
        if configuration.maximumMessageSize > 0, origin.maximumMessageSize > 0,
          configuration.maximumMessageSize < origin.maximumMessageSize
        {
          throw .sourceMaxMessageSizeTooBig
        }
      }
    }
  }

  private func checkTransforms(of source: StreamSource) throws(JetStreamError) {
    if !source.filterSubject.isEmpty, !source.subjectTransforms.isEmpty { throw .sourceMultipleFiltersNotAllowed }
    for transform in source.subjectTransforms {
      if !transform.hasValidSource { throw .sourceInvalidSubjectFilter("invalid subject \(transform.source)") }
      if let problem = transform.problem { throw .sourceInvalidTransformDestination(problem) }
    }
    for (index, transform) in source.subjectTransforms.enumerated() {
      for (other, otherTransform) in source.subjectTransforms.enumerated()
      where other != index && Subject.isSubset(transform.source, of: otherTransform.source) {
        throw .sourceOverlappingSubjectFilters
      }
    }
  }

  // MARK: - Ways to other accounts

  private mutating func note(_ external: ExternalStream) {
    if !external.deliverPrefix.isEmpty { deliverPrefixes.append(external.deliverPrefix) }
    if !external.apiPrefix.isEmpty { apiPrefixes.append(external.apiPrefix) }
  }

  private func checkPrefixes() throws(JetStreamError) {
    for prefix in deliverPrefixes {
      if !Subject.isValidPublish(prefix) { throw .streamInvalidExternalDeliverySubj(prefix) }
      for subject in originSubjects where Subject.collide(subject, "\(prefix).\(subject)") {
        throw .streamExternalDelPrefixOverlaps(prefix, subject)
      }
    }
    for prefix in apiPrefixes {
      if !Subject.isValidPublish(prefix) {
        throw .invalid("stream external api prefix \"\(prefix)\" must be a valid subject without wildcards")
      }
      if Subject.collide(prefix, "$JS.API") { throw .streamExternalApiOverlap(prefix, "$JS.API") }
    }
  }

  // MARK: - Cycles

  /// Follows the streams that this one copies from, breadth first.
  private func checkCycles(of configuration: StreamConfiguration) throws(JetStreamError) {
    var toVisit = [configuration]
    var visited: Set<String> = []
    var next = 0
    while next < toVisit.count {
      let stream = toVisit[next]
      next += 1
      visited.insert(stream.name)
      for source in stream.sources where source.external == nil {
        if visited.contains(source.name) {
          if Self.overlaps(stream.subjects, source.filterSubject) { throw .invalid("detected cycle") }
        } else if let origin = surroundings.stream(source.name) {
          toVisit.append(origin)
        }
      }
      guard let mirror = stream.mirror, mirror.external == nil else { continue }
      if visited.contains(mirror.name) { throw .invalid("detected cycle") }
      if let origin = surroundings.stream(mirror.name) { toVisit.append(origin) }
    }
  }

  private static func overlaps(_ subjects: [String], _ filter: String) -> Bool {
    filter.isEmpty || subjects.contains { Subject.collide($0, filter) }
  }
}

extension SubjectTransformConfiguration {
  var hasValidSource: Bool { source.isEmpty || Subject.isValid(source) }

  /// Why it is no transform.
  var problem: String? {
    do throws(SubjectTransformError) {
      try SubjectTransform.validateMapping(source: source, destination: destination)
      return nil
    } catch {
      return error.description
    }
  }
}

extension StreamSource {
  /// What tells sources of one stream apart.
  var index: [String] {
    var result = [name, external == nil ? "" : ":\(external?.apiPrefix ?? "")"]
    result.append(consumer.map { "C=\($0.name)" } ?? "")
    if subjectTransforms.isEmpty {
      result += [filterSubject.isEmpty ? ">" : filterSubject, ">"]
    } else {
      let all = { (subject: String) in subject.isEmpty ? ">" : subject }
      result.append(subjectTransforms.map { all($0.source) }.joined(separator: "\u{0C}"))
      result.append(subjectTransforms.map { all($0.destination) }.joined(separator: "\u{0C}"))
    }
    return result
  }

  var hasValidConsumer: Bool {
    guard let consumer else { return true }
    return AssetName.isValid(consumer.name) && Subject.isValidPublish(consumer.deliverSubject)
      && startSequence == 0 && startTime == nil && filterSubject.isEmpty
  }
}
