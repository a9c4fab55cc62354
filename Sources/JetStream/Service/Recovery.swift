import Bytes
import CSystem
import Configuration
import Glibc
import JetStreamAPI
import Journal
import MessageStore
import Reactor

// Opening what is stored: the table of streams, their stores, then the journal's records above what they contain.

/// JetStream cannot be opened without losing something.
struct RecoveryProblem: Error, CustomStringConvertible {
  let description: String
}

extension JetStreamService {
  /// Reads everything. Before the loops run.
  func recover() throws {
    try readTable()
    try disk.makeDirectory(location.journal, mode: 0o700)
    let recovery = try JournalRecovery(
      directory: location.journal, disk: disk, options: journalOptions, clock: server.loops.clock)
    var runners: [UInt64: StreamRunner] = [:]
    /// Owners of records that nobody needs: streams that are gone.
    var retired: Set<UInt64> = []
    var aside = AsideRecords(location: location, disk: disk)
    for stream in table.streams.values { runners[stream.identifier] = openIfPossible(stream) }
    while true {
      while let record = recovery.next() {
        if record.owner == MetaLog.owner {
          try replayTable(record, &runners, &retired)
        } else if let runner = runners[record.owner] {
          runner.replay(record.kind, record.payload, record.sequence)
        } else if unrecovered[record.owner] != nil {
          aside.add(record)
        } else {
          retired.insert(record.owner)
        }
      }
      guard case .damaged(let first, let last) = recovery.ending else { break }
      noteJournalDamage("records \(first) to \(last) cannot be read and may be lost")
      for runner in runners.values { runner.mayHaveLost = true }
      recovery.skipDamage()
    }
    let journal = try recovery.start()
    // Now all of it is durable in the journal.
    aside.finish()
    begin(journal)
    for owner in retired.union(aside.owners) { journal.release(owner: owner, through: .max) }
    for problem in aside.problems { server.logger.error("JetStream: \(problem)") }
    finish(runners.values.sorted { $0.handle.identifier < $1.handle.identifier })
    removeOrphans()
  }

  private var journalOptions: JournalOptions {
    var options = JournalOptions()
    // nats-server's own default, two minutes, means here: before every acknowledgement.
    if !self.options.syncAlways, self.options.syncIntervalNanoseconds != Defaults.syncIntervalNanoseconds {
      options.syncIntervalNanoseconds = self.options.syncIntervalNanoseconds
    }
    // A small volume has a small journal.
    options.maximumSegments = min(
      options.maximumSegments, max(Self.fewestSegments, Int(maximumStorage / 8) / options.segmentBytes))
    // What all loops may have on its way, and as much again for what comes until they know.
    options.reserveSegments = 8
    return options
  }

  /// What a journal needs to go on while checkpoints are being written.
  private static var fewestSegments: Int { 8 }

  private func readTable() throws {
    let bytes: [UInt8]
    do {
      bytes = try disk.read(location.table)
    } catch let error as SystemError where error.code == ENOENT {
      return
    }
    guard let table = MetaLog.decode(bytes) else {
      throw RecoveryProblem(
        description: "\(location.table) is damaged: JetStream does not start, so that nothing is taken for deleted")
    }
    self.table = table
    tableSaved = table.applied
  }

  private func replayTable(
    _ record: JournalRecord, _ runners: inout [UInt64: StreamRunner], _ retired: inout Set<UInt64>
  ) throws {
    guard record.sequence > table.applied else { return }
    let before = Set(table.streams.keys)
    guard MetaLog.apply(record.kind, record.payload, to: &table) else {
      server.logger.error("JetStream journal: record \(record.sequence) about streams cannot be read")
      return
    }
    table.applied = record.sequence
    let after = Set(table.streams.keys)
    for identifier in after.subtracting(before) { runners[identifier] = openIfPossible(table.streams[identifier]!) }
    for identifier in before.subtracting(after) {
      runners[identifier] = nil
      unrecovered[identifier] = nil
      retired.insert(identifier)
    }
    for identifier in after.intersection(before) {
      guard let runner = runners[identifier], let stream = table.streams[identifier] else { continue }
      if runner.configuration != stream.configuration { runner.replay(configuration: stream.configuration) }
    }
  }

  /// A stream whose files cannot be read at all does not keep the others from being served; its files, and what the
  /// journal has of it, stay for the next start.
  private func openIfPossible(_ stream: MetaLog.Stream) -> StreamRunner? {
    do {
      return try open(stream)
    } catch {
      server.logger.error(
        "JetStream stream '\(stream.account) > \(stream.configuration.name)' could not be recovered: \(error)")
      unrecovered[stream.identifier] = stream
      return nil
    }
  }

  /// Opens a stream's store and what a checkpoint says of it.
  private func open(_ stream: MetaLog.Stream) throws -> StreamRunner {
    let account = self.account(named: stream.account) ?? detachedAccount(stream.account)
    let handle = StreamHandle(
      account: account, configuration: stream.configuration, identifier: stream.identifier, loop: loopForNewStream(),
      created: stream.created)
    let runner = StreamRunner(handle, store: try openStore(for: stream))
    handle.runner = runner
    for note in runner.store.recovery.notes {
      server.logger.warning("JetStream stream '\(stream.account) > \(stream.configuration.name)': \(note)")
    }
    runner.recoverCheckpoint()
    try replayAside(runner)
    return runner
  }

  /// Applies what an earlier start, or a run in which the stream had stopped, took out of the journal.
  private func replayAside(_ runner: StreamRunner) throws {
    let identifier = runner.handle.identifier
    guard
      let aside = try AsideFile(
        identifier: identifier, location: location, disk: disk, creating: false, { runner.replay($0, $1, $2) })
    else { return }
    runner.asideThrough = aside.last
    guard aside.isDamaged else { return }
    runner.mayHaveLost = true
    server.logger.error(
      "JetStream stream '\(runner.handle.account.name) > \(runner.handle.name)': "
        + "what was set aside for it in \(location.aside(identifier)) is damaged")
  }

  /// The store of a stream, with the directories that it needs.
  func openStore(for stream: MetaLog.Stream) throws -> StreamStore {
    var options = StoreOptions()
    options.compresses = stream.configuration.compression == .s2
    guard stream.configuration.storage == .file else { return StreamStore(memory: options) }
    for directory in location.parents(account: stream.account) { try disk.makeDirectory(directory, mode: 0o700) }
    return try StreamStore.open(
      directory: location.stream(
        account: stream.account, name: stream.configuration.name, identifier: stream.identifier),
      disk: disk, options: options, memory: memory)
  }

  private func finish(_ runners: [StreamRunner]) {
    for runner in runners {
      runner.finishRecovery()
      let handle = runner.handle
      guard isListed(handle.account) else {
        // The account has no JetStream now: what is stored waits for it.
        suspend(handle)
        continue
      }
      handle.account.add(handle)
      let loop = handle.loop
      loop.worker.loop.submit { runner.begin() }
    }
  }

  /// Directories of streams that were deleted while their files were on the way out.
  private func removeOrphans() {
    for name in (try? disk.list(location.aside)) ?? [] where UInt64(name).map({ table.streams[$0] == nil }) ?? false {
      try? disk.remove("\(location.aside)/\(name)")
    }
    let known = Set(
      table.streams.values.map { stream in
        location.stream(account: stream.account, name: stream.configuration.name, identifier: stream.identifier)
      })
    guard let accounts = try? disk.list(location.accounts) else { return }
    for account in accounts {
      let directory = "\(location.accounts)/\(account)/streams"
      for name in (try? disk.list(directory)) ?? [] where !known.contains("\(directory)/\(name)") {
        try? StreamStore.delete(directory: "\(directory)/\(name)", disk: disk)
      }
    }
  }
}

extension StreamRunner {
  /// Takes over what the last checkpoint holds besides the messages.
  func recoverCheckpoint() {
    let recovery = store.recovery
    recovered(through: recovery.appliedLog, checkpointed: recovery.appliedLog)
    guard !recovery.attachment.isEmpty else { return }
    guard let attachment = recovery.attachment.withUnsafeBytes({ RecoveredConsumer.Attachment($0) }) else {
      loop.service.server.logger.error("JetStream stream '\(handle.name)': its consumers cannot be read")
      return
    }
    rules.restore(attachment.rules)
    nextConsumerNumber = attachment.nextNumber
    for consumer in attachment.consumers { recovering[consumer.number] = consumer }
  }

  /// Applies a record of the journal; it may have been applied before.
  func replay(_ kind: UInt8, _ entry: UnsafeRawBufferPointer, _ log: LogSequence) {
    guard log > appliedLog else { return }
    recovered(through: log, checkpointed: checkpointedLog)
    switch StreamEntryKind(rawValue: kind) {
    case .put, .delete, .purge:
      output.removeAll()
      do {
        if mayHaveLost { try noteGap(before: kind, entry) }
        _ = try rules.apply(StreamEntryKind(rawValue: kind)!, entry, output: &output)
      } catch {
        fail("\(error)")
      }
    case .consumer:
      guard var consumer = RecoveredConsumer(entry: entry) else { return }
      if let known = recovering[consumer.number] { consumer.state = known.state }
      recovering[consumer.number] = consumer
      nextConsumerNumber = max(nextConsumerNumber, consumer.number + 1)
    case .consumerDeleted:
      guard let number = RecoveredConsumer.number(of: entry), recovering.removeValue(forKey: number) != nil else {
        return
      }
      if recovering.isEmpty, self.configuration.retention == .interest { hasLostInterest = true }
    case .consumerDelta:
      guard let number = RecoveredConsumer.number(of: entry) else { return }
      do {
        try recovering[number]?.state.apply(delta: UnsafeRawBufferPointer(rebasing: entry[8...]))
      } catch {
        loop.service.server.logger.error("JetStream stream '\(handle.name)': a consumer's record cannot be read")
      }
    case nil: break
    }
  }

  /// The journal has lost records, perhaps of this stream: between its last message and the next one, messages are
  /// missing that had been acknowledged.
  private func noteGap(before kind: UInt8, _ entry: UnsafeRawBufferPointer) throws(StoreError) {
    guard kind == StreamEntryKind.put.rawValue, let put = PutEntry(entry) else { return }
    mayHaveLost = false
    // An atomic batch that has begun before goes on.
    if rules.isStaging { return }
    try store.lose(through: put.sequence - 1)
  }

  func replay(configuration: StreamConfiguration) {
    if configuration.retention != handle.configuration.retention {
      hasLostInterest = configuration.retention == .interest && recovering.isEmpty
    }
    handle.configuration = configuration
    output.removeAll()
    do {
      try rules.update(configuration, now: loop.wallNow, output: &output)
    } catch {
      fail("\(error)")
    }
  }

  /// All records have been applied: consumers begin where they were.
  func finishRecovery() {
    output.removeAll()
    do {
      try rules.finishReplay(output: &output)
    } catch {
      fail("\(error)")
    }
    beginRecoveredConsumers()
    announced = store.lastSequence
    // Without consumers nobody has said what is needed: a restored stream may wait for them.
    if !consumers.isEmpty || hasLostInterest { releaseUnneeded() }
  }

  /// Consumers as checkpoints, the journal or a backup have them begin to run.
  func beginRecoveredConsumers() {
    for recovered in recovering.values.sorted(by: { $0.number < $1.number }) {
      let machine = ConsumerMachine(
        identity: identity(
          of: recovered.configuration, named: recovered.name,
          created: Timestamp(unixNanoseconds: recovered.created)),
        configuration: recovered.configuration, state: recovered.state)
      let consumer = ConsumerRunner(self, number: recovered.number, machine: machine)
      add(consumer)
      consumer.machine.resume(port: consumer, now: consumer.now)
    }
    recovering = [:]
  }
}
