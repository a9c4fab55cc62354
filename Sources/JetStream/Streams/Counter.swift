import JSON
import JetStreamAPI
import MessageStore

/// A counter's newest value that is not applied yet.
struct CounterInFlight {
  var value: String
  /// The value of `Nats-Counter-Sources`, if there is one.
  var sources: String?
  /// What `Nats-Incr` is to say instead of what the source's message says.
  var increment: String?
  var sequence: UInt64 = 0

  func at(_ sequence: UInt64) -> CounterInFlight {
    var result = self
    result.sequence = sequence
    return result
  }
}

/// How counters are written down (FEATURES 5.069).
enum Counter {
  /// The value in a stored message; nil: that is no counter.
  static func value(in payload: UnsafeRawBufferPointer) -> String? {
    var reader = JSONReader(payload)
    var value = ""
    do throws(JSONError) {
      if reader.readNull() { return "" }
      try reader.beginObject()
      while try reader.nextKey() {
        if reader.keyIs("val"), !reader.readNull() { value = try reader.readString() } else { try reader.skipValue() }
      }
      try reader.finish()
    } catch {
      return nil
    }
    return value
  }

  /// `Nats-Counter-Sources` as Go writes it: sorted by name; nil: it is not what it should be.
  static func sources(in header: UnsafeRawBufferPointer) -> String?? {
    guard let field = PublishHeaders(header).counterSources, !field.isEmpty else { return .some(nil) }
    guard let tree = try? JSONValue(parsing: field), case .object(let object) = tree else { return nil }
    var streams: [String: JSONValue] = [:]
    for member in object.members {
      guard case .object(let subjects) = member.value else { return nil }
      var values: [String: JSONValue] = [:]
      for subject in subjects.members {
        guard case .string = subject.value else { return nil }
        values[subject.key] = subject.value
      }
      streams[member.key] = sorted(values)
    }
    return streams.isEmpty ? .some(nil) : String(decoding: sorted(streams).json(), as: UTF8.self)
  }

  /// Sets the value of a source's subject and returns what it was, which is empty for a new one.
  static func replace(_ value: String, of subject: String, from stream: String, in sources: inout String?) -> String {
    var streams: [String: [String: JSONValue]] = [:]
    if let sources, case .object(let object)? = try? JSONValue(parsing: sources) {
      for member in object.members {
        guard case .object(let subjects) = member.value else { continue }
        for subject in subjects.members { streams[member.key, default: [:]][subject.key] = subject.value }
      }
    }
    let previous = streams[stream]?[subject]
    streams[stream, default: [:]][subject] = .string(value)
    sources = String(decoding: sorted(streams.mapValues(sorted)).json(), as: UTF8.self)
    if case .string(let text)? = previous { return text }
    return ""
  }

  private static func sorted(_ members: [String: JSONValue]) -> JSONValue {
    var object = JSONObject()
    for (key, value) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      object.members.append(JSONObject.Member(key: key, value: value))
    }
    return .object(object)
  }
}

extension StreamRules {
  /// What `Nats-Incr` may stand with.
  func checkIncrement(_ headers: PublishHeaders, payload: UnsafeRawBufferPointer) throws(Rejection) {
    guard let increment = headers.increment, !increment.isEmpty else { return }
    if BigInteger(increment) == nil { throw .refused(.messageIncrInvalid) }
    if !configuration.allowMessageCounter { throw .refused(.messageIncrDisabled) }
    if !payload.isEmpty { throw .refused(.messageIncrPayload) }
    let others = [
      headers.rollup, headers.expectedStream, headers.expectedLastMessageID, headers.expectedSubject,
      headers.expectedLastSequence, headers.expectedLastSubjectSequence,
    ]
    if others.contains(where: { $0.isGiven }) { throw .refused(.messageIncrInvalid) }
  }

  /// The new value of the counter that a message increments; nil: it increments none.
  func countUp(_ draft: Draft, _ headers: PublishHeaders) throws(Rejection) -> CounterInFlight? {
    guard configuration.allowMessageCounter, let field = headers.increment, let increment = BigInteger(field) else {
      return nil
    }
    var counter = try counter(of: draft.subject)
    counter.increment = nil
    var change = increment
    if draft.flags.contains(.isSourced) {
      change = try takeOver(draft, headers, in: &counter)
      counter.increment = change.description
    }
    counter.value = ((BigInteger(counter.value) ?? BigInteger()) + change).description
    // {"val":"..."}
    let size = draft.header.count + counter.value.utf8.count + 10
    if size > setup.maximumPayload { throw .refused(.streamMessageExceedsMaximum) }
    return counter
  }

  /// A source's counter stands at the value in its message: what it has grown by since the last one counts here
  /// (FEATURES 5.070).
  private func takeOver(
    _ draft: Draft, _ headers: PublishHeaders, in counter: inout CounterInFlight
  ) throws(Rejection) -> BigInteger {
    guard let field = headers.streamSource, let mark = SourceMark(field), let text = Counter.value(in: draft.payload)
    else { throw .refused(.messageCounterBroken) }
    let value = BigInteger(text) ?? BigInteger()
    let stream = String(decoding: mark.stream, as: UTF8.self)
    let subject = String(decoding: mark.subject ?? draft.subject, as: UTF8.self)
    let previous = Counter.replace(value.description, of: subject, from: stream, in: &counter.sources)
    return value + -(BigInteger(previous) ?? BigInteger())
  }

  private func counter(of subject: UnsafeRawBufferPointer) throws(Rejection) -> CounterInFlight {
    if removalsInFlight > 0 { throw .wait }
    if !inFlight.isEmpty, let counter = counters[Array(subject)] { return counter }
    let sequence = try lastSequence(of: subject)
    guard sequence > 0, let message = try? store.load(sequence) else { return CounterInFlight(value: "0") }
    guard let value = Counter.value(in: message.payload), let sources = Counter.sources(in: message.header) else {
      throw .refused(.messageCounterBroken)
    }
    return CounterInFlight(value: value, sources: sources)
  }
}
