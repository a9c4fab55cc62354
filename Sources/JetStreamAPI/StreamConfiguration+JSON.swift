// Reading and writing, with the names, the order and the omissions of nats-server (FEATURES 5.1).

import JSON

extension StreamConfigurationRequest: RequestReadable {
  public static var typeName: StaticString { "StreamConfigRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    if name == "pedantic" {
      reader.read(&isPedantic)
      return true
    }
    if name == "storage" { namesStorage = true }
    return try configuration.read(name, from: &reader)
  }
}

extension StreamConfiguration: RequestReadable {
  public static var typeName: StaticString { "StreamConfig" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "name": reader.read(&self.name)
    case "description": reader.read(&description)
    case "subjects": try reader.read(&subjects)
    case "retention": try reader.read(&retention)
    case "max_consumers": reader.read(&maximumConsumers, "int")
    case "max_msgs": reader.read(&maximumMessages, "int64")
    case "max_bytes": reader.read(&maximumBytes, "int64")
    case "max_age": reader.readDuration(&maximumAge)
    case "max_msgs_per_subject": reader.read(&maximumMessagesPerSubject, "int64")
    case "max_msg_size": reader.read(&maximumMessageSize, "int32")
    case "discard": try reader.read(&discard)
    case "storage": try reader.read(&storage)
    case "num_replicas": reader.read(&replicas, "int")
    case "no_ack": reader.read(&noAcknowledgement)
    case "duplicate_window": reader.readDuration(&duplicateWindow)
    case "placement": try reader.read(&placement)
    case "mirror": try reader.read(&mirror)
    case "sources": try reader.read(&sources, type: "[]*server.StreamSource")
    case "compression": try reader.read(&compression)
    case "first_seq": reader.read(&firstSequence, "uint64")
    default: return try readLater(name, from: &reader)
    }
    return true
  }

  /// What came after the first releases.
  private mutating func readLater(
    _ name: String, from reader: inout RequestReader
  ) throws(RequestRefusal) -> Bool {
    switch name {
    case "subject_transform": try reader.read(&subjectTransform)
    case "republish": try reader.read(&republish)
    case "allow_direct": reader.read(&allowDirect)
    case "mirror_direct": reader.read(&mirrorDirect)
    case "discard_new_per_subject": reader.read(&discardNewPerSubject)
    case "sealed": reader.read(&isSealed)
    case "deny_delete": reader.read(&denyDelete)
    case "deny_purge": reader.read(&denyPurge)
    case "allow_rollup_hdrs": reader.read(&allowRollup)
    case "consumer_limits": try reader.read(&consumerLimits)
    case "allow_msg_ttl": reader.read(&allowMessageTTL)
    case "subject_delete_marker_ttl": reader.readDuration(&subjectDeleteMarkerTTL)
    case "allow_msg_counter": reader.read(&allowMessageCounter)
    case "allow_atomic": reader.read(&allowAtomicPublish)
    case "allow_msg_schedules": reader.read(&allowMessageSchedules)
    case "persist_mode": try reader.read(&persistMode)
    case "allow_batched": reader.read(&allowBatchPublish)
    case "metadata": try reader.read(&metadata)
    default: return false
    }
    return true
  }
}

extension StreamConfiguration: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("description", description, omitEmpty: true)
    writer.field("subjects", subjects, omitEmpty: true)
    writer.field("retention", retention.rawValue)
    writer.field("max_consumers", maximumConsumers)
    writer.field("max_msgs", maximumMessages)
    writer.field("max_bytes", maximumBytes)
    writer.field("max_age", maximumAge)
    writer.field("max_msgs_per_subject", maximumMessagesPerSubject)
    writer.field("max_msg_size", maximumMessageSize, omitEmpty: true)
    writer.field("discard", discard.rawValue)
    writer.field("storage", storage.rawValue)
    writer.field("num_replicas", replicas)
    writer.field("no_ack", noAcknowledgement, omitEmpty: true)
    writer.field("duplicate_window", duplicateWindow, omitEmpty: true)
    writer.field("placement", ifPresent: placement)
    writer.field("mirror", ifPresent: mirror)
    writer.field("sources", sources, omitEmpty: true)
    writer.field("compression", compression.rawValue)
    writer.field("first_seq", firstSequence, omitEmpty: true)
    writer.field("subject_transform", ifPresent: subjectTransform)
    writer.field("republish", ifPresent: republish)
    writeFlags(to: &writer)
    writer.endObject()
  }

  private func writeFlags(to writer: inout JSONWriter) {
    writer.field("allow_direct", allowDirect)
    writer.field("mirror_direct", mirrorDirect)
    writer.field("discard_new_per_subject", discardNewPerSubject, omitEmpty: true)
    writer.field("sealed", isSealed)
    writer.field("deny_delete", denyDelete)
    writer.field("deny_purge", denyPurge)
    writer.field("allow_rollup_hdrs", allowRollup)
    writer.field("consumer_limits", consumerLimits)
    writer.field("allow_msg_ttl", allowMessageTTL)
    writer.field("subject_delete_marker_ttl", subjectDeleteMarkerTTL, omitEmpty: true)
    writer.field("allow_msg_counter", allowMessageCounter, omitEmpty: true)
    writer.field("allow_atomic", allowAtomicPublish, omitEmpty: true)
    writer.field("allow_msg_schedules", allowMessageSchedules, omitEmpty: true)
    if persistMode != .default { writer.field("persist_mode", persistMode.rawValue) }
    writer.field("allow_batched", allowBatchPublish, omitEmpty: true)
    writer.field("metadata", metadata, omitEmpty: true)
  }
}

extension JSONWriter {
  /// Texts by name, sorted by name.
  mutating func field(_ name: StaticString, _ values: [String: String], omitEmpty: Bool = false) {
    if omitEmpty, values.isEmpty { return }
    key(name)
    beginObject()
    for (name, value) in values.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      key(name)
      self.value(value)
    }
    endObject()
  }
}

extension Placement: RequestReadable, JSONWritable {
  public static var typeName: StaticString { "Placement" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "cluster": reader.read(&cluster)
    case "tags": try reader.read(&tags)
    case "preferred": reader.read(&preferred)
    default: return false
    }
    return true
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("cluster", cluster, omitEmpty: true)
    writer.field("tags", tags, omitEmpty: true)
    writer.field("preferred", preferred, omitEmpty: true)
    writer.endObject()
  }
}

extension Republish: RequestReadable, JSONWritable {
  public static var typeName: StaticString { "RePublish" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "src": reader.read(&source)
    case "dest": reader.read(&destination)
    case "headers_only": reader.read(&headersOnly)
    default: return false
    }
    return true
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("src", source, omitEmpty: true)
    writer.field("dest", destination)
    writer.field("headers_only", headersOnly, omitEmpty: true)
    writer.endObject()
  }
}

extension StreamConsumerLimits: RequestReadable, JSONWritable {
  public static var typeName: StaticString { "StreamConsumerLimits" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "inactive_threshold": reader.readDuration(&inactiveThreshold)
    case "max_ack_pending": reader.read(&maximumAcknowledgementsPending, "int")
    default: return false
    }
    return true
  }

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("inactive_threshold", inactiveThreshold, omitEmpty: true)
    writer.field("max_ack_pending", maximumAcknowledgementsPending, omitEmpty: true)
    writer.endObject()
  }
}
