// Requests about consumers other than to create one, and the answers (FEATURES 7.019 to 7.029).

import Bytes
import JSON

/// CONSUMER.CREATE and CONSUMER.DURABLE.CREATE.
public struct ConsumerCreateAnswer: APIAnswer {
  public var info: ConsumerInfo

  public init(_ info: ConsumerInfo) { self.info = info }

  public static var type: StaticString { "consumer_create_response" }

  public func writeMembers(to writer: inout JSONWriter) { info.writeMembers(to: &writer) }
}

/// CONSUMER.INFO.
public struct ConsumerInfoAnswer: APIAnswer {
  public var info: ConsumerInfo

  public init(_ info: ConsumerInfo) { self.info = info }

  public static var type: StaticString { "consumer_info_response" }

  public func writeMembers(to writer: inout JSONWriter) { info.writeMembers(to: &writer) }
}

/// CONSUMER.NAMES and CONSUMER.LIST.
public struct ConsumerListRequest: RequestReadable, Equatable, Sendable {
  public var offset = 0

  public init() {}

  public static var typeName: StaticString { "JSApiConsumersRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    guard name == "offset" else { return false }
    reader.read(&offset, "int")
    return true
  }

  /// The page of all names, which must be sorted, that is asked for.
  public func page(of names: [String], limit: Int) -> (names: ArraySlice<String>, page: Page) {
    let offset = min(max(offset, 0), names.count)
    return (names[offset...].prefix(limit), Page(total: names.count, offset: offset, limit: limit))
  }
}

/// CONSUMER.NAMES.
public struct ConsumerNamesAnswer: APIAnswer {
  public var page: Page
  public var names: [String]

  /// The page that `request` asks for of all names.
  public init(all names: [String], request: ConsumerListRequest) {
    let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let (part, page) = request.page(of: sorted, limit: APILimits.names)
    self.page = page
    self.names = Array(part)
  }

  public static var type: StaticString { "consumer_names_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    page.writeMembers(to: &writer)
    writer.field("consumers", names)
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) {
    Page().writeMembers(to: &writer)
    writer.field("consumers", [String]())
  }
}

/// CONSUMER.LIST.
public struct ConsumerListAnswer: APIAnswer {
  public var page: Page
  public var consumers: [ConsumerInfo]
  /// Consumers that are kept but not served, with the reason.
  public var offline: [String: String]

  public init(_ consumers: [ConsumerInfo], page: Page, offline: [String: String] = [:]) {
    self.consumers = consumers
    self.page = page
    self.offline = offline
  }

  public static var type: StaticString { "consumer_list_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    page.writeMembers(to: &writer)
    writer.field("consumers", consumers)
    guard !offline.isEmpty else { return }
    writer.key("offline")
    writer.beginObject()
    for name in offline.keys.sorted() {
      writer.key(name)
      writer.value(offline[name]!)
    }
    writer.endObject()
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) {
    Page().writeMembers(to: &writer)
    writer.field("consumers", [String]())
  }
}

/// CONSUMER.DELETE.
public struct ConsumerDeleteAnswer: APIAnswer {
  public init() {}

  public static var type: StaticString { "consumer_delete_response" }

  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

/// CONSUMER.PAUSE (FEATURES 6.043).
public struct ConsumerPauseRequest: RequestReadable, Equatable, Sendable {
  /// nil, or a time that is over: resume.
  public var until: Timestamp?

  public init() {}

  public static var typeName: StaticString { "JSApiConsumerPauseRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    guard name == "pause_until" else { return false }
    try reader.read(&until)
    return true
  }

  /// The request in a message: one that does not begin as JSON asks to resume.
  public static func decodePause(
    _ bytes: UnsafeRawBufferPointer, isStrict: Bool = true
  ) throws(JetStreamError) -> ConsumerPauseRequest {
    guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }),
      first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    else { return ConsumerPauseRequest() }
    return try decode(bytes, isStrict: isStrict)
  }

  /// The configuration with the new pause, to be passed to the consumer as an update.
  public func applied(to configuration: ConsumerConfiguration) -> ConsumerConfiguration {
    var result = configuration
    result.pauseUntil = until?.isZero == false ? until : nil
    result.pauseUntilOffset = 0
    result.setStoredMetadata()
    return result
  }
}

/// CONSUMER.PAUSE.
public struct ConsumerPauseAnswer: APIAnswer {
  public var until: Timestamp?
  public var now: Timestamp

  public init(_ request: ConsumerPauseRequest, now: Timestamp) {
    until = request.until
    self.now = now
  }

  public static var type: StaticString { "consumer_pause_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    let until = until ?? .zero
    writer.field("paused", now < until)
    writer.field("pause_until", until)
    if now < until { writer.field("pause_remaining", until.unixNanoseconds - now.unixNanoseconds) }
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) {
    writer.field("paused", false)
    writer.field("pause_until", Timestamp.zero)
  }
}

/// CONSUMER.UNPIN (FEATURES 6.044).
public struct ConsumerUnpinRequest: RequestReadable, Equatable, Sendable {
  public var group = ""

  public init() {}

  public static var typeName: StaticString { "JSApiConsumerUnpinRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    guard name == "group" else { return false }
    reader.read(&group)
    return true
  }

  /// The request in a message. Unknown members are never refused here, and an empty message is no JSON.
  public static func decodeUnpin(_ bytes: UnsafeRawBufferPointer) throws(JetStreamError) -> ConsumerUnpinRequest {
    let request = try decodeLeniently(bytes)
    if request.group.isEmpty { throw .invalidJSON("consumer group not specified") }
    guard ConsumerConfiguration.isValidGroup(request.group) else { throw .consumerInvalidGroupName }
    return request
  }
}

/// CONSUMER.UNPIN.
public struct ConsumerUnpinAnswer: APIAnswer {
  public init() {}

  public static var type: StaticString { "consumer_unpin_response" }

  public func writeMembers(to writer: inout JSONWriter) {}
}

/// CONSUMER.RESET (FEATURES 6.045).
public struct ConsumerResetRequest: RequestReadable, Equatable, Sendable {
  /// 0: behind the ack floor.
  public var sequence: UInt64 = 0

  public init() {}

  public static var typeName: StaticString { "JSApiConsumerResetRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    guard name == "seq" else { return false }
    reader.read(&sequence, "uint64")
    return true
  }

  /// The request in a message: an empty one asks for the ack floor. Unknown members are never refused here.
  public static func decodeReset(_ bytes: UnsafeRawBufferPointer) throws(JetStreamError) -> ConsumerResetRequest {
    bytes.isEmpty ? ConsumerResetRequest() : try decodeLeniently(bytes)
  }
}

/// CONSUMER.RESET.
public struct ConsumerResetAnswer: APIAnswer {
  public var info: ConsumerInfo
  public var sequence: UInt64

  public init(_ info: ConsumerInfo, sequence: UInt64) {
    self.info = info
    self.sequence = sequence
  }

  public static var type: StaticString { "consumer_reset_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    info.writeMembers(to: &writer)
    writer.field("reset_seq", sequence)
  }

  public static func writeErrorMembers(to writer: inout JSONWriter) { writer.field("reset_seq", 0) }
}

/// CONSUMER.LEADER.STEPDOWN, which needs a cluster.
public struct ConsumerStepDownAnswer: APIAnswer {
  public static var type: StaticString { "consumer_leader_stepdown_response" }
  public func writeMembers(to writer: inout JSONWriter) { writer.field("success", true) }
}

extension RequestReadable {
  /// A request that is read without the strict rules whatever the server is told.
  fileprivate static func decodeLeniently(_ bytes: UnsafeRawBufferPointer) throws(JetStreamError) -> Self {
    var request = Self()
    do {
      try RequestReader.readLeniently(into: &request, from: bytes)
    } catch {
      throw .invalidJSON(error.description)
    }
    return request
  }
}
