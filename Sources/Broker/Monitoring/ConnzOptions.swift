import HTTP
import JSON

/// What a request for connections asks for (FEATURES 11.007).
struct ConnzOptions: Sendable {
  static let defaultLimit = 1024

  enum State: Int, Sendable {
    case open = 0
    case closed = 1
    case all = 2
  }

  var sort = ""
  var showsUser = false
  var listing = SubscriptionListing.none
  var offset = 0
  var limit = 0
  /// 0: all.
  var connection: UInt64 = 0
  var mqttClient = ""
  var state = State.open
  var user = ""
  var account = ""
  var filterSubject = ""

  init() {}

  init(_ query: HTTPQuery) throws(QueryProblem) {
    sort = query["sort"]
    showsUser = try query.flag("auth")
    listing = try query.listing()
    offset = try query.integer("offset")
    limit = try query.integer("limit")
    connection = try query.unsigned("cid")
    switch query["state"].lowercased() {
    case "", "open": state = .open
    case "closed": state = .closed
    case "any", "all": state = .all
    default: throw QueryProblem(description: "Error decoding state for \(query["state"])")
    }
    user = query["user"]
    account = query["acc"]
    mqttClient = query["mqtt_client"]
  }

  /// Fills in what was left out. Throws what does not go together.
  func checked() throws(MonitoringError) -> CheckedConnzOptions {
    guard let order = ConnectionOrder(name: sort) else {
      throw MonitoringError("invalid sorting option: \(sort)")
    }
    if order == .stop, state != .closed {
      throw MonitoringError("sort by stop only valid on closed connections")
    }
    if order == .reason, state != .closed {
      throw MonitoringError("sort by reason only valid on closed connections")
    }
    let filters = !filterSubject.isEmpty && filterSubject != ">"
    if filters, account.isEmpty {
      throw MonitoringError("filter by subject only valid with account filtering")
    }
    return CheckedConnzOptions(
      options: self, order: order, offset: max(0, offset),
      limit: connection > 0 ? 1 : limit <= 0 ? Self.defaultLimit : limit, filter: filters ? filterSubject : "")
  }
}

/// Options that make sense, with their defaults.
struct CheckedConnzOptions: Sendable {
  let options: ConnzOptions
  let order: ConnectionOrder
  let offset: Int
  let limit: Int
  /// Only connections with a subscription that can receive some message of this subject; empty: all.
  let filter: String
}

/// Why a request cannot be answered: the text of the 400, or of the error in a system answer.
struct MonitoringError: Error, Sendable, Equatable, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
