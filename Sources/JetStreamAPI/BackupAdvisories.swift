// What those who watch are told of backups (FEATURES 7.056, 7.057).

import Bytes
import JSON

extension Advisory {
  /// A snapshot begins.
  ///
  /// - Parameter client: who asked, as a JSON object.
  public static func snapshotCreate(
    _ stream: String, state: StreamState, client: [UInt8], _ head: AdvisoryHead
  ) -> Advisory {
    head.advisory("snapshot_create", on: "$JS.EVENT.ADVISORY.STREAM.SNAPSHOT_CREATE.\(stream)") { writer in
      writer.field("stream", stream)
      writer.field("state", state)
      writer.key("client")
      writer.raw(client)
      writer.field("domain", head.domain, omitEmpty: true)
    }
  }

  /// A snapshot has ended.
  ///
  /// - Parameter error: why it is not whole; empty: it is.
  public static func snapshotComplete(
    _ stream: String, from start: Timestamp, client: [UInt8], error: String, _ head: AdvisoryHead
  ) -> Advisory {
    head.advisory("snapshot_complete", on: "$JS.EVENT.ADVISORY.STREAM.SNAPSHOT_COMPLETE.\(stream)") { writer in
      writer.field("stream", stream)
      writer.field("start", start)
      writer.field("end", head.time)
      writer.key("client")
      writer.raw(client)
      writer.field("domain", head.domain, omitEmpty: true)
      writer.field("error", error, omitEmpty: true)
    }
  }

  /// A restore begins.
  public static func restoreCreate(_ stream: String, client: [UInt8], _ head: AdvisoryHead) -> Advisory {
    head.advisory("restore_create", on: "$JS.EVENT.ADVISORY.STREAM.RESTORE_CREATE.\(stream)") { writer in
      writer.field("stream", stream)
      writer.key("client")
      writer.raw(client)
      writer.field("domain", head.domain, omitEmpty: true)
    }
  }

  /// A restore has ended, well or not.
  ///
  /// - Parameter bytes: what has arrived.
  public static func restoreComplete(
    _ stream: String, from start: Timestamp, bytes: Int64, client: [UInt8], _ head: AdvisoryHead
  ) -> Advisory {
    head.advisory("restore_complete", on: "$JS.EVENT.ADVISORY.STREAM.RESTORE_COMPLETE.\(stream)") { writer in
      writer.field("stream", stream)
      writer.field("start", start)
      writer.field("end", head.time)
      writer.field("bytes", bytes)
      writer.key("client")
      writer.raw(client)
      writer.field("domain", head.domain, omitEmpty: true)
    }
  }
}
