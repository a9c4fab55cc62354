// Requests about streams (FEATURES 7.004 to 7.012).

import Bytes

/// Limits of answers.
public enum APILimits {
  /// Names in an answer (FEATURES 5.094).
  public static let names = 1024
  /// Streams or consumers in an answer.
  public static let list = 256
  /// Subjects in an answer (FEATURES 5.093).
  public static let subjectDetails = 100_000
}

/// STREAM.NAMES, and what STREAM.LIST has in common with it.
public struct StreamListRequest: RequestReadable, Equatable, Sendable {
  public var offset = 0
  /// Only streams that a message of this subject could reach; empty: all.
  public var subject = ""

  public init() {}

  public static var typeName: StaticString { "JSApiStreamNamesRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "offset": reader.read(&offset, "int")
    case "subject": reader.read(&subject)
    default: return false
    }
    return true
  }
}

/// STREAM.LIST: the same under another name.
public struct StreamDetailsRequest: RequestReadable, Equatable, Sendable {
  public var list = StreamListRequest()

  public init() {}

  public static var typeName: StaticString { "JSApiStreamListRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    try list.read(name, from: &reader)
  }
}

/// STREAM.INFO.
public struct StreamInfoRequest: RequestReadable, Equatable, Sendable {
  public var offset = 0
  public var deletedDetails = false
  /// Ask for messages by subject; empty: do not.
  public var subjectsFilter = ""

  public init() {}

  public static var typeName: StaticString { "JSApiStreamInfoRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "offset": reader.read(&offset, "int")
    case "deleted_details": reader.read(&deletedDetails)
    case "subjects_filter": reader.read(&subjectsFilter)
    default: return false
    }
    return true
  }
}

/// STREAM.PURGE (FEATURES 5.096).
public struct StreamPurgeRequest: RequestReadable, Equatable, Sendable {
  /// Up to and without this sequence; 0: all.
  public var sequence: UInt64 = 0
  /// Only these subjects; empty: all.
  public var subject = ""
  /// The newest messages to keep.
  public var keep: UInt64 = 0

  public init() {}

  public static var typeName: StaticString { "JSApiStreamPurgeRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "seq": reader.read(&sequence, "uint64")
    case "filter": reader.read(&subject)
    case "keep": reader.read(&keep, "uint64")
    default: return false
    }
    return true
  }

  /// The request in a message: one that does not begin as JSON asks for everything to be purged.
  public static func decodePurge(
    _ bytes: UnsafeRawBufferPointer, isStrict: Bool = true
  ) throws(JetStreamError) -> StreamPurgeRequest {
    guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }),
      first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    else { return StreamPurgeRequest() }
    let request = try decode(bytes, isStrict: isStrict)
    if request.sequence > 0, request.keep > 0 { throw .badRequest }
    return request
  }
}

/// STREAM.MSG.DELETE (FEATURES 5.097).
public struct MessageDeleteRequest: RequestReadable, Equatable, Sendable {
  public var sequence: UInt64 = 0
  /// Leave the bytes on disk as they are.
  public var noErase = false

  public init() {}

  public static var typeName: StaticString { "JSApiMsgDeleteRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "seq": reader.read(&sequence, "uint64")
    case "no_erase": reader.read(&noErase)
    default: return false
    }
    return true
  }
}

/// STREAM.MSG.GET and DIRECT.GET (FEATURES 5.098, 8.001).
public struct MessageGetRequest: RequestReadable, Equatable, Sendable {
  public var sequence: UInt64 = 0
  public var lastBySubject = ""
  public var nextBySubject = ""
  public var batch = 0
  public var maximumBytes = 0
  public var startTime: Timestamp?
  public var multiLast: [String] = []
  public var upToSequence: UInt64 = 0
  public var upToTime: Timestamp?
  public var noHeaders = false

  public init() {}

  public static var typeName: StaticString { "JSApiMsgGetRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "seq": reader.read(&sequence, "uint64")
    case "last_by_subj": reader.read(&lastBySubject)
    case "next_by_subj": reader.read(&nextBySubject)
    case "batch": reader.read(&batch, "int")
    case "max_bytes": reader.read(&maximumBytes, "int")
    case "start_time": try reader.read(&startTime)
    case "multi_last": try reader.read(&multiLast)
    case "up_to_seq": reader.read(&upToSequence, "uint64")
    case "up_to_time": try reader.read(&upToTime)
    case "no_hdr": reader.read(&noHeaders)
    default: return false
    }
    return true
  }
}
