import Subjects

/// The consumers of a stream, and which of them want a message. Confined to the stream's loop.
struct ConsumerIndex {
  /// Up to so many are asked one by one, which is cheaper than looking them up and takes no memory.
  private static var fewest: Int { 8 }

  /// The newest first: most often, that is who gets a message first from nats-server, too.
  private(set) var all: ContiguousArray<ConsumerRunner> = []
  /// Consumers that wanted other messages before: they may wait for acknowledgements of what they want no more.
  private(set) var changed: ContiguousArray<ConsumerRunner> = []
  private var lookup: ConsumerLookup?

  /// There are so few that each can be asked.
  var isSmall: Bool { lookup == nil }

  mutating func add(_ consumer: ConsumerRunner) {
    all.insert(consumer, at: 0)
    if let lookup {
      lookup.add(consumer)
    } else if all.count > Self.fewest {
      let lookup = ConsumerLookup()
      for consumer in all { lookup.add(consumer) }
      self.lookup = lookup
    }
  }

  mutating func remove(_ consumer: ConsumerRunner) {
    all.removeAll { $0 === consumer }
    changed.removeAll { $0 === consumer }
    lookup?.remove(consumer)
    if all.count <= Self.fewest / 2 { lookup = nil }
  }

  mutating func removeAll() { self = ConsumerIndex() }

  /// It wants other messages now.
  mutating func refilter(_ consumer: ConsumerRunner) {
    if let lookup {
      lookup.remove(consumer)
      lookup.add(consumer)
    }
    if !changed.contains(where: { $0 === consumer }) { changed.append(consumer) }
  }

  /// Calls `body` with every consumer that wants messages on this subject. It must not add or remove any.
  @inline(__always)
  func forEach(wanting subject: UnsafeRawBufferPointer, _ body: (ConsumerRunner) -> Void) {
    if let lookup {
      lookup.forEach(wanting: subject, body)
    } else {
      for consumer in all where consumer.matches(subject) { body(consumer) }
    }
  }

  /// Whether any consumer wants messages on this subject.
  func contains(wanting subject: UnsafeRawBufferPointer) -> Bool {
    lookup?.contains(wanting: subject) ?? all.contains { $0.matches(subject) }
  }
}

/// Many consumers by the subjects that they want.
private final class ConsumerLookup {
  private let records = SubscriptionRecords()
  private let index: SubscriptionIndex
  private var result = MatchResult()
  private var subscriptions: [UInt64: [UnsafeMutablePointer<Subscription>]] = [:]
  /// Numbers the calls of `forEach`, so that a consumer is found once, whichever of its filters match.
  private var calls: UInt64 = 0
  private var isBusy = false

  init() { index = SubscriptionIndex(records: records) }

  deinit {
    for list in subscriptions.values { release(list) }
    result.destroy()
  }

  func add(_ consumer: ConsumerRunner) {
    assert(!isBusy)
    let owner = Unmanaged.passUnretained(consumer).toOpaque()
    let filters = consumer.isFiltered ? consumer.machine.filters : [">"]
    // No message has a subject that a filter with an empty token wants.
    subscriptions[consumer.number] = filters.compactMap { filter in
      filter.withBytes { index.insert(subject: $0, queue: .empty, sid: .empty, owner: owner) }
    }
  }

  func remove(_ consumer: ConsumerRunner) {
    assert(!isBusy)
    if let list = subscriptions.removeValue(forKey: consumer.number) { release(list) }
  }

  private func release(_ list: [UnsafeMutablePointer<Subscription>]) {
    for subscription in list {
      index.remove(subscription)
      records.release(subscription)
    }
  }

  func forEach(wanting subject: UnsafeRawBufferPointer, _ body: (ConsumerRunner) -> Void) {
    // What a consumer publishes may come back to this very stream.
    let isNested = isBusy
    var found = isNested ? MatchResult() : result
    isBusy = true
    calls += 1
    let call = calls
    index.match(subject, into: &found)
    for place in 0..<found.plainCount {
      let consumer = Unmanaged<ConsumerRunner>.fromOpaque(found.plain[place].pointee.owner!).takeUnretainedValue()
      if consumer.lookedUp == call { continue }
      consumer.lookedUp = call
      body(consumer)
    }
    if isNested {
      found.destroy()
    } else {
      result = found
      isBusy = false
    }
  }

  func contains(wanting subject: UnsafeRawBufferPointer) -> Bool { index.hasInterest(subject) }
}
