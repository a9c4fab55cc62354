import Broker
import Bytes
import JetStreamAPI
import MessageStore
import Subjects

// Reading single messages: STREAM.MSG.GET and direct gets (FEATURES 5.098, 8.001 to 8.009).

extension StreamRunner {
  func getMessage(_ request: APIRequest) throws(JetStreamError) {
    if request.isEmpty { throw .badRequest }
    let wanted = try MessageGetRequest.decode(request.payload, isStrict: loop.service.options.strict)
    try wanted.validate()
    guard let found = try? message(wanted) else { throw .noMessageFound }
    let answer = MessageGetAnswer(
      subject: String(decoding: found.subject, as: UTF8.self), sequence: found.sequence,
      header: wanted.noHeaders ? [] : Array(found.header), payload: Array(found.payload),
      time: Timestamp(unixNanoseconds: found.timestamp))
    request.answerQuietly(answer.answer(), on: loop)
  }

  /// The one message that a request without a batch is about.
  private func message(_ wanted: MessageGetRequest) throws(StoreError) -> StoredMessage? {
    var sequence = wanted.sequence
    if let time = wanted.startTime { sequence = try store.firstSequence(atOrAfter: time.unixNanoseconds) }
    if !wanted.nextBySubject.isEmpty {
      return try store.next(from: sequence, matching: SubjectFilters(wanted.nextBySubject))
    }
    if !wanted.lastBySubject.isEmpty { return try last(wanted.lastBySubject) }
    return try store.load(sequence)
  }

  private func last(_ subject: String) throws(StoreError) -> StoredMessage? {
    let filters = SubjectFilters(subject)
    if let literal = filters.literal {
      let sequence: Result<UInt64?, StoreError> = literal.withUnsafeBytes { bytes in
        Result { () throws(StoreError) in try store.lastSequence(of: bytes) }
      }
      guard let sequence = try sequence.get() else { return nil }
      return try store.load(sequence)
    }
    return try store.previous(through: .max, matching: filters)
  }

  // MARK: direct gets

  /// A message to `$JS.API.DIRECT.GET.<stream>[.<subject>]`.
  func directGet(_ message: Message) {
    guard message.reply != nil, message.replyLength > 0 else { return }
    let body = message.bodyBytes
    let header = UnsafeRawBufferPointer(rebasing: body[..<message.headerLength])
    let payload = UnsafeRawBufferPointer(rebasing: body[message.headerLength...])
    let reply = message.replyBytes
    if refusesRequiredLevel(header) {
      sendStatus("NATS/1.0 412 Required Api Level\r\n\r\n", to: reply)
      return
    }
    do throws(DirectGetStatus) {
      let wanted: MessageGetRequest
      if let subject = directSubject(message.subjectBytes) {
        // What key-value stores ask for.
        if payload.isEmpty, Subject.isLiteralAndValid(subject) {
          answer(lastOf: subject, to: reply)
          return
        }
        wanted = try MessageGetRequest.direct(subject: String(decoding: subject, as: UTF8.self), payload)
      } else {
        wanted = try MessageGetRequest.direct(payload)
      }
      answer(wanted, to: reply)
    } catch {
      sendStatus(error.header, to: reply)
    }
  }

  private func answer(lastOf subject: UnsafeRawBufferPointer, to reply: UnsafeRawBufferPointer) {
    do {
      if let sequence = try store.lastSequence(of: subject), let found = try store.load(sequence) {
        send(found, pending: nil, withHeaders: true, to: reply)
        return
      }
    } catch {}
    sendStatus(Self.notFound, to: reply)
  }

  private static var notFound: StaticString { "NATS/1.0 404 Message Not Found\r\n\r\n" }

  /// What follows the stream's name in the subject.
  private func directSubject(_ subject: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let name = subject.position(afterToken: "GET") else { return nil }
    let rest = subject[name...]
    guard let dot = rest.firstIndex(of: UInt8(ascii: ".")) else { return nil }
    return UnsafeRawBufferPointer(rebasing: rest[(dot + 1)...])
  }

  private func answer(_ wanted: MessageGetRequest, to reply: UnsafeRawBufferPointer) {
    do {
      if !wanted.multiLast.isEmpty {
        try answerMultiLast(wanted, reply)
      } else if wanted.batch != 0 {
        try answerBatch(wanted, reply)
      } else if let found = try self.message(wanted) {
        send(found, pending: nil, withHeaders: !wanted.noHeaders, to: reply)
      } else {
        sendStatus(Self.notFound, to: reply)
      }
    } catch {
      sendStatus(Self.notFound, to: reply)
    }
  }

  private var defaultBytes: Int { Int(clamping: loop.service.server.options.maxPending) }

  private func answerBatch(_ wanted: MessageGetRequest, _ reply: UnsafeRawBufferPointer) throws(StoreError) {
    var sequence = wanted.sequence
    if let time = wanted.startTime { sequence = try store.firstSequence(atOrAfter: time.unixNanoseconds) }
    let filters = wanted.nextBySubject.isEmpty ? SubjectFilters.everything : SubjectFilters(wanted.nextBySubject)
    var pending = try store.pending(from: sequence, matching: filters).messages
    // Less than nothing is reached by the first message.
    let limit = wanted.maximumBytes != 0 ? wanted.maximumBytes : defaultBytes
    var last: UInt64 = 0
    var bytes = 0
    for position in 0..<max(wanted.batch, 0) {
      guard let found = try store.next(from: sequence, matching: filters) else {
        if position > 0, wanted.batch > 1 { break }
        sendStatus(Self.notFound, to: reply)
        return
      }
      sequence = found.sequence + 1
      // As nats-server: without headers nobody counts.
      if pending > 0, !wanted.noHeaders { pending -= 1 }
      let size = found.subject.count + found.header.count + found.payload.count
      let current = found.sequence
      send(found, pending: (pending, last), withHeaders: !wanted.noHeaders, to: reply)
      last = current
      bytes += size
      if bytes >= limit { break }
    }
    end("Nats-Num-Pending: \(pending)\r\nNats-Last-Sequence: \(last)\r\n", to: reply)
  }

  private func answerMultiLast(_ wanted: MessageGetRequest, _ reply: UnsafeRawBufferPointer) throws(StoreError) {
    var through = wanted.upToSequence
    if let time = wanted.upToTime {
      let next = try store.firstSequence(atOrAfter: time.unixNanoseconds)
      if next <= store.firstSequence {
        sendStatus("NATS/1.0 404 No Results\r\n\r\n", to: reply)
        return
      }
      through = next - 1
    }
    if through == 0 { through = store.lastSequence }
    // As nats-server's stores: in files there is nothing beyond the end.
    if store.backing == .file, wanted.upToTime == nil, through > store.lastSequence {
      sendStatus("NATS/1.0 404 No Results\r\n\r\n", to: reply)
      return
    }
    // No message has the empty subject.
    let subjects = wanted.multiLast.filter { !$0.isEmpty }
    let found =
      subjects.isEmpty
      ? []
      : try store.lastPerSubject(
        SubjectFilters(subjects), through: through, limit: MessageGetRequest.maximumMultiLast)
    guard var sequences = found else {
      sendStatus("NATS/1.0 413 Too Many Results\r\n\r\n", to: reply)
      return
    }
    if sequences.isEmpty {
      sendStatus("NATS/1.0 404 No Results\r\n\r\n", to: reply)
      return
    }
    sequences.removeAll { $0 < wanted.sequence }
    let limit = wanted.maximumBytes != 0 ? wanted.maximumBytes : defaultBytes
    var pending = UInt64(sequences.count)
    var last: UInt64 = 0
    var bytes = 0
    for (position, sequence) in sequences.enumerated() {
      guard let message = try store.load(sequence) else {
        sendStatus(Self.notFound, to: reply)
        return
      }
      pending -= 1
      bytes += message.subject.count + message.header.count + message.payload.count
      send(message, pending: (pending, last), withHeaders: true, to: reply)
      last = sequence
      if bytes >= limit || (wanted.batch > 0 && position + 1 >= wanted.batch) { break }
    }
    end(
      "Nats-Num-Pending: \(pending)\r\nNats-Last-Sequence: \(last)\r\nNats-UpTo-Sequence: \(through)\r\n", to: reply)
  }

  /// - Parameter pending: what follows, and the sequence sent before; only in batches.
  private func send(
    _ message: StoredMessage, pending: (UInt64, UInt64)?, withHeaders: Bool, to reply: UnsafeRawBufferPointer
  ) {
    getHeader.removeAll(keepingCapacity: true)
    if withHeaders { getHeader.describe(message, of: handle.nameBytes, pending: pending) }
    getHeader.withUnsafeBytes { header in
      _ = loop.send(to: reply, showing: .empty, reply: .empty, header: header, payload: message.payload, in: account)
    }
  }

  private func end(_ fields: String, to reply: UnsafeRawBufferPointer) {
    Array("NATS/1.0 204 EOB\r\n\(fields)\r\n".utf8).withUnsafeBytes {
      _ = loop.send(to: reply, showing: .empty, reply: .empty, header: $0, payload: .empty, in: account)
    }
  }

  private func sendStatus(_ status: StaticString, to reply: UnsafeRawBufferPointer) {
    let header = UnsafeRawBufferPointer(start: status.utf8Start, count: status.utf8CodeUnitCount)
    _ = loop.send(to: reply, showing: .empty, reply: .empty, header: header, payload: .empty, in: account)
  }
}

extension [UInt8] {
  /// Appends the header of a direct get's answer (FEATURES 8.003, 8.007).
  fileprivate mutating func describe(_ message: StoredMessage, of stream: [UInt8], pending: (UInt64, UInt64)?) {
    if message.header.count > 2 {
      append(contentsOf: UnsafeRawBufferPointer(rebasing: message.header.dropLast(2)))
    } else {
      append("NATS/1.0\r\n")
    }
    append("Nats-Stream: ")
    append(contentsOf: stream)
    append("\r\nNats-Subject: ")
    append(contentsOf: message.subject)
    append("\r\nNats-Sequence: ")
    append(decimal: message.sequence)
    append("\r\nNats-Time-Stamp: ")
    RFC3339.append(Timestamp(unixNanoseconds: message.timestamp), to: &self)
    if let (next, last) = pending {
      append("\r\nNats-Num-Pending: ")
      append(decimal: next)
      append("\r\nNats-Last-Sequence: ")
      append(decimal: last)
    }
    append("\r\n\r\n")
  }

  private mutating func append(_ text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}

/// Whether a request's header asks for a level of the API that this server does not have (FEATURES 5.084).
func refusesRequiredLevel(_ header: UnsafeRawBufferPointer) -> Bool {
  guard let value = HeaderBlock.value(of: "Nats-Required-Api-Level", in: header) else { return false }
  return AssetMetadata.refusesRequiredLevel(value)
}

extension UnsafeRawBufferPointer {
  /// Where the token behind the first one of that text begins.
  fileprivate func position(afterToken text: StaticString) -> Int? {
    let length = text.utf8CodeUnitCount
    var start = 0
    while start < count {
      let end = self[start...].firstIndex(of: UInt8(ascii: ".")) ?? count
      if end - start == length,
        self[start..<end].elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: length))
      {
        return end < count ? end + 1 : nil
      }
      start = end + 1
    }
    return nil
  }
}
