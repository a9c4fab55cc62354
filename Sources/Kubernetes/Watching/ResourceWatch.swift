import JSON
import Reactor

/// What happened to the objects that are followed.
public enum ResourceChange: Sendable {
  /// The object as it is now; may come again unchanged.
  case changed(ObjectKey, JSONValue)
  case removed(ObjectKey)
  /// Everything that was there at some moment has been told. Comes after every list.
  case synchronized
}

/// Follows the objects of a kind, for as long as it runs, whatever happens to the server.
///
/// Keeps names only; objects are handed out one by one. Functions may be called from any thread; changes come on the
/// client's loop. Invariant: all state belongs to the loop's thread.
public final class ResourceWatch: @unchecked Sendable {
  /// How long a watch may outlast the time it was asked for.
  private static let graceNanoseconds: Int64 = 30_000_000_000

  public let type: ResourceType
  private let client: KubernetesClient
  private let selection: ResourceRequest.Selection
  private let receive: @Sendable (ResourceChange) -> Void
  private let failed: @Sendable (KubernetesError) -> Void
  private var reflector: Reflector
  /// By the list that named them last.
  private var known: [ObjectKey: UInt64] = [:]
  private var list: UInt64 = 0
  private var stream: KubernetesStream?
  private var decoder = WatchDecoder()
  private var timer: TimerToken?
  private var isRunning = false
  /// Answers of requests that were started before are not for us any more.
  private var turn = 0

  /// - Parameters:
  ///   - pollNanoseconds: lists in this interval instead of watching.
  ///   - failed: what fails; it is tried again with growing waits.
  public init(
    client: KubernetesClient, type: ResourceType, selection: ResourceRequest.Selection = .init(),
    pollNanoseconds: Int64? = nil, receive: @escaping @Sendable (ResourceChange) -> Void,
    failed: @escaping @Sendable (KubernetesError) -> Void = { _ in }
  ) {
    self.client = client
    self.type = type
    self.selection = selection
    self.receive = receive
    self.failed = failed
    reflector = Reflector(mode: pollNanoseconds.map { .poll(everyNanoseconds: $0) } ?? .watch)
  }

  public func start() {
    client.onLoop {
      guard !self.isRunning else { return }
      self.isRunning = true
      self.client.whenReturned(self) { [weak self] in
        guard let self, self.isRunning else { return }
        self.perform(self.reflector.serverReturned(now: self.now, random: self.random))
      }
      self.perform(self.reflector.start())
    }
  }

  /// No change is told after this has run on the loop.
  public func stop() {
    client.onLoop {
      self.isRunning = false
      self.client.forget(self)
      self.reflector.stop()
      self.endTurn()
    }
  }

  private var now: Int64 { client.loop.clock.monotonicNanoseconds() }
  private var random: Double { Double.random(in: 0..<1) }

  private func endTurn() {
    turn += 1
    stream?.cancel()
    stream = nil
    if let timer { client.loop.cancel(timer) }
    timer = nil
  }

  private func perform(_ actions: [Reflector.Action]) {
    for action in actions where isRunning {
      switch action {
      case .list(let limit, let continuation): fetch(limit, continuation)
      case .replaced: dropMissing()
      case .watch(let version, let seconds): watch(version, seconds)
      case .wait(let nanoseconds):
        startTimer(nanoseconds) { $0.perform($0.reflector.timerFired(now: $0.now, random: $0.random)) }
      case .report(let error): failed(error)
      }
    }
  }

  private func startTimer(_ nanoseconds: Int64, _ action: @escaping (ResourceWatch) -> Void) {
    if let timer { client.loop.cancel(timer) }
    timer = client.loop.schedule(afterNanoseconds: nanoseconds) { [weak self] in
      guard let self, self.isRunning else { return }
      self.timer = nil
      action(self)
    }
  }

  // MARK: - Lists

  private func fetch(_ limit: Int, _ continuation: String) {
    endTurn()
    if continuation.isEmpty { list += 1 }
    let turn = turn
    client.send(.list(type, selection, limit: limit, continuation: continuation)) { [weak self] result in
      guard let self, self.isRunning, self.turn == turn else { return }
      switch result {
      case .failure(let error): self.perform(self.reflector.listFailed(error, random: self.random))
      case .success(let body): self.take(body)
      }
    }
  }

  private func take(_ body: [UInt8]) {
    do {
      let page = try ListPage(body) { changed($0, inList: true) }
      guard isRunning else { return }
      perform(reflector.listed(page, now: now, random: random))
    } catch {
      perform(reflector.listFailed(.malformed("the API server's list is not JSON: \(error)"), random: random))
    }
  }

  private func dropMissing() {
    for (key, last) in known where last != list {
      known[key] = nil
      if isRunning { receive(.removed(key)) }
    }
    if isRunning { receive(.synchronized) }
  }

  // MARK: - Watches

  private func watch(_ version: String, _ seconds: Int) {
    endTurn()
    decoder = WatchDecoder()
    let turn = turn
    stream = client.stream(.watch(type, selection, after: version, seconds: seconds)) { [weak self] event in
      guard let self, self.isRunning, self.turn == turn else { return }
      switch event {
      case .opened: self.reflector.watchOpened()
      case .body(let bytes): self.take(events: bytes)
      case .ended(let error): self.watchEnded(error)
      }
    }
    startTimer(Int64(seconds) * 1_000_000_000 + Self.graceNanoseconds) {
      $0.watchEnded(.interrupted("the watch did not end in its time"))
    }
  }

  private func take(events bytes: [UInt8]) {
    let turn = turn
    var failure: KubernetesError?
    do throws(WatchDecoder.Problem) {
      try decoder.take(bytes) { event in
        guard isRunning, self.turn == turn, failure == nil else { return }
        switch event {
        case .changed(let object): changed(object, inList: false)
        case .deleted(let object):
          guard let key = Self.key(of: object) else { return }
          known[key] = nil
          receive(.removed(key))
          progress(object)
        case .bookmark(let version): reflector.watched(resourceVersion: version)
        case .error(let status): failure = .status(status)
        }
      }
    } catch {
      failure = error == .tooLarge ? .tooLarge : .malformed("\(error)")
    }
    if let failure, isRunning, self.turn == turn { watchEnded(failure) }
  }

  private func watchEnded(_ error: KubernetesError?) {
    endTurn()
    perform(reflector.watchEnded(error, now: now, random: random))
  }

  private func changed(_ object: JSONValue, inList: Bool) {
    guard isRunning, let key = Self.key(of: object) else { return }
    known[key] = list
    receive(.changed(key, object))
    if !inList { progress(object) }
  }

  private func progress(_ object: JSONValue) {
    reflector.watched(resourceVersion: object["metadata"]?["resourceVersion"]?.string ?? "")
  }

  private static func key(of object: JSONValue) -> ObjectKey? {
    guard let metadata = object["metadata"], let name = metadata["name"]?.string else { return nil }
    return ObjectKey(namespace: metadata["namespace"]?.string ?? "", name: name)
  }
}
