/// Links by what they connect to. One that nobody uses any more stays for a moment. FEATURES 13.018.
///
/// Invariant: used on the engine's loop only.
final class ConnectionPool: @unchecked Sendable {
  /// How long a link outlives its last use.
  static let lingerNanoseconds: Int64 = 15_000_000_000

  enum State: Equatable {
    case connecting
    case connected(serverVersion: String)
    case failed(String)
  }

  private final class Entry: @unchecked Sendable {
    var link: (any ServerLink)?
    var state = State.connecting
    var users = 0
    var cancelClosing: (@Sendable () -> Void)?
  }

  private let environment: any EngineEnvironment
  private let changed: @Sendable (ResolvedConnection, LinkEvent) -> Void
  private var entries: [ResolvedConnection: Entry] = [:]

  init(
    environment: any EngineEnvironment, changed: @escaping @Sendable (ResolvedConnection, LinkEvent) -> Void
  ) {
    self.environment = environment
    self.changed = changed
  }

  var count: Int { entries.count }

  var connectedCount: Int {
    entries.values.count { if case .connected = $0.state { true } else { false } }
  }

  /// The link of a connection that is in use.
  func link(_ connection: ResolvedConnection) -> (any ServerLink)? { entries[connection]?.link }

  /// Begins to use a connection; the answer is its state now, changes follow.
  func use(_ connection: ResolvedConnection) -> State {
    let entry = entries[connection] ?? Entry()
    entries[connection] = entry
    entry.users += 1
    entry.cancelClosing?()
    entry.cancelClosing = nil
    if entry.link == nil {
      environment.log(.debug, "Connecting to \(connection.title)")
      entry.link = environment.openLink(connection) { [weak self, weak entry] event in
        guard let self, let entry, self.entries[connection] === entry else { return }
        switch event {
        case .connected(let version): entry.state = .connected(serverVersion: version)
        case .failed(let text), .disconnected(let text): entry.state = .failed(text)
        }
        self.changed(connection, event)
      }
    }
    return entry.state
  }

  func release(_ connection: ResolvedConnection) {
    guard let entry = entries[connection], entry.users > 0 else { return }
    entry.users -= 1
    guard entry.users == 0 else { return }
    entry.cancelClosing = environment.schedule(afterNanoseconds: Self.lingerNanoseconds) { [weak self] in
      self?.close(connection)
    }
  }

  private func close(_ connection: ResolvedConnection) {
    guard let entry = entries[connection], entry.users == 0 else { return }
    entries[connection] = nil
    entry.link?.close()
    environment.log(.debug, "Disconnected from \(connection.title), which nothing needs any more")
  }

  func closeAll() {
    for entry in entries.values {
      entry.cancelClosing?()
      entry.link?.close()
    }
    entries = [:]
  }
}
