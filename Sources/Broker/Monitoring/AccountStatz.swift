import Bytes
import HTTP
import JSON

/// What a request for account figures asks for (FEATURES 11.013).
struct AccountStatzOptions: Sendable {
  /// Empty: all.
  var accounts: [String] = []
  /// Also accounts without connections.
  var includesUnused = false

  init() {}

  init(_ query: HTTPQuery) throws(QueryProblem) { includesUnused = try query.flag("unused") }
}

/// One account's figures, in `/accstatz` and in the connections event (FEATURES 11.097).
struct AccountStatistics: Sendable, JSONWritable {
  let name: String
  var connections: Int
  let subscriptions: Int
  let traffic: TrafficCounts
  let slowConsumers: UInt64

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeFields(to: &writer)
    writer.endObject()
  }

  /// What clients sent is what the account received.
  func writeFields(to writer: inout JSONWriter) {
    writer.field("acc", name)
    writer.field("name", name)
    writer.field("conns", connections)
    writer.field("leafnodes", 0)
    writer.field("total_conns", connections)
    writer.field("num_subscriptions", subscriptions)
    writer.data("sent", traffic.outMessages, traffic.outBytes, withPeers: true)
    writer.data("received", traffic.inMessages, traffic.inBytes, withPeers: true)
    writer.field("slow_consumers", slowConsumers)
  }
}

/// The answer of `/accstatz`.
struct AccountStatz: Sendable, JSONWritable {
  let serverID: String
  let now: Int64
  let accounts: [AccountStatistics]

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    writer.field("account_statz", accounts)
    writer.endObject()
  }
}

extension Monitor {
  /// - Parameter silentWhenEmpty: no answer at all when no account has anything to show.
  func accountStatz(
    _ options: AccountStatzOptions, silentWhenEmpty: Bool = false, _ completion: @escaping Completion
  ) {
    let all = server.settings.accounts
    var chosen = options.accounts.isEmpty ? Array(all.values) : options.accounts.compactMap { all[$0] }
    if !options.includesUnused { chosen = chosen.filter { $0.connectionCount > 0 } }
    chosen.sort { $0.name < $1.name }
    accountStatistics(of: chosen) { [self] list in
      if silentWhenEmpty, list.isEmpty, !options.includesUnused {
        completion(.silent)
        return
      }
      completion(
        .answer(AccountStatz(serverID: server.info.serverID, now: wallNanoseconds, accounts: list)))
    }
  }

  /// Adds up what the connections of the accounts have counted.
  func accountStatistics(
    of accounts: [Account], _ completion: @escaping @Sendable ([AccountStatistics]) -> Void
  ) {
    if accounts.isEmpty {
      completion([])
      return
    }
    let names = Set(accounts.map(\.name))
    ConnectionSurvey<(String, TrafficCounts)>.run(server) { connection in
      names.contains(connection.account.name) ? (connection.account.name, connection.accountTraffic) : nil
    } completion: { present in
      var traffic: [String: TrafficCounts] = [:]
      for (name, counts) in present { traffic[name] = (traffic[name] ?? TrafficCounts()) + counts }
      completion(
        accounts.map { account in
          AccountStatistics(
            name: account.name, connections: account.connectionCount, subscriptions: account.subscriptionCount,
            traffic: (traffic[account.name] ?? TrafficCounts()) + account.traffic.past,
            slowConsumers: account.traffic.slowConsumers)
        })
    }
  }
}
