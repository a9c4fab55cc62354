import Bytes
import JSON

/// Rewrites subjects: what matches `source` is stored under `destination` (FEATURES 5.022, 5.046).
public struct SubjectTransformConfiguration: Equatable, Sendable {
  /// Empty stands for all subjects.
  public var source = ""
  public var destination = ""

  public init() {}

  public init(source: String, destination: String) {
    self.source = source
    self.destination = destination
  }
}

extension SubjectTransformConfiguration: RequestReadable, JSONWritable {
  public static var typeName: StaticString { "SubjectTransformConfig" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "src": reader.read(&source)
    case "dest": reader.read(&destination)
    default: return false
    }
    return true
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("src", source)
    writer.field("dest", destination)
    writer.endObject()
  }
}

/// Another stream that a stream copies from (FEATURES 5.045 to 5.048).
public struct StreamSource: Equatable, Sendable {
  public var name = ""
  /// 0: from the beginning.
  public var startSequence: UInt64 = 0
  public var startTime: Timestamp?
  public var filterSubject = ""
  public var subjectTransforms: [SubjectTransformConfiguration] = []
  public var external: ExternalStream?
  public var consumer: SourceConsumer?

  public init() {}

  public init(name: String) { self.name = name }
}

extension StreamSource: RequestReadable, JSONWritable {
  public static var typeName: StaticString { "StreamSource" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "name": reader.read(&self.name)
    case "opt_start_seq": reader.read(&startSequence, "uint64")
    case "opt_start_time": try reader.read(&startTime)
    case "filter_subject": reader.read(&filterSubject)
    case "subject_transforms":
      try reader.read(&subjectTransforms, type: "[]server.SubjectTransformConfig")
    case "external": try reader.read(&external)
    case "consumer": try reader.read(&consumer)
    default: return false
    }
    return true
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("opt_start_seq", startSequence, omitEmpty: true)
    if let startTime { writer.field("opt_start_time", startTime) }
    writer.field("filter_subject", filterSubject, omitEmpty: true)
    writer.field("subject_transforms", subjectTransforms, omitEmpty: true)
    writer.field("external", ifPresent: external)
    writer.field("consumer", ifPresent: consumer)
    writer.endObject()
  }
}

/// The way to a stream of another account or domain (FEATURES 5.047).
public struct ExternalStream: Equatable, Sendable {
  public var apiPrefix = ""
  public var deliverPrefix = ""

  public init() {}
}

extension ExternalStream: RequestReadable, JSONWritable {
  public static var typeName: StaticString { "ExternalStream" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "api": reader.read(&apiPrefix)
    case "deliver": reader.read(&deliverPrefix)
    default: return false
    }
    return true
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("api", apiPrefix)
    writer.field("deliver", deliverPrefix)
    writer.endObject()
  }
}

/// A durable consumer made beforehand, through which a stream copies (FEATURES 5.048).
public struct SourceConsumer: Equatable, Sendable {
  public var name = ""
  public var deliverSubject = ""

  public init() {}
}

extension SourceConsumer: RequestReadable, JSONWritable {
  public static var typeName: StaticString { "StreamConsumerSource" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "name": reader.read(&self.name)
    case "deliver_subject": reader.read(&deliverSubject)
    default: return false
    }
    return true
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name, omitEmpty: true)
    writer.field("deliver_subject", deliverSubject, omitEmpty: true)
    writer.endObject()
  }
}
