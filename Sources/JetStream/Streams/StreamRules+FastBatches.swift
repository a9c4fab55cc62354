// Messages of fast batches: stored one by one, acknowledged now and then (FEATURES 5.075, 5.076).

import JetStreamAPI
import MessageStore

extension StreamRules {
  mutating func proposeFast(
    _ message: InboundMessage, now: Int64, output: inout StreamOutput
  ) -> Proposal {
    do throws(Rejection) {
      try checkBatchMessage(message)
      if !configuration.allowBatchPublish { throw .refused(.batchPublishDisabled) }
      guard let reply = FastBatchReply(message.reply) else { throw .refused(.batchPublishInvalidPattern) }
      if reply.id.utf8.count > 64 { throw .refused(.batchPublishInvalidBatchID) }
      var batch = try fastBatch(reply, now: now)
      return try proposeFast(message, reply, &batch, now: now, output: &output)
    } catch {
      return proposal(for: error, message)
    }
  }

  /// The batch the message belongs to: one that is under way, or a new one, which is not kept yet.
  private mutating func fastBatch(_ reply: FastBatchReply, now: Int64) throws(Rejection) -> FastBatches.Batch {
    if let batch = fastBatches[reply.id] { return batch }
    if reply.sequence != 1 { throw .refused(.batchPublishUnknownBatchID) }
    guard fastBatches.count < setup.batches.fastPerStream,
      setup.inFlight.beginFast(limit: setup.batches.fastTotal)
    else { throw .refused(.batchPublishTooManyInflight) }
    let batch = fastBatches.begin(reply, deadline: now &+ setup.batches.timeoutNanoseconds)
    fastBatches.set(batch)
    return batch
  }

  private mutating func proposeFast(
    _ message: InboundMessage, _ reply: FastBatchReply, _ batch: inout FastBatches.Batch, now: Int64,
    output: inout StreamOutput
  ) throws(Rejection) -> Proposal {
    var header = Array(message.header)
    let headers = PublishHeaders(message.header)
    if headers.requiredLevel.isGiven {
      if AssetMetadata.refusesRequiredLevel(headers.requiredLevel.text) {
        end(batch)
        throw .refused(.requiredApiLevel)
      }
      HeaderEditing.remove("Nats-Required-Api-Level", from: &header)
    }
    if headers.requestInfo != nil { HeaderEditing.remove("Nats-Request-Info", from: &header) }
    if !batch.isCommitting { batch.deadline = now &+ setup.batches.timeoutNanoseconds }
    if reply.operation == .ping { return ping(message, reply, batch, output: &output) }
    // What comes behind an error is left aside: the publisher waits for the acknowledgement of all.
    if batch.isCommitting { return .answer(.none) }
    if let proposal = gap(message, reply, &batch, output: &output) { return proposal }
    if reply.operation == .commitEnd {
      batch.last -= 1
      if batch.pending == 0 { batch.stored = batch.last }
      return commit(batch, to: message.reply)
    }
    let staged = AtomicBatches.Message(
      subject: Array(message.subject), header: header, payload: Array(message.payload))
    return try store(staged, message, reply, batch, now: now, output: &output)
  }

  private mutating func end(_ batch: FastBatches.Batch) {
    if fastBatches.remove(batch) { setup.inFlight.endFast() }
  }

  /// Tells how far the batch is.
  private mutating func ping(
    _ message: InboundMessage, _ reply: FastBatchReply, _ batch: FastBatches.Batch, output: inout StreamOutput
  ) -> Proposal {
    var batch = batch
    var isTold = false
    if reply.sequence > batch.last {
      FastBatches.send(
        .gap(expected: batch.last + 1, current: reply.sequence + 1), to: message.reply, output: &output)
      guard batch.allowsGaps else { return commit(batch, acknowledging: message, output: &output) }
      batch.last = reply.sequence
      if batch.pending == 0 { batch.stored = batch.last }
      isTold = fastBatches.takeAcknowledgement(&batch)
      if isTold { FastBatches.acknowledge(batch, to: message.reply, output: &output) }
    }
    fastBatches.set(batch)
    if !isTold { FastBatches.acknowledge(batch, to: message.reply, output: &output) }
    return .answer(.none)
  }

  /// Looks whether messages are missing; what is to be done if the batch ends with that.
  private mutating func gap(
    _ message: InboundMessage, _ reply: FastBatchReply, _ batch: inout FastBatches.Batch, output: inout StreamOutput
  ) -> Proposal? {
    batch.last += 1
    guard batch.last != reply.sequence else { return nil }
    FastBatches.send(.gap(expected: batch.last, current: reply.sequence), to: message.reply, output: &output)
    if batch.allowsGaps, reply.sequence > batch.last {
      batch.last = reply.sequence
      return nil
    }
    batch.last -= 1
    return commit(batch, to: message.reply)
  }

  /// Ends the batch: at once if all of it is stored, otherwise with the last of its messages that is.
  private mutating func commit(_ batch: FastBatches.Batch, to reply: UnsafeRawBufferPointer) -> Proposal {
    var batch = batch
    batch.isCommitting = true
    guard batch.last == batch.stored else {
      batch.commitReply = Array(reply)
      fastBatches.set(batch)
      return .answer(.none)
    }
    end(batch)
    // Also where single messages are not answered.
    return .answer(.batch(batch.storedSequence, id: batch.id, count: batch.last))
  }

  private mutating func commit(
    _ batch: FastBatches.Batch, acknowledging message: InboundMessage, output: inout StreamOutput
  ) -> Proposal {
    let proposal = commit(batch, to: message.reply)
    if case .answer(.none) = proposal { FastBatches.acknowledge(batch, to: message.reply, output: &output) }
    return proposal
  }

  // MARK: - Storing

  private mutating func store(
    _ staged: AtomicBatches.Message, _ message: InboundMessage, _ reply: FastBatchReply, _ batch: FastBatches.Batch,
    now: Int64, output: inout StreamOutput
  ) throws(Rejection) -> Proposal {
    var batch = batch
    var check = BatchCheck()
    do throws(Rejection) {
      let checked = try self.check(staged, in: &check, isFast: true, now: now)
      begin(batch, message, reply, output: &output)
      if reply.commits { batch.isCommitting = true }
      batch.pending += 1
      let sequence = accept(checked, batch: batch.number, now: now, output: &output)
      fastBatches.note(sequence, is: reply.sequence, of: batch)
      fastBatches.set(batch)
      return .journal
    } catch {
      switch error {
      case .wait: throw error
      case .duplicate(let sequence): return duplicate(of: sequence, message, reply, batch, output: &output)
      case .refused(let refusal): return refuse(refusal, message, reply, batch, output: &output)
      }
    }
  }

  /// The first message is answered with how often acknowledgements come, unless the batch ends with it.
  private func begin(
    _ batch: FastBatches.Batch, _ message: InboundMessage, _ reply: FastBatchReply, output: inout StreamOutput
  ) {
    guard reply.sequence == 1, !reply.commits, !configuration.noAcknowledgement else { return }
    FastBatches.send(.acknowledgement(sequence: 0, messages: batch.flow), to: message.reply, output: &output)
  }

  private mutating func duplicate(
    of sequence: UInt64, _ message: InboundMessage, _ reply: FastBatchReply, _ batch: FastBatches.Batch,
    output: inout StreamOutput
  ) -> Proposal {
    begin(batch, message, reply, output: &output)
    var batch = batch
    if batch.pending == 0 {
      batch.stored = reply.sequence
      if fastBatches.takeAcknowledgement(&batch) {
        FastBatches.acknowledge(batch, to: message.reply, output: &output)
      }
    }
    guard reply.commits else {
      fastBatches.set(batch)
      return .answer(.none)
    }
    if !batch.allowsGaps, batch.last == 1 {
      end(batch)
      return .answer(.duplicateBatch(of: sequence, id: batch.id, count: reply.sequence))
    }
    return commit(batch, to: message.reply)
  }

  private mutating func refuse(
    _ error: JetStreamError, _ message: InboundMessage, _ reply: FastBatchReply, _ batch: FastBatches.Batch,
    output: inout StreamOutput
  ) -> Proposal {
    begin(batch, message, reply, output: &output)
    // A batch that fails with its first message is answered as a message by itself.
    if !batch.allowsGaps, batch.last == 1 {
      end(batch)
      return .answer(.refused(error))
    }
    FastBatches.send(.refused(sequence: reply.sequence, error), to: message.reply, output: &output)
    var batch = batch
    if batch.allowsGaps, !reply.commits {
      fastBatches.set(batch)
      return .answer(.none)
    }
    batch.last -= 1
    if batch.pending == 0 { batch.stored = batch.last }
    return commit(batch, to: message.reply)
  }
}
