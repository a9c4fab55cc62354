/// The rules of following one kind of objects: list in pages, watch from there, begin anew when the server has
/// forgotten the version. Value without I/O and clock: results go in, actions come out.
struct Reflector: Sendable {
  enum Mode: Sendable, Equatable {
    case watch
    /// Lists again and again, without a connection in between.
    case poll(everyNanoseconds: Int64)
  }

  enum Action: Sendable, Equatable {
    /// An empty continuation begins a new list.
    case list(limit: Int, continuation: String)
    /// The list is whole: what it did not name is gone.
    case replaced
    case watch(after: String, seconds: Int)
    /// Call `timerFired` after that time.
    case wait(nanoseconds: Int64)
    /// Something fails; it goes on by itself.
    case report(KubernetesError)
  }

  private enum State {
    case stopped
    case listing(limit: Int, continuation: String)
    case watching(opened: Bool)
    /// - Parameter isForServer: the server could not be reached.
    case waiting(next: Next, isForServer: Bool)
  }

  private enum Next {
    case list(limit: Int, continuation: String)
    case watch
  }

  /// A watch that lasted so long was a good one, and the next may follow at once.
  private static let goodWatchNanoseconds: Int64 = 5_000_000_000
  /// Lists in a row whose later pages were gone, before everything is asked for in one answer.
  private static let mostExpiredLists = 2

  private let mode: Mode
  private var state = State.stopped
  private var resourceVersion = ""
  private var pageLimit = KubernetesLimits.pageObjects
  private var expiredLists = 0
  private var backoff = Backoff(first: 800_000_000, most: 10_000_000_000, factor: 2, jitter: 0.5)
  private var watchBegan: Int64 = 0
  private var listEnded: Int64?

  init(mode: Mode = .watch) {
    self.mode = mode
  }

  mutating func start() -> [Action] {
    beginList()
  }

  /// A page arrived whole; its objects were taken already. - Parameter now: monotonic nanoseconds.
  mutating func listed(_ page: ListPage, now: Int64, random: Double) -> [Action] {
    guard case .listing(let limit, _) = state else { return [] }
    if !page.continuation.isEmpty {
      state = .listing(limit: limit, continuation: page.continuation)
      return [.list(limit: limit, continuation: page.continuation)]
    }
    expiredLists = 0
    listEnded = now
    pageLimit = KubernetesLimits.pageObjects
    if case .poll(let interval) = mode {
      backoff.reset()
      state = .waiting(next: .list(limit: pageLimit, continuation: ""), isForServer: false)
      return [.replaced, .wait(nanoseconds: interval + Int64(Double(interval) * 0.1 * random))]
    }
    guard !page.resourceVersion.isEmpty else {
      return [.replaced]
        + wait(.list(limit: pageLimit, continuation: ""), .malformed("a list without a version"), random)
    }
    resourceVersion = page.resourceVersion
    return [.replaced] + beginWatch(now: now, random: random)
  }

  mutating func listFailed(_ error: KubernetesError, random: Double) -> [Action] {
    guard case .listing(let limit, let continuation) = state else { return [] }
    switch error {
    case .tooLarge where limit != 1:
      pageLimit = limit == 0 ? KubernetesLimits.pageObjects : max(1, limit / 2)
      // The page again, smaller: the place to continue is not bound to a size.
      state = .listing(limit: pageLimit, continuation: continuation)
      return [.list(limit: pageLimit, continuation: continuation)]
    case _ where error.isExpired:
      expiredLists += 1
      let next = expiredLists > Self.mostExpiredLists ? 0 : pageLimit
      return wait(.list(limit: next, continuation: ""), error, random)
    case .status(let status) where status.code != 429 && status.code < 500:
      return wait(.list(limit: pageLimit, continuation: ""), error, random)
    default:
      return wait(.list(limit: limit, continuation: continuation), error, random)
    }
  }

  mutating func watchOpened() {
    if case .watching = state { state = .watching(opened: true) }
  }

  /// An event or a bookmark arrived; the watch would go on from this version.
  mutating func watched(resourceVersion version: String) {
    guard case .watching = state, !version.isEmpty else { return }
    resourceVersion = version
    backoff.reset()
  }

  /// - Parameter error: nil when the server ended the watch as planned.
  mutating func watchEnded(_ error: KubernetesError?, now: Int64, random: Double) -> [Action] {
    guard case .watching(let opened) = state else { return [] }
    let wasGood = opened && now - watchBegan >= Self.goodWatchNanoseconds
    if wasGood { backoff.reset() }
    guard let error else {
      // Servers that end watches at once are not asked again at once.
      return wasGood ? beginWatch(now: now, random: random) : wait(.watch, nil, random)
    }
    if error.isExpired {
      // Not a failure: the server keeps some minutes of history. But not list after list.
      let isOld = listEnded.map { now - $0 >= Self.goodWatchNanoseconds } ?? true
      return isOld ? beginList() : wait(.list(limit: pageLimit, continuation: ""), nil, random)
    }
    switch error {
    case .status(let status) where status.code != 429 && status.code < 500:
      return wait(.list(limit: pageLimit, continuation: ""), error, random)
    case .malformed, .tooLarge:
      return wait(.list(limit: pageLimit, continuation: ""), error, random)
    default:
      return wait(.watch, error, random)
    }
  }

  mutating func timerFired(now: Int64, random: Double) -> [Action] {
    guard case .waiting(let next, _) = state else { return [] }
    switch next {
    case .watch: return beginWatch(now: now, random: random)
    case .list(let limit, let continuation):
      state = .listing(limit: limit, continuation: continuation)
      return [.list(limit: limit, continuation: continuation)]
    }
  }

  /// Others get through to it again.
  mutating func serverReturned(now: Int64, random: Double) -> [Action] {
    guard case .waiting(_, isForServer: true) = state else { return [] }
    // A server that has just started may need some moments more.
    backoff.reset()
    return timerFired(now: now, random: random)
  }

  mutating func stop() {
    state = .stopped
  }

  private mutating func beginList() -> [Action] {
    state = .listing(limit: pageLimit, continuation: "")
    return [.list(limit: pageLimit, continuation: "")]
  }

  private mutating func beginWatch(now: Int64, random: Double) -> [Action] {
    state = .watching(opened: false)
    watchBegan = now
    // Not all watches of all clients end together.
    return [.watch(after: resourceVersion, seconds: 300 + Int(300 * random))]
  }

  private mutating func wait(_ next: Next, _ error: KubernetesError?, _ random: Double) -> [Action] {
    switch error {
    case .unreachable, .interrupted: state = .waiting(next: next, isForServer: true)
    default: state = .waiting(next: next, isForServer: false)
    }
    var wait = backoff.wait(random: random)
    if let asked = error?.status?.retryAfterSeconds { wait = max(wait, min(asked, 3600) * 1_000_000_000) }
    return (error.map { [.report($0)] } ?? []) + [.wait(nanoseconds: wait)]
  }
}
