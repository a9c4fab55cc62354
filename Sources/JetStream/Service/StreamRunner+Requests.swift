import Broker
import Bytes
import Configuration
import JetStreamAPI
import MessageStore

// Requests about one stream, on its loop.

extension StreamRunner {
  /// Carries out a request, in order with the messages that were sent before it.
  func handle(_ request: APIRequest) {
    do throws(JetStreamError) {
      switch request.subject.operation {
      case .streamCreate: created(request)
      case .streamUpdate: try updated(request)
      case .streamInfo: try answerInfo(request)
      case .streamPurge: try purge(request)
      case .messageDelete: try deleteMessage(request)
      case .messageGet: try getMessage(request)
      case .streamSnapshot: try snapshot(request)
      case .consumerCreate, .durableCreate: try createConsumer(request)
      case .consumerNames: try answerConsumerNames(request)
      case .consumerList: try answerConsumerList(request)
      case .consumerInfo: try answerConsumerInfo(request)
      case .consumerDelete: try deleteConsumer(request)
      case .consumerPause: try pauseConsumer(request)
      case .consumerReset: resetConsumer(request)
      case .consumerUnpin: try unpinConsumer(request)
      default: request.refuseAsUnclustered(on: loop)
      }
    } catch {
      request.refuse(error, on: loop)
    }
  }

  /// Answers with `body` when everything that came before is durable: who asks sees what it has done.
  private func answerInOrder(_ body: @escaping (StreamRunner) -> Void) {
    loop.afterEverythingInFlight { [self] in body(self) }
  }

  // MARK: the stream

  private func created(_ request: APIRequest) {
    if !request.isRepeatedCreate { publish(Advisory.stream(handle.name, .create, loop.advisoryHead())) }
    request.answer(StreamCreateAnswer(information(), didCreate: true).answer(), on: loop)
  }

  private func updated(_ request: APIRequest) throws(JetStreamError) {
    guard let new = request.updated else { throw .streamNotFound }
    update(new) { [self] in
      publish(Advisory.stream(handle.name, .modify, loop.advisoryHead()))
      request.answer(StreamUpdateAnswer(information()).answer(), on: loop)
    }
  }

  /// Nothing has ever been stored, and no first sequence was given.
  private var isUntouched: Bool { store.lastSequence == 0 && firstConfigured == 0 && !rules.hasBegun }

  /// What the stream holds now (FEATURES 5.092).
  func currentState() -> StreamState {
    let held = store.state
    var state = StreamState()
    state.messages = held.messages
    state.bytes = held.bytes
    // A stream that begins where all begin shows no sequence before its first message.
    state.firstSequence = isUntouched ? 0 : held.firstSequence
    if held.messages > 0 { state.firstTime = Timestamp(unixNanoseconds: held.firstTimestamp) }
    state.lastSequence = held.lastSequence
    if held.lastTimestamp > 0 { state.lastTime = Timestamp(unixNanoseconds: held.lastTimestamp) }
    state.subjectCount = held.subjectCount
    state.deletedCount = Int(clamping: held.deletedCount)
    if let lost = held.lost { state.lost = LostData(sequences: lost.sequences, bytes: lost.bytes) }
    state.consumerCount = consumers.values.reduce(0) { $0 + ($1.machine.configuration.direct ? 0 : 1) }
    return state
  }

  /// What is known of the stream.
  ///
  /// - Parameters:
  ///   - deletedLimit: how many sequences without a message are listed.
  ///   - showsServer: which server it is, in the metadata; lists do without.
  func information(
    deletedLimit: Int = 0, subjects: [String: UInt64] = [:], showsServer: Bool = true
  ) -> StreamInfo {
    var state = currentState()
    state.subjects = subjects
    if deletedLimit > 0 {
      for range in store.deletedRanges(limit: deletedLimit) {
        state.deleted += range.prefix(deletedLimit - state.deleted.count)
        if state.deleted.count >= deletedLimit { break }
      }
      // As nats-server counts, where a file of messages has been begun: there was no message 0.
      if isUntouched, store.backing == .file {
        state.deleted = [0]
        state.deletedCount = 1
      }
    }
    var info = StreamInfo(
      configuration: showsServer
        ? configuration.withAnsweredMetadata(serverVersion: Version.compatibleServer) : configuration,
      created: Timestamp(unixNanoseconds: handle.created), state: state,
      time: Timestamp(unixNanoseconds: loop.wallNow))
    (info.mirror, info.sources) = upstreamInformation
    return info
  }

  private func answerInfo(_ request: APIRequest) throws(JetStreamError) {
    var wanted = StreamInfoRequest()
    if request.hasJSON {
      wanted = try StreamInfoRequest.decode(request.payload, isStrict: loop.service.options.strict)
    }
    answerInOrder { runner in
      var page = Page()
      var subjects: [String: UInt64] = [:]
      if !wanted.subjectsFilter.isEmpty {
        var position = 0
        let offset = max(wanted.offset, 0)
        runner.store.subjectTotals(SubjectFilters(wanted.subjectsFilter)) { subject, count in
          if position >= offset, position - offset < APILimits.subjectDetails {
            subjects[String(decoding: subject, as: UTF8.self)] = count
          }
          position += 1
          return true
        }
        if position > 0 { page = Page(total: position, offset: offset, limit: APILimits.subjectDetails) }
      }
      var info = runner.information(deletedLimit: wanted.deletedDetails ? .max : 0, subjects: subjects)
      info.leader = runner.loop.service.server.serverName
      info.domain = runner.loop.service.domain
      request.answer(StreamInfoAnswer(info, page: page).answer(), on: runner.loop)
    }
  }

  // MARK: purge and delete

  private func purge(_ request: APIRequest) throws(JetStreamError) {
    var wanted = StreamPurgeRequest()
    if request.hasJSON {
      wanted = try request.decoded { (bytes) throws(JetStreamError) in
        try StreamPurgeRequest.decodePurge(bytes, isStrict: loop.service.options.strict)
      }
    }
    let last = rules.proposedSequence
    var isFirst = true
    try change(request) { (rules, output) throws(JetStreamError) in
      defer { isFirst = false }
      return try rules.proposePurge(wanted, through: last, isFirst: isFirst, output: &output)
    }
  }

  private func deleteMessage(_ request: APIRequest) throws(JetStreamError) {
    if request.isEmpty { throw .badRequest }
    let wanted = try MessageDeleteRequest.decode(request.payload, isStrict: loop.service.options.strict)
    request.absence = absence(of: wanted.sequence)
    try change(request) { (rules, output) throws(JetStreamError) in
      try rules.proposeDelete(wanted, output: &output)
    }
  }

  /// What nats-server says of a message that is not there; its stores differ.
  private func absence(of sequence: UInt64) -> JetStreamError {
    if store.backing == .memory { return .sequenceNotFound(sequence) }
    if sequence > store.lastSequence, sequence > 0 { return .streamMsgDeleteFailed("stream store EOF") }
    if sequence < store.firstSequence { return .streamMsgDeleteFailed("no message found") }
    return .sequenceNotFound(sequence)
  }

  private func change(
    _ request: APIRequest,
    _ propose: @escaping (inout StreamRules, inout StreamOutput) throws(JetStreamError) -> Proposal
  ) throws(JetStreamError) {
    if let failure { throw .streamStoreFailed(failure) }
    output.removeAll()
    switch try propose(&rules, &output) {
    case .journal:
      expectChange(request)
      append(output.entries, reply: .empty)
    case .answer:
      answerInOrder { runner in
        if request.subject.operation == .streamPurge {
          request.finishPurge(0, on: runner.loop)
        } else {
          request.finishDelete(false, on: runner.loop)
        }
      }
    case .wait:
      answerInOrder { runner in
        do throws(JetStreamError) {
          try runner.change(request, propose)
        } catch {
          request.refuse(error, on: runner.loop)
        }
      }
    }
  }
}

extension APIRequest {
  func finishPurge(_ count: UInt64, on loop: JetStreamLoop) {
    answer(StreamPurgeAnswer(purged: count).answer(), on: loop)
  }

  func finishDelete(_ existed: Bool, on loop: JetStreamLoop) {
    if existed {
      answer(MessageDeleteAnswer().answer(), on: loop)
    } else {
      // Not counted as an error.
      answer(subject.operation.refusal(absence), on: loop)
    }
  }

  /// Answers with an error, as the type of answer that belongs to the request.
  func refuse(_ error: JetStreamError, on loop: JetStreamLoop) {
    answer(subject.operation.refusal(error), failed: true, on: loop)
  }

  func answerStreamNotFound(on loop: JetStreamLoop) { refuse(.streamNotFound, on: loop) }

  /// What only clusters have.
  func refuseAsUnclustered(on loop: JetStreamLoop) { refuse(.clusterRequired, on: loop) }
}

extension APIOperation {
  /// An error in the form of the operation's answer.
  func refusal(_ error: JetStreamError) -> [UInt8] {
    switch self {
    case .accountInfo: AccountInformation.answer(refusing: error)
    case .streamCreate: StreamCreateAnswer.answer(refusing: error)
    case .streamUpdate: StreamUpdateAnswer.answer(refusing: error)
    case .streamNames: StreamNamesAnswer.answer(refusing: error)
    case .streamList: StreamListAnswer.answer(refusing: error)
    case .streamInfo: StreamInfoAnswer.answer(refusing: error)
    case .streamDelete: StreamDeleteAnswer.answer(refusing: error)
    case .streamPurge: StreamPurgeAnswer.answer(refusing: error)
    case .streamSnapshot: StreamSnapshotAnswer.answer(refusing: error)
    case .streamRestore: StreamRestoreAnswer.answer(refusing: error)
    case .messageDelete: MessageDeleteAnswer.answer(refusing: error)
    case .messageGet: MessageGetAnswer.answer(refusing: error)
    case .streamRemovePeer: StreamPeerRemoveAnswer.answer(refusing: error)
    case .streamEvacuatePeer: StreamPeerEvacuateAnswer.answer(refusing: error)
    case .streamCancelMove: StreamCancelMoveAnswer.answer(refusing: error)
    case .accountStreamMove, .accountStreamCancelMove: StreamUpdateAnswer.answer(refusing: error)
    case .streamStepDown: StreamStepDownAnswer.answer(refusing: error)
    case .consumerCreate, .durableCreate: ConsumerCreateAnswer.answer(refusing: error)
    case .consumerNames: ConsumerNamesAnswer.answer(refusing: error)
    case .consumerList: ConsumerListAnswer.answer(refusing: error)
    case .consumerInfo: ConsumerInfoAnswer.answer(refusing: error)
    case .consumerDelete: ConsumerDeleteAnswer.answer(refusing: error)
    case .consumerPause: ConsumerPauseAnswer.answer(refusing: error)
    case .consumerReset: ConsumerResetAnswer.answer(refusing: error)
    case .consumerUnpin: ConsumerUnpinAnswer.answer(refusing: error)
    case .consumerStepDown: ConsumerStepDownAnswer.answer(refusing: error)
    case .metaStepDown: MetaStepDownAnswer.answer(refusing: error)
    case .serverRemove, .serverEvacuate: MetaServerRemoveAnswer.answer(refusing: error)
    case .metaRescue: MetaRescueAnswer.answer(refusing: error)
    case .accountPurge: AccountPurgeAnswer.answer(refusing: error)
    }
  }
}
