import Configuration
import Subjects

// Requests and answers on their way over account borders (FEATURES 2.029, 4.028 to 4.030). Everything happens on the
// publisher's loop.

extension Worker {
  /// Carries a request to the exporter. Returns whether anybody there got it.
  func forward(_ message: Message, to item: ServiceImport, from publisher: ConnectionPointer?) -> Bool {
    let hop = item.hop
    if passage.contains(hop.export) { return false }
    let sample = hop.latency.flatMap { LatencySample($0, message, random: nextRandom()) }
    var reply: ServiceReply?
    if message.replyLength > 0 {
      // Acknowledgements go to the stream as they are.
      if !message.replyBytes.starts(with: "$JS.ACK.".utf8) {
        reply = awaitReply(to: message, hop, sample, from: publisher)
      }
    } else if let sample, let latency = hop.latency {
      reportBadRequest(latency, sample, from: publisher, hop)
    }

    let step = step(over: hop, from: publisher)
    let header = HeaderBlock.setting(RequestInfo.header, to: step.requestInfo!.json(), in: message.headerBytes)
    let delivered = item.targetSubject(of: message.subjectBytes).withBytes { subject in
      withHeader(tracedHeader(header, hop, allowTrace: hop.export.plan.allowTrace), message) { forwarded in
        publish(
          forwarded, as: subject, reply: reply, over: hop, step, allowTrace: hop.export.plan.allowTrace,
          from: publisher)
      }
    }
    if let reply, !delivered || passage.trace?.isOnly == true {
      hop.target.replies.end(reply, delivered ? .done : .noDelivery, on: self)
    }
    return delivered
  }

  /// Carries an answer to whoever asked.
  func forward(_ message: Message, as reply: ServiceReply, from publisher: ConnectionPointer?) {
    let hop = reply.hop
    if passage.contains(hop.export) {
      if reply.isSingle { hop.source.replies.end(reply, .done, on: self) }
      return
    }
    var next: ServiceReply?
    if message.replyLength > 0, !message.replyBytes.starts(with: "$JS.ACK.".utf8) {
      let sample = hop.latency.flatMap { LatencySample($0, message, random: nextRandom()) }
      next = awaitReply(to: message, hop, sample, from: publisher)
    }
    if let measurement = reply.measurement, hop.source.replies.beginMeasuring(reply) {
      report(measurement, answeredBy: publisher, in: hop.source)
    }
    let step = Passage.Step(export: hop.export, share: hop.share, requestInfo: nil)
    let delivered = reply.to.withBytes { subject in
      guard passage.trace != nil else {
        return publish(message, as: subject, reply: next, over: hop, step, allowTrace: false, from: publisher)
      }
      return withHeader(tracedHeader(Array(message.headerBytes), hop, allowTrace: false), message) { forwarded in
        publish(forwarded, as: subject, reply: next, over: hop, step, allowTrace: false, from: publisher)
      }
    }
    if let next, !delivered || passage.trace?.isOnly == true {
      hop.target.replies.end(next, delivered ? .done : .noDelivery, on: self)
    }
    if !delivered || reply.isSingle || message.size == 0 {
      hop.source.replies.end(reply, delivered ? .done : .noDelivery, on: self)
    } else {
      hop.source.replies.touch(reply, now: loop.now)
    }
  }

  /// The header block of a traced message behind the border. Where tracing is allowed the trace's destination is a reply
  /// subject, for servers further on.
  private func tracedHeader(_ header: [UInt8], _ hop: ServiceHop, allowTrace: Bool) -> [UInt8] {
    guard passage.trace != nil else { return header }
    return header.withUnsafeBytes { header in
      let value = allowTrace ? hop.target.replies.spareSubject(in: hop.target, on: self) : TraceHeader.disabled
      return HeaderBlock.setting("Nats-Trace-Dest", to: value, in: header)
    }
  }

  private func withHeader(_ header: [UInt8], _ message: Message, _ body: (Message) -> Bool) -> Bool {
    (header + message.bodyBytes[message.headerLength...]).withUnsafeBytes { bytes in
      var changed = message
      changed.body = bytes.baseAddress!
      changed.size = bytes.count
      changed.headerLength = header.count
      return body(changed)
    }
  }

  /// The reply subject of a message gets a stand-in in the account where the message goes.
  private func awaitReply(
    to message: Message, _ hop: ServiceHop, _ sample: LatencySample?, from publisher: ConnectionPointer?
  ) -> ServiceReply {
    var measurement: LatencyMeasurement?
    if let sample, let latency = hop.latency, hop.export.plan.responseType == .singleton {
      measurement = LatencyMeasurement(
        latency: latency, requestor: RequestInfo(publisher, in: hop.source, detailed: hop.share), sample: sample,
        start: loop.clock.wallNanoseconds())
    }
    let back = ServiceHop(
      source: hop.target, target: hop.source, export: hop.export, latency: measurement == nil ? nil : hop.latency,
      share: hop.share)
    return hop.target.replies.owe(back, to: message.replyBytes, measurement: measurement, on: self)
  }

  /// What a request's next step adds to its passage: of several imports in a row the first one decides what is shared.
  private func step(over hop: ServiceHop, from publisher: ConnectionPointer?) -> Passage.Step {
    let previous = passage.steps.last
    let share = previous?.share ?? hop.share
    var info: RequestInfo
    if let known = previous?.requestInfo {
      info = known
      info.service = hop.source.name
      if !share, hop.share || hop.target.isSystem { info.addServer(server) }
    } else {
      info = RequestInfo(publisher, in: hop.source, detailed: share)
      if !share, hop.target.isSystem { info.addServer(server) }
    }
    return Passage.Step(export: hop.export, share: hop.share, requestInfo: info)
  }

  /// Delivers a message in the account that a hop leads to. The mappings there apply.
  private func publish(
    _ message: Message, as subject: UnsafeRawBufferPointer, reply: ServiceReply?, over hop: ServiceHop,
    _ step: Passage.Step, allowTrace: Bool, from publisher: ConnectionPointer?
  ) -> Bool {
    passage.steps.append(step)
    let trace = passage.trace
    defer {
      passage.steps.removeLast()
      passage.trace = trace
    }
    let random = nextRandom()
    let target = hop.target
    func deliver(_ subject: UnsafeRawBufferPointer) -> Bool {
      if let trace {
        note(trace, .serviceImport(account: target.name, from: text(message.subjectBytes), to: text(subject)))
        if !allowTrace {
          // What happens there is not noted, and a message that is only traced stops here.
          if trace.isOnly { return false }
          passage.trace = nil
        }
        trace.account = target
      }
      defer { trace?.account = hop.source }
      var forwarded = message
      forwarded.subject = subject.baseAddress!
      forwarded.subjectLength = subject.count
      forwarded.isImported = true
      let entry = match(target.openScope.state, forwarded.subject, forwarded.subjectLength, .mapped)
      guard !entry.pointee.flags.contains(.denied) else { return false }
      guard let reply else {
        if !message.replyBytes.starts(with: "$JS.ACK.".utf8) {
          forwarded.reply = nil
          forwarded.replyLength = 0
        }
        return self.deliver(entry, forwarded, from: publisher)
      }
      return reply.subject.withBytes { bytes in
        forwarded.reply = bytes.baseAddress
        forwarded.replyLength = bytes.count
        return self.deliver(entry, forwarded, from: publisher)
      }
    }
    switch target.rules.mappings.mapped(subject, random: random) {
    case .unmapped: return deliver(subject)
    case .lost: return false
    case .mapped(let mapped): return mapped.withBytes(deliver)
    }
  }
}

/// A subject after an account's mappings.
enum MappedSubject {
  case unmapped
  case lost
  case mapped(PaddedBytes)
}

extension AccountMappings {
  /// `map` into memory of its own.
  func mapped(_ subject: UnsafeRawBufferPointer, random: UInt64) -> MappedSubject {
    if isEmpty { return .unmapped }
    var capacity = max(128, subject.count * 2)
    while true {
      var outcome = Outcome.unmapped
      let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        outcome = map(subject, random: random, into: UnsafeMutableRawBufferPointer(buffer))
        if case .mapped(let length) = outcome { count = min(length, capacity) }
      }
      switch outcome {
      case .unmapped: return .unmapped
      case .lost: return .lost
      case .mapped(let length):
        if length <= capacity { return .mapped(PaddedBytes(bytes)) }
        capacity = length
      }
    }
  }
}
