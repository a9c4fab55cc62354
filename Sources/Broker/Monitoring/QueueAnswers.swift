import HTTP
import JSON

/// The answer of `/ipqueuesz` (FEATURES 11.019): the mailboxes between loops, in the place of nats-server's queues.
struct Ipqueuesz: Sendable, JSONWritable {
  /// Names as nats-server has them; requests and their answers go straight to the loops here, so that nothing waits.
  private static let names = [
    "SendQ", "System recvQ", "System recvQ Pings", "System sendQ", "delayed API responses",
  ]

  let all: Bool
  /// Only queues whose name contains this; empty: all.
  let filter: String

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    if all {
      for name in Self.names where filter.isEmpty || name.contains(substring: filter) {
        writer.key(name)
        writer.beginObject()
        writer.field("pending", 0)
        writer.endObject()
      }
    }
    writer.endObject()
  }
}

extension String {
  /// Byte by byte; everything contains the empty text.
  func contains(substring: String) -> Bool {
    let bytes = Array(utf8)
    let wanted = Array(substring.utf8)
    if wanted.isEmpty { return true }
    guard bytes.count >= wanted.count else { return false }
    return (0...(bytes.count - wanted.count)).contains { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
  }
}
