import Bytes
import Configuration
import JSON

/// What is noted about a message that is traced, while it is on its way. Confined to the publisher's loop.
final class MessageTrace {
  /// Where the trace is published: a subject of `home`.
  let destination: String
  /// The account of the publisher.
  let home: Account
  /// The message is not to be delivered.
  let isOnly: Bool
  let encoding: TraceEncoding
  private let header: TraceHeader
  private let size: Int
  private(set) var events: [TraceEvent] = []
  /// The account in which the message is being delivered.
  var account: Account

  init(
    destination: String, home: Account, isOnly: Bool, encoding: TraceEncoding, header: TraceHeader, size: Int
  ) {
    self.destination = destination
    self.home = home
    self.isOnly = isOnly
    self.encoding = encoding
    self.header = header
    self.size = size
    account = home
  }

  func add(_ kind: TraceEvent.Kind, at time: Int64) {
    events.append(TraceEvent(kind: kind, time: Timestamp(unixNanoseconds: time)))
  }

  /// The message was refused where it came in.
  func fail(_ text: String) {
    guard case .ingress(let connection, let name, let account, let subject, _) = events.first?.kind else { return }
    events[0] = TraceEvent(
      kind: .ingress(connection: connection, name: name, account: account, subject: subject, error: text),
      time: events[0].time)
  }

  func report(from server: EventServerInfo) -> [UInt8] {
    var writer = JSONWriter(capacity: 1024)
    writer.beginObject()
    writer.field("server", server)
    writer.key("request")
    writer.beginObject()
    writer.key("header")
    writer.beginObject()
    for (name, values) in header.sorted {
      writer.key(name)
      writer.beginArray()
      for value in values { writer.value(value) }
      writer.endArray()
    }
    writer.endObject()
    writer.field("msgsize", size, omitEmpty: true)
    writer.endObject()
    writer.field("events", events)
    writer.endObject()
    return writer.bytes
  }
}
