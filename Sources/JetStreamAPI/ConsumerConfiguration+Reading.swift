import Bytes

extension ConsumerConfiguration: RequestReadable {
  public static var typeName: StaticString { "ConsumerConfig" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "durable_name": reader.read(&durableName)
    case "name": reader.read(&self.name)
    case "description": reader.read(&description)
    case "deliver_policy": try reader.read(&deliverPolicy)
    case "opt_start_seq": reader.read(&startSequence, "uint64")
    case "opt_start_time": try reader.readTime(&startTime, offset: &startTimeOffset)
    case "ack_policy": try reader.read(&ackPolicy)
    case "ack_wait": reader.readDuration(&ackWait)
    case "max_deliver": reader.read(&maxDeliver, "int")
    case "backoff": try reader.read(&backoff, "time.Duration")
    case "filter_subject": reader.read(&filterSubject)
    case "filter_subjects": try reader.read(&filterSubjects)
    case "replay_policy": try reader.read(&replayPolicy)
    case "rate_limit_bps": reader.read(&rateLimit, "uint64")
    case "sample_freq": reader.read(&sampleFrequency)
    case "max_waiting": reader.read(&maxWaiting, "int")
    case "max_ack_pending": reader.read(&maxAckPending, "int")
    case "flow_control": reader.read(&flowControl)
    case "headers_only": reader.read(&headersOnly)
    case "max_batch": reader.read(&maxRequestBatch, "int")
    case "max_expires": reader.readDuration(&maxRequestExpires)
    case "max_bytes": reader.read(&maxRequestMaxBytes, "int")
    case "deliver_subject": reader.read(&deliverSubject)
    case "deliver_group": reader.read(&deliverGroup)
    case "idle_heartbeat": reader.readDuration(&heartbeat)
    case "inactive_threshold": reader.readDuration(&inactiveThreshold)
    case "num_replicas": reader.read(&replicas, "int")
    case "mem_storage": reader.read(&memoryStorage)
    case "direct": reader.read(&direct)
    case "sourcing": reader.read(&sourcing)
    case "metadata": try reader.read(&metadata)
    case "pause_until": try reader.readTime(&pauseUntil, offset: &pauseUntilOffset)
    case "priority_groups": try reader.read(&priorityGroups)
    case "priority_policy": try reader.readWord(&priorityPolicy, refusal: "unknown priority policy: ")
    case "priority_timeout": reader.readDuration(&priorityTimeout)
    default: return false
    }
    return true
  }
}

extension RequestReader {
  /// One of the words of an enumeration whose refusal is a text of its own.
  mutating func readWord<Choice: RawRepresentable>(
    _ value: inout Choice, refusal: String
  ) throws(RequestRefusal) where Choice.RawValue == String {
    let raw = String(decoding: readRaw(), as: UTF8.self)
    guard raw.utf8.first == UInt8(ascii: "\""), let choice = Choice(rawValue: String(raw.dropFirst().dropLast()))
    else { throw RequestRefusal(refusal + raw) }
    value = choice
  }

  /// A time, and the offset with which it was written in seconds east of UTC.
  mutating func readTime(_ value: inout Timestamp?, offset: inout Int) throws(RequestRefusal) {
    var probe = self
    let zone = Array(probe.readRaw().suffix(7).dropLast())
    try read(&value)
    offset = 0
    guard value != nil, zone.count == 6, zone[3] == UInt8(ascii: ":"),
      zone[0] == UInt8(ascii: "+") || zone[0] == UInt8(ascii: "-")
    else { return }
    func digit(_ index: Int) -> Int { Int(zone[index]) - 0x30 }
    let seconds = (digit(1) * 10 + digit(2)) * 3600 + (digit(4) * 10 + digit(5)) * 60
    offset = zone[0] == UInt8(ascii: "-") ? -seconds : seconds
  }
}
