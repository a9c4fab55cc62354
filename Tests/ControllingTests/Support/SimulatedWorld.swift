import Bytes
import JSON
import NATSClient
import Reactor

@testable import Controlling

/// splitmix64.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Time that passes only when told to, servers by URL, delays and their order by a seed.
final class SimulatedWorld: EngineEnvironment, @unchecked Sendable {
  static let second: Int64 = 1_000_000_000

  private struct Event {
    let at: Int64
    let order: UInt64
    let action: () -> Void
  }

  var now: Int64 = 0
  var random: SeededGenerator
  var servers: [String: SimulatedServer] = [:]
  /// Servers that cannot be reached.
  var unreachable: Set<String> = []
  var openedLinks: [ResolvedConnection] = []
  var closedLinks = 0
  var log: [String] = []
  var files: [String: [UInt8]] = [:]
  private var links: [SimulatedLink] = []
  private var events: [UInt64: Event] = [:]
  private var numbers: UInt64 = 0

  init(seed: UInt64) { random = SeededGenerator(state: seed) }

  var wallTime: Timestamp { Timestamp(seconds: 1_780_000_000 + now / Self.second) }

  func chance() -> Double { Double.random(in: 0..<1, using: &random) }

  func schedule(
    afterNanoseconds delay: Int64, _ action: @escaping @Sendable () -> Void
  ) -> @Sendable () -> Void {
    let number = after(delay, action)
    return { self.events[number] = nil }
  }

  @discardableResult
  func after(_ delay: Int64, _ action: @escaping () -> Void) -> UInt64 {
    numbers += 1
    events[numbers] = Event(at: now + max(0, delay), order: random.next(), action: action)
    return numbers
  }

  /// A moment later, in an order of chance.
  func soon(_ action: @escaping () -> Void) {
    after(Int64.random(in: 0..<2_000_000, using: &random), action)
  }

  /// Lets time pass.
  func run(seconds: Double) {
    let end = now + Int64(seconds * Double(Self.second))
    while let (number, event) = events.min(by: { ($0.value.at, $0.value.order) < ($1.value.at, $1.value.order) }),
      event.at <= end
    {
      events[number] = nil
      now = max(now, event.at)
      event.action()
    }
    now = end
  }

  func openLink(
    _ connection: ResolvedConnection, events: @escaping @Sendable (LinkEvent) -> Void
  ) -> any ServerLink {
    openedLinks.append(connection)
    let link = SimulatedLink(self, connection.servers[0], events)
    links.append(link)
    soon { link.dial() }
    return link
  }

  /// Cuts the connections to a server; they come back while it can be reached.
  func cut(_ server: String) {
    for link in links where link.server == server { link.lose() }
  }

  func closed(_ link: SimulatedLink) {
    links.removeAll { $0 === link }
    closedLinks += 1
  }

  func digest(ofFile path: String) -> [UInt8] { files[path] ?? [] }

  func cache(_ secret: SecretIdentity, account: String, key: String, contents: [UInt8]) -> String? {
    let path = "/cache/\(secret.namespace)/\(account)/\(key)"
    files[path] = contents
    return path
  }

  func log(_ level: LogLevel, _ text: String) {
    if level != .debug { log.append("\(level.rawValue) \(text)") }
  }
}

final class SimulatedLink: ServerLink, @unchecked Sendable {
  let server: String
  private let world: SimulatedWorld
  private let events: @Sendable (LinkEvent) -> Void
  private var isConnected = false
  private var isClosed = false
  private var waiting: [UInt64: (Result<JSONValue, JetStreamError>) -> Void] = [:]
  private var numbers: UInt64 = 0

  init(_ world: SimulatedWorld, _ server: String, _ events: @escaping @Sendable (LinkEvent) -> Void) {
    self.world = world
    self.server = server
    self.events = events
  }

  func dial() {
    guard !isClosed, !isConnected else { return }
    guard world.servers[server] != nil, !world.unreachable.contains(server) else {
      events(.failed("\(server): connection refused"))
      world.after(2 * SimulatedWorld.second) { self.dial() }
      return
    }
    isConnected = true
    events(.connected(serverVersion: "2.15.1"))
  }

  func lose() {
    guard isConnected else { return }
    isConnected = false
    let lost = waiting
    waiting = [:]
    for completed in lost.values { completed(.failure(.client(.disconnected))) }
    events(.disconnected("connection lost"))
    world.after(SimulatedWorld.second / 10) { self.dial() }
  }

  func request(
    _ request: Request, completed: @escaping @Sendable (Result<JSONValue, JetStreamError>) -> Void
  ) {
    guard isConnected else { return world.soon { completed(.failure(.client(.disconnected))) } }
    numbers += 1
    let number = numbers
    waiting[number] = completed
    world.soon {
      guard let server = self.world.servers[self.server], self.waiting[number] != nil else { return }
      let answer = server.answer(request.subject, request.body)
      self.world.soon {
        self.waiting.removeValue(forKey: number)?(Self.read(answer))
      }
    }
  }

  private static func read(_ value: JSONValue) -> Result<JSONValue, JetStreamError> {
    guard let error = value["error"] else { return .success(value) }
    return .failure(
      .api(
        APIError(
          code: Int(error["code"]!.int64!), errorCode: Int(error["err_code"]!.int64!),
          description: error["description"]!.string!)))
  }

  func close() {
    isClosed = true
    world.closed(self)
  }
}
