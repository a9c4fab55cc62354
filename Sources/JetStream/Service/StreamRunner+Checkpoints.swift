import MessageStore

// Checkpoints: what the journal need not keep any more. One holds the messages, what the rules remember, and the
// consumers with their states.

extension StreamRunner {
  var isClean: Bool {
    appliedLog <= checkpointedLog && !isCheckpointing && shortage == nil && !store.wantsMaintenance
  }

  /// Enough has come since the last one to be worth the next.
  var hasMuchToCheckpoint: Bool {
    bytesSinceCheckpoint >= max(JetStreamLoop.checkpointBytes, store.subjectBytes + rules.rememberedBytes)
  }

  /// Much has come since the last one, or it is long ago.
  func wantsCheckpoint(at now: Int64) -> Bool {
    if hasMuchToCheckpoint || shortage != nil { return true }
    if dirtySince == 0 { dirtySince = now }
    return now - dirtySince > 30_000_000_000
  }

  /// Makes durable what the journal has of this stream, so that it may forget it.
  ///
  /// A consumer's state is ahead of the journal by what is in flight. So the states are taken first, and the checkpoint
  /// is made when all that is in flight now has been applied, and nothing after it.
  func checkpoint() {
    if isCheckpointing { isCheckpointWanted = true }
    guard isLogged, !isCheckpointing, !isOver, failure == nil,
      appliedLog > checkpointedLog || hasUnloggedState || shortage != nil
    else { return }
    isCheckpointing = true
    isCheckpointWanted = false
    let consumers = consumerCheckpoints()
    // Without consumers there is nothing ahead. A journal that is full writes nothing before there is a checkpoint.
    if self.consumers.isEmpty {
      beginCheckpoint(consumers)
    } else {
      loop.afterEverythingInFlight { [self] in beginCheckpoint(consumers) }
    }
  }

  private func beginCheckpoint(_ consumers: [RecoveredConsumer]) {
    guard let job = prepareCheckpoint(consumers, inSlices: true) else {
      isCheckpointing = false
      return
    }
    bytesSinceCheckpoint = 0
    dirtySince = 0
    carryOut(job)
  }

  /// Copies what the job needs a bit a turn, so that messages need not wait for it, and then has it run.
  private func carryOut(_ job: StoreJob) {
    if isOver {
      isCheckpointing = false
    } else if store.continueCheckpoint(job) {
      loop.service.background.submit { [self] in
        job.run()
        loop.worker.loop.submit { [self] in finishCheckpoint(job) }
      }
    } else {
      loop.worker.loop.submit { [self] in carryOut(job) }
    }
  }

  private var hasUnloggedState: Bool { consumers.values.contains { $0.machine.hasDelta } }

  /// The consumers as they will be when everything that they have logged is durable.
  private func consumerCheckpoints() -> [RecoveredConsumer] {
    for consumer in consumers.values { consumer.settle() }
    return consumers.values.filter(\.isLogged).map { consumer in
      RecoveredConsumer(
        number: consumer.number, name: consumer.name, created: consumer.machine.identity.created.unixNanoseconds,
        configuration: consumer.machine.configuration, state: consumer.machine.state)
    }
  }

  private func prepareCheckpoint(_ consumers: [RecoveredConsumer], inSlices: Bool = false) -> StoreJob? {
    guard !isOver, failure == nil else { return nil }
    var attachment = RecoveredConsumer.Attachment()
    attachment.rules = rules.checkpointState()
    attachment.nextNumber = nextConsumerNumber
    attachment.consumers = consumers
    do {
      let job = try store.prepareCheckpoint(
        appliedLog: appliedLog, attachment: attachment.encoded(), inSlices: inSlices)
      noteShortage()
      return job
    } catch {
      fail("\(error)")
      return nil
    }
  }

  /// The one that is made when everything that was in flight has been applied, and nothing follows.
  func prepareLastCheckpoint() -> StoreJob? { prepareCheckpoint(consumerCheckpoints()) }

  /// False when there is no checkpoint.
  @discardableResult
  func finishCheckpoint(_ job: StoreJob, maintaining: Bool = true) -> Bool {
    isCheckpointing = false
    guard !isOver else { return false }
    do {
      let isDone = try store.finish(job)
      noteShortage()
      guard isDone else { return false }
    } catch {
      fail("\(error)")
      return false
    }
    guard let applied = job.appliedLog else { return false }
    checkpointedLog = applied
    isCheckpointWanted = false
    loop.service.journal?.release(owner: handle.identifier, through: applied)
    if asideThrough > 0, applied >= asideThrough {
      asideThrough = 0
      loop.service.removeAside(handle.identifier)
    }
    if maintaining { maintain() }
    return true
  }

  /// Gives space back that removed messages leave, and compresses, one job after the other; a checkpoint that is wanted
  /// meanwhile comes first.
  func maintain() {
    guard !isOver, !isEnding, failure == nil, !isCheckpointing else { return }
    let job: StoreJob?
    do {
      job = try store.prepareMaintenance()
    } catch {
      fail("\(error)")
      return
    }
    guard let job else { return }
    isCheckpointing = true
    loop.service.background.submit { [self] in
      job.run()
      loop.worker.loop.submit { [self] in
        isCheckpointing = false
        guard !isOver else { return }
        do {
          guard try store.finish(job) else {
            let what =
              job.isCompression
              ? "a block could not be compressed" : "space of removed messages could not be given back"
            loop.service.server.logger.warning(
              "JetStream stream '\(handle.account.name) > \(handle.name)': \(what), tried again later: "
                + "\(job.failure.map { "\($0)" } ?? "")")
            return
          }
        } catch {
          fail("\(error)")
          return
        }
        if isCheckpointWanted {
          isCheckpointWanted = false
          checkpoint()
        }
        maintain()
      }
    }
  }

  // MARK: the end

  /// Waiting clients learn that the server goes; what consumers did is logged.
  func prepareShutDown() {
    isEnding = true
    endUpstreams(removed: false)
    for consumer in consumers.values { consumer.settle() }
  }

  /// The server ends, and nothing more is delivered.
  func dismissWaiting() {
    for consumer in consumers.values { consumer.machine.dismissWaiting(.serverShutdown, port: consumer) }
  }

  /// The server ends: a last checkpoint makes the next start quick. Nothing may be in flight.
  func shutDown() {
    guard !isOver else { return }
    if isLogged, appliedLog > checkpointedLog, !isCheckpointing, let job = prepareLastCheckpoint() {
      job.run()
      finishCheckpoint(job, maintaining: false)
    }
    end()
    try? store.close()
  }
}
