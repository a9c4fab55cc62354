import JSON
import NATSClient
import Reconciliation

/// Finds out what a server has of some assets with as few requests as it takes: lists page by page where that is
/// cheaper, else one INFO each. Pure: gives queries, takes answers.
struct Observation {
  enum Query: Hashable {
    case streamPage(Int64)
    case streamInfo(String)
    case consumerPage(stream: String, Int64)
    case consumerInfo(stream: String, name: String)

    /// Behind the API prefix.
    var subject: String {
      switch self {
      case .streamPage: "STREAM.LIST"
      case .streamInfo(let name): "STREAM.INFO.\(name)"
      case .consumerPage(let stream, _): "CONSUMER.LIST.\(stream)"
      case .consumerInfo(let stream, let name): "CONSUMER.INFO.\(stream).\(name)"
      }
    }

    var body: [UInt8] {
      switch self {
      case .streamPage(let offset), .consumerPage(_, let offset): Array("{\"offset\":\(offset)}".utf8)
      case .streamInfo, .consumerInfo: []
      }
    }
  }

  /// What the server gives at most in one page; used until a page says so itself. FEATURES 7.005, 7.023.
  private static let pageSize: Int64 = 256
  /// A list that changes while it is read is read anew so many times.
  private static let mostRestarts = 3

  private(set) var state = ObservedState()
  /// Assets that exist, or may exist, and why that cannot be told.
  private(set) var unknown: [AssetIdentity: String] = [:]
  /// Why the observation as a whole came to nothing.
  private(set) var failure: JetStreamError?

  private let wantsEverything: Bool
  private let wantedConsumers: [String: Set<String>]
  private var missingStreams: Set<String>
  private var consumerCounts: [String: Int64] = [:]
  private var waiting: [Query] = []
  private var inFlight: Set<Query> = []
  private var streamTotal: Int64?
  private var restarts = 0
  private var consumerTotals: [String: Int64] = [:]
  private var consumerRestarts: [String: Int] = [:]
  private var isListingStreams = false
  private var hasAskedConsumers = false

  /// - Parameters:
  ///   - assets: what is to be known.
  ///   - fresh: streams among them that are asked for by themselves, whatever else is listed.
  ///   - everything: every stream and consumer of the account besides.
  init(_ assets: Set<AssetIdentity>, fresh: Set<String> = [], everything: Bool = false) {
    wantsEverything = everything
    missingStreams = Set(assets.map(\.stream))
    var consumers: [String: Set<String>] = [:]
    for case .consumer(let stream, let name) in assets { consumers[stream, default: []].insert(name) }
    wantedConsumers = consumers
    let listed = missingStreams.subtracting(fresh)
    if everything || listed.count > 2 {
      isListingStreams = true
      waiting.append(.streamPage(0))
      waiting += fresh.sorted().map { .streamInfo($0) }
    } else {
      waiting = missingStreams.sorted().map { .streamInfo($0) }
    }
  }

  var isDone: Bool { failure != nil || (waiting.isEmpty && inFlight.isEmpty && hasAskedConsumers) }

  /// The next request; nil when answers must come first.
  mutating func next() -> Query? {
    guard failure == nil else { return nil }
    askConsumers()
    guard let query = waiting.popLast() else { return nil }
    inFlight.insert(query)
    return query
  }

  mutating func take(_ query: Query, _ answer: Result<JSONValue, JetStreamError>) {
    guard inFlight.remove(query) != nil, failure == nil else { return }
    switch answer {
    case .success(let value): take(query, value)
    case .failure(let error): take(query, error)
    }
    askConsumers()
  }

  // MARK: - Answers

  private mutating func take(_ query: Query, _ value: JSONValue) {
    switch query {
    case .streamInfo(let name):
      missingStreams.remove(name)
      takeStream(value)
    case .consumerInfo(let stream, let name): takeConsumer(value, stream, name)
    case .streamPage(let offset): takeStreamPage(value, offset)
    case .consumerPage(let stream, let offset): takeConsumerPage(value, stream, offset)
    }
  }

  private mutating func takeStream(_ info: JSONValue) {
    guard let configuration = info["config"]?.object, let name = configuration["name"]?.string else { return }
    missingStreams.remove(name)
    unknown[.stream(name)] = nil
    state.configurations[.stream(name)] = configuration
    consumerCounts[name] = info["state"]?["consumer_count"]?.int64 ?? Self.pageSize
  }

  private mutating func takeConsumer(_ info: JSONValue, _ stream: String, _ name: String) {
    guard let configuration = info["config"]?.object else { return }
    state.configurations[.consumer(stream: stream, name: name)] = configuration
  }

  private mutating func takeStreamPage(_ page: JSONValue, _ offset: Int64) {
    guard let total = page["total"]?.int64 else { return failure = .malformed("a list of streams without total") }
    if let before = streamTotal, before != total, restarts < Self.mostRestarts {
      restarts += 1
      streamTotal = nil
      waiting.removeAll { if case .streamPage = $0 { true } else { false } }
      waiting.append(.streamPage(0))
      return
    }
    streamTotal = total
    let items = page["streams"]?.array ?? []
    for item in items { takeStream(item) }
    takeUnknown(page) { .stream($0) }
    let pageSize = max(1, page["limit"]?.int64 ?? Self.pageSize)
    let read = offset + Int64(items.count)
    let missing = missingStreams.filter { unknown[.stream($0)] == nil }
    let pagesLeft = items.isEmpty ? 0 : Self.pages(max(0, total - read), of: pageSize)
    if pagesLeft > 0, wantsEverything || pagesLeft <= missing.count {
      waiting.append(.streamPage(read))
    } else {
      isListingStreams = false
      // In an account of very many streams the few that are wanted are asked for one by one.
      if pagesLeft > 0 { waiting += missing.sorted().map { .streamInfo($0) } }
    }
  }

  private static func pages(_ count: Int64, of size: Int64) -> Int64 {
    count / size + (count % size == 0 ? 0 : 1)
  }

  private mutating func takeConsumerPage(_ page: JSONValue, _ stream: String, _ offset: Int64) {
    guard let total = page["total"]?.int64 else { return failure = .malformed("a list of consumers without total") }
    let items = page["consumers"]?.array ?? []
    if let before = consumerTotals[stream], before != total, consumerRestarts[stream, default: 0] < Self.mostRestarts {
      consumerRestarts[stream, default: 0] += 1
      consumerTotals[stream] = nil
      waiting.append(.consumerPage(stream: stream, 0))
      return
    }
    consumerTotals[stream] = total
    for item in items { if let name = item["name"]?.string { takeConsumer(item, stream, name) } }
    takeUnknown(page) { .consumer(stream: stream, name: $0) }
    let read = offset + Int64(items.count)
    if !items.isEmpty, read < total { waiting.append(.consumerPage(stream: stream, read)) }
  }

  /// Assets whose leader did not answer, and those that this server cannot run.
  private mutating func takeUnknown(_ page: JSONValue, _ identity: (String) -> AssetIdentity) {
    for name in (page["missing"]?.array ?? []).compactMap(\.string) {
      unknown[identity(name)] = "its leader does not answer"
    }
    for member in page["offline"]?.object?.members ?? [] {
      unknown[identity(member.key)] = "it is offline: \(member.value.string ?? "no reason given")"
    }
  }

  private mutating func take(_ query: Query, _ error: JetStreamError) {
    switch (query, error) {
    case (.streamInfo(let name), .api(let answer)) where answer.errorCode == APIError.streamNotFound:
      missingStreams.remove(name)
    case (.consumerInfo, .api(let answer)), (.consumerPage, .api(let answer)):
      guard ![APIError.consumerNotFound, APIError.streamNotFound].contains(answer.errorCode) else { return }
      setUnknown(query, error)
    case (.streamInfo, .api(let answer)) where answer.errorCode != APIError.notEnabled: setUnknown(query, error)
    // One asset without a leader, or with a name that is none, must not hold up the others.
    case (.streamInfo, .client(let reason)), (.consumerInfo, .client(let reason)),
      (.consumerPage, .client(let reason)):
      if reason.concernsOneRequest { setUnknown(query, error) } else { failure = error }
    default: failure = error
    }
  }

  private mutating func setUnknown(_ query: Query, _ error: JetStreamError) {
    switch query {
    case .streamInfo(let name):
      missingStreams.remove(name)
      unknown[.stream(name)] = error.description
    case .consumerInfo(let stream, let name): unknown[.consumer(stream: stream, name: name)] = error.description
    case .consumerPage(let stream, _):
      for name in wantedConsumers[stream] ?? [] {
        unknown[.consumer(stream: stream, name: name)] = error.description
      }
    case .streamPage: break
    }
  }

  // MARK: - Consumers

  /// Once the streams are known, it is known how many consumers each of them has.
  private mutating func askConsumers() {
    guard !hasAskedConsumers, waiting.isEmpty, inFlight.isEmpty, !isListingStreams else { return }
    hasAskedConsumers = true
    for (stream, count) in consumerCounts.sorted(by: { $0.key < $1.key }) where count > 0 {
      let wanted = wantedConsumers[stream] ?? []
      guard wantsEverything || !wanted.isEmpty else { continue }
      if wantsEverything || Self.pages(count, of: Self.pageSize) <= wanted.count {
        waiting.append(.consumerPage(stream: stream, 0))
      } else {
        waiting += wanted.sorted().map { .consumerInfo(stream: stream, name: $0) }
      }
    }
    for stream in wantedConsumers.keys {
      guard let reason = unknown[.stream(stream)] else { continue }
      for name in wantedConsumers[stream] ?? [] { unknown[.consumer(stream: stream, name: name)] = reason }
    }
  }
}

extension ClientError {
  /// Other requests may do better.
  fileprivate var concernsOneRequest: Bool {
    switch self {
    case .timedOut, .invalidSubject: true
    default: false
    }
  }
}

extension APIError {
  /// JetStream is not enabled for the account.
  static let notEnabled = 10039
}
