import Bytes
import HTTP
import JSON
import Subjects

/// What a request for subscriptions asks for (FEATURES 11.009).
struct SubszOptions: Sendable {
  static let defaultLimit = 1024

  var lists = false
  var offset = 0
  var limit = 0
  /// Only this account; empty: all.
  var account = ""
  /// Only subscriptions that a message of this subject would reach; empty: all.
  var test = ""

  init() {}

  init(_ query: HTTPQuery) throws(QueryProblem) {
    lists = try query.flag("subs")
    offset = try query.integer("offset")
    limit = try query.integer("limit")
    test = query["test"]
    account = query["acc"]
  }

  fileprivate func includes(_ subject: [UInt8]) -> Bool {
    guard !test.isEmpty else { return true }
    var test = test
    return test.withUTF8 { test in
      subject.withUnsafeBytes { Subject.matches(pattern: $0, literal: UnsafeRawBufferPointer(test)) }
    }
  }
}

/// Figures of the subject index (FEATURES 11.049). Caches belong to loops: their hits are not told apart by account.
struct SublistStatistics: Sendable {
  var subscriptions = 0
  var inserts: UInt64 = 0
  var removes: UInt64 = 0
  var matches: UInt64 = 0
  var fanoutMaximum = 0
  var fanoutTotal: UInt64 = 0

  init() {}

  init(_ index: SubscriptionIndex) {
    let statistics = index.statistics
    subscriptions = statistics.subscriptions
    inserts = statistics.inserts
    removes = statistics.removes
    matches = statistics.matches
    fanoutMaximum = statistics.fanoutMaximum
    fanoutTotal = statistics.fanoutTotal
  }

  static func + (left: SublistStatistics, right: SublistStatistics) -> SublistStatistics {
    var sum = left
    sum.subscriptions += right.subscriptions
    sum.inserts &+= right.inserts
    sum.removes &+= right.removes
    sum.matches &+= right.matches
    sum.fanoutTotal &+= right.fanoutTotal
    sum.fanoutMaximum = max(sum.fanoutMaximum, right.fanoutMaximum)
    return sum
  }

  func writeFields(to writer: inout JSONWriter) {
    writer.field("num_subscriptions", subscriptions)
    writer.field("num_cache", 0)
    writer.field("num_inserts", inserts)
    writer.field("num_removes", removes)
    writer.field("num_matches", matches)
    writer.field("cache_hit_rate", 0)
    writer.field("max_fanout", fanoutMaximum)
    writer.field("avg_fanout", matches == 0 ? 0 : Double(fanoutTotal) / Double(matches))
  }
}

/// The answer of `/subsz` (FEATURES 11.048).
struct Subsz: Sendable, JSONWritable {
  let serverID: String
  let now: Int64
  let statistics: SublistStatistics
  let total: Int
  let offset: Int
  let limit: Int
  let subscriptions: [SubscriptionDetail]

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    statistics.writeFields(to: &writer)
    writer.field("total", total)
    writer.field("offset", offset)
    writer.field("limit", limit)
    writer.field("subscriptions_list", subscriptions, omitEmpty: true)
    writer.endObject()
  }
}

extension Monitor {
  /// Counts by connection first; only the connections that the page falls on are then asked for details.
  func subsz(_ options: SubszOptions, _ completion: @escaping Completion) {
    if !options.test.isEmpty, !Subject.isValidLiteral(options.test) {
      completion(.failed(MonitoringError("invalid test subject, must be valid publish subject: \(options.test)")))
      return
    }
    guard options.lists else {
      completion(.answer(subsz(options, total: 0, [])))
      return
    }
    ConnectionSurvey<(UInt64, Int)>.run(server) { connection in
      let count = connection.countSubscriptions(options)
      return count > 0 ? (connection.identifier, count) : nil
    } completion: { [self] counts in
      listSubscriptions(options, counts.sorted { $0.0 < $1.0 }, completion)
    }
  }

  private func listSubscriptions(
    _ options: SubszOptions, _ counts: [(UInt64, Int)], _ completion: @escaping Completion
  ) {
    let own = server.system.subscriptions(account: options.account).filter { options.includes(Array($0.subject.utf8)) }
    let total = counts.reduce(own.count) { $0 + $1.1 }
    let start = min(max(0, options.offset), total)
    let end = start + min(options.limit <= 0 ? SubszOptions.defaultLimit : options.limit, total - start)
    var wanted: [UInt64] = []
    var position = own.count
    var skipped = start < own.count ? start : nil
    for (identifier, count) in counts {
      if position < end, position + count > start {
        if skipped == nil { skipped = start - position }
        wanted.append(identifier)
      }
      position += count
    }
    let first = skipped ?? 0
    // No connection need list more than that, however many it has.
    let most = first + (end - start)
    ConnectionSurvey<(UInt64, [SubscriptionDetail])>.run(server, only: wanted) { connection in
      let details = connection.subscriptionDetails(withAccount: true, limit: most) { options.includes($0) }
      return (connection.identifier, details)
    } completion: { [self] lists in
      var found = start < own.count ? own : []
      for list in lists.sorted(by: { $0.0 < $1.0 }) { found += list.1 }
      let page = Array(found.dropFirst(first).prefix(end - start))
      completion(.answer(subsz(options, total: total, page)))
    }
  }

  private func subsz(_ options: SubszOptions, total: Int, _ page: [SubscriptionDetail]) -> Subsz {
    var statistics = SublistStatistics()
    for account in server.settings.accounts.values where options.account.isEmpty || account.name == options.account {
      statistics = statistics + SublistStatistics(account.index)
    }
    return Subsz(
      serverID: server.info.serverID, now: wallNanoseconds, statistics: statistics, total: total,
      offset: max(0, options.offset), limit: options.limit <= 0 ? SubszOptions.defaultLimit : options.limit,
      subscriptions: page)
  }
}

extension Connection {
  /// Owner loop.
  fileprivate func countSubscriptions(_ options: SubszOptions) -> Int {
    guard options.account.isEmpty || account.name == options.account else { return 0 }
    guard !options.test.isEmpty else { return Int(subscriptions.count) }
    var count = 0
    subscriptions.forEach(in: server.records) { subscription in
      if options.includes(account.index.subject(of: subscription)) { count += 1 }
    }
    return count
  }
}
