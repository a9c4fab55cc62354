import Broker
import JetStreamAPI
import MessageStore
import Reactor

// Accounts that lose JetStream by a reload, and get it again: their streams' stores are closed, whole, so that nothing of
// them is in the journal only, and opened again.

extension JetStreamService {
  /// Closes what the account stores. Streams in memory end. Loop 0.
  func suspend(_ account: AccountJetStream) {
    for handle in account.sortedStreams {
      handle.isDeleted = true
      account.remove(handle)
      suspend(handle)
    }
  }

  /// Loop 0, or before the loops run.
  func suspend(_ handle: StreamHandle) {
    if let stream = table.streams[handle.identifier] {
      note(unserved: stream, true)
      closing.insert(handle.identifier)
    }
    handle.loop.worker.loop.submit { [self] in
      guard let runner = handle.runner else { return }
      runner.suspend { [self] problem in
        loops[0].worker.loop.submit { [self] in suspended(handle, problem) }
      }
    }
  }

  private func suspended(_ handle: StreamHandle, _ problem: String?) {
    guard let stream = table.streams[handle.identifier] else { return }
    if let problem {
      // The journal has what the store lacks: the next start puts it together.
      server.logger.error(
        "JetStream stream '\(stream.account) > \(handle.name)' could not be closed, and waits for a restart: \(problem)"
      )
      setAside(handle.identifier)
      return
    }
    closing.remove(handle.identifier)
    if let account = account(named: stream.account) { resume(account) }
  }

  /// Opens what the account has stored. Loop 0.
  func resume(_ account: AccountJetStream) {
    let stored = table.streams.values.filter { $0.account == account.name }
    for stream in stored.sorted(by: { $0.identifier < $1.identifier }) {
      let identifier = stream.identifier
      guard !closing.contains(identifier), !opening.contains(identifier), unrecovered[identifier] == nil,
        account.stream(named: stream.configuration.name) == nil
      else { continue }
      opening.insert(identifier)
      let handle = StreamHandle(
        account: account, configuration: stream.configuration, identifier: identifier, loop: loopForNewStream(),
        created: stream.created)
      // Reading the newest block and the index takes its time.
      background.submit { [self] in
        do {
          let store = try openStore(for: stream)
          handle.loop.worker.loop.submit { [self] in
            handle.runner = StreamRunner(handle, store: store)
            handle.runner!.recoverCheckpoint()
            handle.runner!.finishRecovery()
            loops[0].worker.loop.submit { [self] in resumed(handle, stream) }
          }
        } catch {
          let problem = "\(error)"
          loops[0].worker.loop.submit { [self] in
            opening.remove(identifier)
            server.logger.error(
              "JetStream stream '\(stream.account) > \(handle.name)' could not be recovered: \(problem)")
          }
        }
      }
    }
  }

  private func resumed(_ handle: StreamHandle, _ stream: MetaLog.Stream) {
    opening.remove(handle.identifier)
    guard isListed(handle.account) else {
      // It has lost JetStream again.
      suspend(handle)
      return
    }
    note(unserved: stream, false)
    handle.account.add(handle)
    handle.loop.worker.loop.submit { handle.runner?.begin() }
  }
}

extension StreamRunner {
  /// Ends because the account has no JetStream any more; the data stay. `done` gets why the store lacks some of them, nil
  /// when it has all.
  func suspend(_ done: @escaping @Sendable (String?) -> Void) {
    prepareShutDown()
    unlisten()
    handle.answersDirectGets = false
    for consumer in consumers.values { consumer.end() }
    loop.afterEverythingInFlight { [self] in closeStore(done) }
  }

  private func closeStore(_ done: @escaping @Sendable (String?) -> Void) {
    if isCheckpointing {
      loop.worker.loop.schedule(afterNanoseconds: 1_000_000) { [self] in closeStore(done) }
      return
    }
    guard isLogged, let job = prepareLastCheckpoint() else {
      finishSuspension()
      done(isLogged ? failure ?? shortage ?? "no checkpoint" : nil)
      return
    }
    isCheckpointing = true
    loop.service.background.submit { [self] in
      job.run()
      loop.worker.loop.submit { [self] in
        let isDone = finishCheckpoint(job, maintaining: false)
        finishSuspension()
        done(isDone ? nil : failure ?? shortage ?? "no checkpoint")
      }
    }
  }

  private func finishSuspension() {
    end()
    try? store.close()
    loop.forget(self)
    forgetUse()
    handle.runner = nil
  }
}
