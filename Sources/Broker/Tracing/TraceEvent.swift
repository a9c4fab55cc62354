import Bytes
import JSON

/// One thing that happened to a traced message (FEATURES 2.032).
struct TraceEvent: JSONWritable {
  enum Kind {
    /// It came in.
    case ingress(connection: UInt64, name: String, account: String, subject: String, error: String)
    /// A mapping changed its subject.
    case mapping(to: String)
    /// It left its account as a stream.
    case streamExport(account: String, to: String)
    /// It left its account as a request, or as the answer to one.
    case serviceImport(account: String, from: String, to: String)
    /// It reached a connection, or did not. The account is empty when it is the ingress's.
    case egress(
      connection: UInt64, name: String, account: String, subscription: String, queue: String, error: TraceFailure?)
  }

  let kind: Kind
  /// Wall clock.
  let time: Timestamp

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    switch kind {
    case .ingress(let connection, let name, let account, let subject, let error):
      begin("in", &writer)
      writer.field("kind", 0)
      writer.field("cid", connection)
      writer.field("name", name, omitEmpty: true)
      writer.field("acc", account)
      writer.field("subj", subject)
      writer.field("error", error, omitEmpty: true)
    case .mapping(let to):
      begin("sm", &writer)
      writer.field("to", to)
    case .streamExport(let account, let to):
      begin("se", &writer)
      writer.field("acc", account)
      writer.field("to", to)
    case .serviceImport(let account, let from, let to):
      begin("si", &writer)
      writer.field("acc", account)
      writer.field("from", from)
      writer.field("to", to)
    case .egress(let connection, let name, let account, let subscription, let queue, let error):
      begin("eg", &writer)
      writer.field("kind", 0)
      writer.field("cid", connection)
      writer.field("name", name, omitEmpty: true)
      writer.field("acc", account, omitEmpty: true)
      writer.field("sub", subscription, omitEmpty: true)
      writer.field("queue", queue, omitEmpty: true)
      writer.field("error", error?.rawValue ?? "", omitEmpty: true)
    }
    writer.endObject()
  }

  private func begin(_ type: String, _ writer: inout JSONWriter) {
    writer.field("type", type)
    writer.field("ts", time)
  }
}

/// Why a traced message did not reach a receiver (FEATURES 2.033).
enum TraceFailure: String {
  case noEcho = "Not delivered because of no echo"
  case subscriptionDenied = "Not delivered because subscription denies this subject"
  case clientClosed = "Not delivered because client is closed"
}
