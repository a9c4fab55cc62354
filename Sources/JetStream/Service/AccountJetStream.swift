import Broker
import CSystem
import Configuration
import JetStreamAPI

/// JetStream of one account: its streams, its limits, what it uses.
///
/// Invariant: `streams`, `limits` and the configurations in the handles are guarded by `lock`; the table is changed on
/// loop 0 only; counts are atomic.
final class AccountJetStream: @unchecked Sendable {
  let account: Account
  let name: String
  let service: JetStreamService
  private let lock: UnsafeMutablePointer<UInt32>
  private let counts: UnsafeMutablePointer<UInt64>
  private var streams: [String: StreamHandle] = [:]
  /// Mirrors that answer direct gets for the streams that they copy, by those streams' names. Guarded by `lock`.
  private var mirrors: [String: [StreamHandle]] = [:]
  private var currentLimits: AccountJetStreamOptions
  /// What hears the account's requests and acknowledgements.
  private var listeners: [InternalSubscriber] = []

  init(_ account: Account, limits: AccountJetStreamOptions, service: JetStreamService) {
    self.account = account
    self.service = service
    currentLimits = limits
    self.name = account.name
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    counts = .allocate(capacity: AccountJetStreamCounts.count)
    counts.initialize(repeating: 0, count: AccountJetStreamCounts.count)
    csys_store64(counts + AccountJetStreamCounts.generation, 1)
    noteMaxima(limits)
  }

  /// For streams of an account that has no JetStream now.
  convenience init(detached name: String, service: JetStreamService) {
    self.init(service.server.placeholderAccount(named: name), limits: AccountJetStreamOptions(), service: service)
  }

  deinit {
    lock.deallocate()
    counts.deallocate()
  }

  func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return try body()
  }

  // MARK: the table

  /// Changes whenever a stream comes or goes. Any thread.
  var generation: UInt64 { csys_load64(counts + AccountJetStreamCounts.generation) }

  /// Any thread.
  func stream(named name: String) -> StreamHandle? { withLock { streams[name] } }

  /// In the order of their names. Any thread.
  var sortedStreams: [StreamHandle] { withLock { streams.values.sorted { $0.name < $1.name } } }

  var streamCount: Int { withLock { streams.count } }

  /// The streams' configurations. Any thread.
  var configurations: [StreamConfiguration] { withLock { streams.values.map(\.configuration) } }

  /// Loop 0.
  func add(_ handle: StreamHandle) {
    withLock { streams[handle.name] = handle }
    csys_add64(counts + AccountJetStreamCounts.generation, 1)
  }

  /// Loop 0.
  func remove(_ handle: StreamHandle) {
    withLock { if streams[handle.name] === handle { streams[handle.name] = nil } }
    csys_add64(counts + AccountJetStreamCounts.generation, 1)
  }

  /// Whether a stream has a consumer of that name. Any thread.
  func hasConsumer(_ name: UnsafeRawBufferPointer?, in handle: StreamHandle) -> Bool {
    guard let name else { return false }
    let text = String(decoding: name, as: UTF8.self)
    return withLock { handle.consumers[text] != nil }
  }

  /// A consumer has come, changed or gone (nil). The stream's loop.
  func noteConsumer(_ name: String, of handle: StreamHandle, _ summary: ConsumerSummary?) {
    withLock { handle.consumers[name] = summary }
  }

  /// Consumers that are beyond new limits of their stream (FEATURES 5.029).
  func consumers(of handle: StreamHandle, violating limits: StreamConsumerLimits) -> [String] {
    withLock { handle.consumers }.filter { _, consumer in
      (limits.maximumAcknowledgementsPending > 0
        && consumer.maximumAcknowledgementsPending > limits.maximumAcknowledgementsPending)
        || (limits.inactiveThreshold > 0 && consumer.inactiveThreshold > limits.inactiveThreshold)
    }.keys.sorted()
  }

  /// Whether somebody hears acknowledgements for a consumer. Any thread.
  func isAcknowledged(_ name: String, in handle: StreamHandle) -> Bool {
    withLock { handle.consumers[name]?.isAcknowledged ?? false }
  }

  var consumerCount: Int { withLock { streams.values.reduce(0) { $0 + $1.consumers.count } } }

  // MARK: interest

  /// A stream has consumers that deliver to a subject of their own: it is told of subscriptions that come and go.
  func watchInterest(for handle: StreamHandle) {
    withLock { handle.watchesInterest = true }
    account.isObserved = true
  }

  /// Somebody subscribes or leaves. Any thread.
  func interestChanged(in subject: [UInt8]) {
    let handles = withLock { streams.values.filter(\.watchesInterest) }
    for handle in handles {
      handle.loop.worker.loop.submit { handle.runner?.interestChanged(in: subject) }
    }
  }

  // MARK: mirrors

  /// A mirror answers direct gets for its origin, or (nil) does not. Any thread.
  func setMirror(_ handle: StreamHandle, of origin: String?) {
    withLock {
      if origin == nil, mirrors.isEmpty { return }
      if let origin, mirrors[origin]?.contains(where: { $0 === handle }) == true { return }
      for (name, handles) in mirrors where handles.contains(where: { $0 === handle }) {
        mirrors[name] = handles.count == 1 ? nil : handles.filter { $0 !== handle }
      }
      if let origin { mirrors[origin, default: []].append(handle) }
      csys_store64(counts + AccountJetStreamCounts.mirrors, UInt64(mirrors.count))
    }
  }

  /// Who answers a direct get of a stream: the stream itself or one of its mirrors, by chance. Any thread.
  ///
  /// - Parameter handle: the stream, if it is there.
  func directGetAnswerer(_ name: UnsafeRawBufferPointer, _ handle: StreamHandle?) -> StreamHandle? {
    let own = handle.flatMap { $0.answersDirectGets ? $0 : nil }
    if csys_load64(counts + AccountJetStreamCounts.mirrors) == 0 { return own }
    let name = String(decoding: name, as: UTF8.self)
    let others = withLock { mirrors[name] } ?? []
    return ((own.map { [$0] } ?? []) + others).randomElement()
  }

  // MARK: limits and use

  var limits: AccountJetStreamOptions {
    get { withLock { currentLimits } }
    set {
      withLock { currentLimits = newValue }
      noteMaxima(newValue)
    }
  }

  private func noteMaxima(_ limits: AccountJetStreamOptions) {
    csys_store64(counts + AccountJetStreamCounts.maximumMemory, limits.maxMemory < 0 ? .max : UInt64(limits.maxMemory))
    csys_store64(counts + AccountJetStreamCounts.maximumStorage, limits.maxStore < 0 ? .max : UInt64(limits.maxStore))
  }

  /// The limits as the API shows them.
  var accountLimits: JetStreamAPI.AccountLimits {
    let limits = self.limits
    var result = JetStreamAPI.AccountLimits()
    result.maximumMemory = limits.maxMemory
    result.maximumStorage = limits.maxStore
    result.maximumStreams = limits.maxStreams
    result.maximumConsumers = limits.maxConsumers
    result.maximumAcknowledgementsPending = limits.maxAckPending
    result.memoryMaximumStreamBytes = limits.memoryMaxStreamBytes
    result.storageMaximumStreamBytes = limits.storeMaxStreamBytes
    result.maximumBytesRequired = limits.maxBytesRequired
    return result
  }

  /// How much more the account may store. Any thread.
  func bytesLeft(inMemory: Bool) -> Int64 {
    let maximum = csys_load64(
      counts + (inMemory ? AccountJetStreamCounts.maximumMemory : AccountJetStreamCounts.maximumStorage))
    return maximum == .max ? .max : Int64(clamping: maximum) - Int64(clamping: inMemory ? memoryUsed : storageUsed)
  }

  /// Bytes that streams in memory hold.
  var memoryUsed: UInt64 { csys_load64(counts + AccountJetStreamCounts.memory) }
  /// Bytes that streams in files hold.
  var storageUsed: UInt64 { csys_load64(counts + AccountJetStreamCounts.storage) }

  /// A stream has grown or shrunk. Any thread.
  func addUse(_ bytes: Int64, inMemory: Bool) {
    let change = UInt64(bitPattern: bytes)
    csys_add64(counts + (inMemory ? AccountJetStreamCounts.memory : AccountJetStreamCounts.storage), change)
    service.addUse(bytes, inMemory: inMemory)
  }

  // MARK: requests

  func countRequest(failed: Bool) {
    csys_add64(counts + AccountJetStreamCounts.requests, 1)
    if failed { csys_add64(counts + AccountJetStreamCounts.errors, 1) }
    service.countRequest(failed: failed)
  }

  var requestCounts: (total: UInt64, errors: UInt64) {
    (csys_load64(counts + AccountJetStreamCounts.requests), csys_load64(counts + AccountJetStreamCounts.errors))
  }

  // MARK: listening

  /// Begins to hear requests and acknowledgements.
  func listen(domain: String) {
    var prefixes = ["$JS.API."]
    if !domain.isEmpty { prefixes.append("$JS.\(domain).API.") }
    for prefix in prefixes {
      hear("\(prefix)>", with: APIListener(self, prefixLength: prefix.utf8.count))
    }
    hear("$JS.ACK.>", with: AcknowledgementListener(self, .acknowledge))
    hear("$JS.FC.>", with: AcknowledgementListener(self, .flowControl))
    account.observe(with: service)
  }

  private func hear(_ subject: String, with listener: InternalSubscriber) {
    listeners.append(listener)
    account.listen(to: Array(subject.utf8), with: listener)
  }

  /// Ends that: the account has no JetStream any more.
  func unlisten() {
    for listener in listeners { account.unlisten(listener, retire: service.server.retire) }
    listeners = []
    account.observe(with: nil)
  }
}

/// The places of the counts.
private enum AccountJetStreamCounts {
  static var generation: Int { 0 }
  static var memory: Int { 1 }
  static var storage: Int { 2 }
  static var requests: Int { 3 }
  static var errors: Int { 4 }
  static var maximumMemory: Int { 5 }
  static var maximumStorage: Int { 6 }
  /// Streams that mirrors answer for.
  static var mirrors: Int { 7 }
  static var count: Int { 8 }
}
