/// How `/connz` sorts (FEATURES 11.007): by number and by start upwards, by what grows downwards.
enum ConnectionOrder: String, Sendable {
  case identifier = "cid"
  case start = "start"
  case subscriptions = "subs"
  case pending = "pending"
  case messagesTo = "msgs_to"
  case messagesFrom = "msgs_from"
  case bytesTo = "bytes_to"
  case bytesFrom = "bytes_from"
  case last = "last"
  case idle = "idle"
  case uptime = "uptime"
  case stop = "stop"
  case reason = "reason"
  case roundTrip = "rtt"

  /// Empty means by number; nil for a name that there is not.
  init?(name: String) {
    guard let order = name.isEmpty ? .identifier : ConnectionOrder(rawValue: name) else { return nil }
    self = order
  }

  /// Sorts in place; equals by number.
  func sort(_ list: inout [ConnectionInfo], now: Int64) {
    switch self {
    case .identifier, .start: list.sort { $0.identifier < $1.identifier }
    case .subscriptions: descending(&list) { Int64($0.subscriptionCount) }
    case .pending: descending(&list) { Int64($0.pendingBytes) }
    case .messagesTo: descending(&list) { Int64(bitPattern: $0.outMessages) }
    case .messagesFrom: descending(&list) { Int64(bitPattern: $0.inMessages) }
    case .bytesTo: descending(&list) { Int64(bitPattern: $0.outBytes) }
    case .bytesFrom: descending(&list) { Int64(bitPattern: $0.inBytes) }
    case .last: descending(&list) { $0.lastActivity }
    case .idle: descending(&list) { -$0.lastActivity }
    case .uptime: descending(&list) { $0.start - ($0.stop ?? now) }
    case .stop: descending(&list) { $0.stop ?? 0 }
    case .reason:
      list.sort {
        let (left, right) = ($0.reason?.rawValue ?? "", $1.reason?.rawValue ?? "")
        return left != right ? left < right : $0.identifier < $1.identifier
      }
    case .roundTrip: descending(&list) { $0.roundTripNanoseconds }
    }
  }

  private func descending(_ list: inout [ConnectionInfo], _ key: (ConnectionInfo) -> Int64) {
    list.sort {
      let (left, right) = (key($0), key($1))
      return left != right ? left > right : $0.identifier < $1.identifier
    }
  }
}
