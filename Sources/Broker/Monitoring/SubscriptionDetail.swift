import CSystem
import JSON
import Subjects

/// One subscription in `/connz` and `/subsz` (FEATURES 11.044).
struct SubscriptionDetail: Sendable, JSONWritable {
  /// Empty in lists that stand below a connection.
  var account = ""
  var subject: String
  var queue: String
  var identifier: String
  var messages: UInt64
  var maximum: UInt64
  var connection: UInt64

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("account", account, omitEmpty: true)
    writer.field("account_tag", account, omitEmpty: true)
    writer.field("subject", subject)
    writer.field("qgroup", queue, omitEmpty: true)
    writer.field("sid", identifier)
    writer.field("msgs", messages)
    writer.field("max", maximum, omitEmpty: true)
    writer.field("cid", connection)
    writer.endObject()
  }
}

extension Connection {
  /// What a subscription of this connection looks like now. Owner loop.
  func detail(of subscription: SubscriptionPointer, withAccount: Bool = false) -> SubscriptionDetail {
    SubscriptionDetail(
      account: withAccount ? account.name : "",
      subject: String(decoding: account.index.subject(of: subscription), as: UTF8.self),
      queue: text(account.index.queueName(of: subscription)), identifier: text(subscription.sid),
      messages: csys_load64(subscription.deliveredPointer), maximum: subscription.maximum,
      connection: identifier)
  }

  /// All subscriptions, in no particular order. Owner loop.
  ///
  /// - Parameters:
  ///   - limit: most that are listed.
  ///   - isWanted: by subject; nil for all.
  func subscriptionDetails(
    withAccount: Bool = false, limit: Int = .max, where isWanted: (([UInt8]) -> Bool)? = nil
  ) -> [SubscriptionDetail] {
    var details: [SubscriptionDetail] = []
    subscriptions.forEach(in: server.records) { subscription in
      guard details.count < limit, isWanted?(account.index.subject(of: subscription)) ?? true else { return }
      details.append(detail(of: subscription, withAccount: withAccount))
    }
    return details
  }
}
