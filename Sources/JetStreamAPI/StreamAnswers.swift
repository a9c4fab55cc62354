// Answers to requests about streams (FEATURES 7.002 to 7.012).

import Bytes
import JSON

/// STREAM.CREATE. The same answer names an existing stream of the same configuration (FEATURES 5.099).
public struct StreamCreateAnswer: APIAnswer {
  public var info: StreamInfo
  public var didCreate: Bool

  public init(_ info: StreamInfo, didCreate: Bool = true) {
    self.info = info
    self.didCreate = didCreate
  }

  public static var type: StaticString { "stream_create_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    info.writeMembers(to: &writer)
    writer.field("did_create", didCreate, omitEmpty: true)
  }
}

/// STREAM.UPDATE.
public struct StreamUpdateAnswer: APIAnswer {
  public var info: StreamInfo

  public init(_ info: StreamInfo) { self.info = info }

  public static var type: StaticString { "stream_update_response" }

  public func writeMembers(to writer: inout JSONWriter) { info.writeMembers(to: &writer) }
}

/// STREAM.INFO. The page counts subjects and is all zeros if none were asked for.
public struct StreamInfoAnswer: APIAnswer {
  public var page: Page
  public var info: StreamInfo

  public init(_ info: StreamInfo, page: Page = Page()) {
    self.info = info
    self.page = page
  }

  public static var type: StaticString { "stream_info_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    page.writeMembers(to: &writer)
    info.writeMembers(to: &writer)
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) { Page().writeMembers(to: &writer) }
}

/// STREAM.NAMES.
public struct StreamNamesAnswer: APIAnswer {
  public var page: Page
  public var names: [String]

  /// The page that `request` asks for of all names.
  public init(all names: [String], request: StreamListRequest) {
    let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let offset = min(max(request.offset, 0), sorted.count)
    page = Page(total: sorted.count, offset: offset, limit: APILimits.names)
    self.names = Array(sorted[offset...].prefix(APILimits.names))
  }

  public static var type: StaticString { "stream_names_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    page.writeMembers(to: &writer)
    guard !names.isEmpty else { return Self.writeNone(to: &writer) }
    writer.field("streams", names)
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) {
    Page().writeMembers(to: &writer)
    writeNone(to: &writer)
  }

  /// A list that nats-server never made is null.
  private static func writeNone(to writer: inout JSONWriter) {
    writer.key("streams")
    writer.null()
  }
}

/// STREAM.LIST.
public struct StreamListAnswer: APIAnswer {
  public var page: Page
  public var streams: [StreamInfo]
  /// Streams that are kept but not served, with the reason (FEATURES 5.100).
  public var offline: [String: String]

  public init(_ streams: [StreamInfo], page: Page, offline: [String: String] = [:]) {
    self.streams = streams
    self.page = page
    self.offline = offline
  }

  public static var type: StaticString { "stream_list_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    page.writeMembers(to: &writer)
    writer.field("streams", streams)
    writer.field("offline", offline, omitEmpty: true)
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) {
    Page().writeMembers(to: &writer)
    writer.field("streams", [StreamInfo]())
  }
}

/// STREAM.DELETE.
public struct StreamDeleteAnswer: APIAnswer {
  public init() {}

  public static var type: StaticString { "stream_delete_response" }

  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// STREAM.PURGE.
public struct StreamPurgeAnswer: APIAnswer {
  public var purged: UInt64

  public init(purged: UInt64) { self.purged = purged }

  public static var type: StaticString { "stream_purge_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    writer.field("success", true)
    writer.field("purged", purged)
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) { writer.field("purged", 0) }
}

/// STREAM.MSG.DELETE.
public struct MessageDeleteAnswer: APIAnswer {
  public init() {}

  public static var type: StaticString { "stream_msg_delete_response" }

  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// STREAM.MSG.GET.
public struct MessageGetAnswer: APIAnswer {
  public var subject: String
  public var sequence: UInt64
  public var header: [UInt8]
  public var payload: [UInt8]
  public var time: Timestamp

  public init(subject: String, sequence: UInt64, header: [UInt8], payload: [UInt8], time: Timestamp) {
    self.subject = subject
    self.sequence = sequence
    self.header = header
    self.payload = payload
    self.time = time
  }

  public static var type: StaticString { "stream_msg_get_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    writer.key("message")
    writer.beginObject()
    writer.field("subject", subject)
    writer.field("seq", sequence)
    if !header.isEmpty { writer.field("hdrs", Base64.standard.encode(header)) }
    if !payload.isEmpty { writer.field("data", Base64.standard.encode(payload)) }
    writer.field("time", time)
    writer.endObject()
  }
}

/// STREAM.PEER.REMOVE, which needs a cluster.
public struct StreamPeerRemoveAnswer: APIAnswer {
  public static var type: StaticString { "stream_remove_peer_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// STREAM.PEER.EVACUATE, which needs a cluster.
public struct StreamPeerEvacuateAnswer: APIAnswer {
  public static var type: StaticString { "stream_evacuate_peer_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// STREAM.LEADER.STEPDOWN, which needs a cluster.
public struct StreamStepDownAnswer: APIAnswer {
  public static var type: StaticString { "stream_leader_stepdown_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}
