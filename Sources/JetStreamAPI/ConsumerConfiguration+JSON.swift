import Bytes
import JSON

extension ConsumerConfiguration: JSONWritable {
  /// In the order and with the omissions of nats-server.
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("durable_name", durableName, omitEmpty: true)
    writer.field("name", name, omitEmpty: true)
    writer.field("description", description, omitEmpty: true)
    writer.field("deliver_policy", deliverPolicy.rawValue)
    writer.field("opt_start_seq", startSequence, omitEmpty: true)
    if let startTime {
      writer.field("opt_start_time", RFC3339.string(startTime, offsetSeconds: startTimeOffset))
    }
    writer.field("ack_policy", ackPolicy.rawValue)
    writer.field("ack_wait", ackWait, omitEmpty: true)
    writer.field("max_deliver", maxDeliver, omitEmpty: true)
    if !backoff.isEmpty {
      writer.key("backoff")
      writer.beginArray()
      for step in backoff { writer.value(step) }
      writer.endArray()
    }
    writer.field("filter_subject", filterSubject, omitEmpty: true)
    writer.field("filter_subjects", filterSubjects, omitEmpty: true)
    writer.field("replay_policy", replayPolicy.rawValue)
    writer.field("rate_limit_bps", rateLimit, omitEmpty: true)
    writer.field("sample_freq", sampleFrequency, omitEmpty: true)
    writer.field("max_waiting", maxWaiting, omitEmpty: true)
    writer.field("max_ack_pending", maxAckPending, omitEmpty: true)
    writer.field("flow_control", flowControl, omitEmpty: true)
    writer.field("headers_only", headersOnly, omitEmpty: true)
    writer.field("max_batch", maxRequestBatch, omitEmpty: true)
    writer.field("max_expires", maxRequestExpires, omitEmpty: true)
    writer.field("max_bytes", maxRequestMaxBytes, omitEmpty: true)
    writer.field("deliver_subject", deliverSubject, omitEmpty: true)
    writer.field("deliver_group", deliverGroup, omitEmpty: true)
    writer.field("idle_heartbeat", heartbeat, omitEmpty: true)
    writer.field("inactive_threshold", inactiveThreshold, omitEmpty: true)
    writer.field("num_replicas", replicas)
    writer.field("mem_storage", memoryStorage, omitEmpty: true)
    writer.field("direct", direct, omitEmpty: true)
    writer.field("sourcing", sourcing, omitEmpty: true)
    if !metadata.isEmpty {
      writer.key("metadata")
      writer.beginObject()
      for key in metadata.keys.sorted() {
        writer.key(key)
        writer.value(metadata[key]!)
      }
      writer.endObject()
    }
    if let pauseUntil {
      writer.field("pause_until", RFC3339.string(pauseUntil, offsetSeconds: pauseUntilOffset))
    }
    writer.field("priority_groups", priorityGroups, omitEmpty: true)
    if priorityPolicy != .none { writer.field("priority_policy", priorityPolicy.rawValue) }
    writer.field("priority_timeout", priorityTimeout, omitEmpty: true)
    writer.endObject()
  }
}
