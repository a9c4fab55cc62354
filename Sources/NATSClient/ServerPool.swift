/// The servers a client knows, in the order in which it will try them.
struct ServerPool {
  struct Entry {
    var url: ServerURL
    /// Learned from an INFO, and forgotten when a later one does not name it.
    var isLearned = false
    /// In a row.
    var failures = 0
    var lastAttempt: Int64?
    var lastAuthenticationError: ClientError?
  }

  /// Servers learned beyond this number are ignored.
  static let most = 1024

  private(set) var entries: [Entry]
  /// The server of the current connection or attempt; it stands first.
  var current: Entry? { entries.first }

  init(_ urls: [ServerURL]) {
    entries = urls.map { Entry(url: $0) }
  }

  mutating func updateCurrent(_ change: (inout Entry) -> Void) {
    if !entries.isEmpty { change(&entries[0]) }
  }

  /// The current server goes to the end, or away.
  mutating func moveOn(dropping: Bool) {
    guard !entries.isEmpty else { return }
    let entry = entries.removeFirst()
    if !dropping { entries.append(entry) }
  }

  /// Takes the `connect_urls` of an INFO over. New servers come right after the ones that are known.
  mutating func learn(_ addresses: [String]) {
    guard !addresses.isEmpty, let current else { return }
    let named = Set(addresses)
    entries = entries.enumerated().filter { $0 == 0 || !$1.isLearned || named.contains($1.url.address) }.map(\.element)
    var known = Set(entries.map(\.url.address))
    for address in addresses where entries.count < Self.most {
      guard var url = ServerURL(address), known.insert(url.address).inserted else { continue }
      url.isTLS = current.url.isTLS
      url.user = current.url.user
      url.password = current.url.password
      entries.append(Entry(url: url, isLearned: true))
    }
  }
}
