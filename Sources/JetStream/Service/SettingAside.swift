import Journal
import Reactor

// Streams that cannot do what their records in the journal say must not keep it from going on: their records are moved
// to a file of each stream (`AsideFile`).

/// What a start finds in the journal of streams that could not be opened.
struct AsideRecords {
  let location: StoreLocation
  let disk: any Disk
  private var files: [UInt64: AsideFile] = [:]
  private var failed: Set<UInt64> = []
  /// What could not be set aside, and stays in the journal.
  private(set) var problems: [String] = []

  init(location: StoreLocation, disk: any Disk) {
    self.location = location
    self.disk = disk
  }

  mutating func add(_ record: JournalRecord) {
    let owner = record.owner
    guard !failed.contains(owner) else { return }
    do {
      if files[owner] == nil {
        files[owner] = try AsideFile(identifier: owner, location: location, disk: disk, creating: true)
      }
      try files[owner]?.append(record.kind, record.payload, record.sequence)
    } catch {
      fail(owner, error)
    }
  }

  /// Makes them durable; the journal has started.
  mutating func finish() {
    for (owner, file) in files {
      do { try file.finish() } catch { fail(owner, error) }
    }
  }

  private mutating func fail(_ owner: UInt64, _ error: any Error) {
    failed.insert(owner)
    files[owner] = nil
    problems.append("records of stream number \(owner) could not be set aside and stay in the journal: \(error)")
  }

  /// Whose records the journal need not keep.
  var owners: Set<UInt64> { Set(files.keys) }
}

extension StreamRunner {
  /// It makes no checkpoints any more, and the journal has something of it below `wanted`.
  func holdsJournal(below wanted: LogSequence) -> Bool {
    isLogged && failure != nil && !isOver && !isSettingAside && max(checkpointedLog, asideThrough) < wanted
      && appliedLog > max(checkpointedLog, asideThrough)
  }
}

extension JetStreamService {
  /// Takes what the journal has of a stream that has stopped out of it. On the stream's loop.
  func setAside(_ runner: StreamRunner) {
    let (handle, through) = (runner.handle, runner.appliedLog)
    runner.isSettingAside = true
    background.submit { [self] in
      let problem = moveAside(handle.identifier, through: through)
      handle.loop.worker.loop.submit { [self] in
        runner.isSettingAside = false
        if let problem {
          server.logger.error(
            "JetStream stream '\(handle.account.name) > \(handle.name)': its records stay in the journal: \(problem)")
        } else if !runner.isOver {
          runner.asideThrough = through
        }
      }
    }
  }

  /// The same for a stream that is closed, but not whole. Any thread.
  func setAside(_ identifier: UInt64) {
    background.submit { [self] in
      guard let problem = moveAside(identifier, through: .max) else { return }
      server.logger.error("JetStream: records of stream number \(identifier) stay in the journal: \(problem)")
    }
  }

  /// Why it could not be done; nil: it was. In the background.
  private func moveAside(_ identifier: UInt64, through: LogSequence) -> String? {
    guard let journal else { return nil }
    let last = min(through, journal.durable)
    do {
      let file = try AsideFile(identifier: identifier, location: location, disk: disk, creating: true)
      try journal.read(owner: identifier, through: last) { try file?.append($0.kind, $0.payload, $0.sequence) }
      try file?.finish()
    } catch {
      return "\(error)"
    }
    journal.release(owner: identifier, through: last)
    return nil
  }

  /// A checkpoint contains it, or the stream is gone.
  func removeAside(_ identifier: UInt64) {
    background.submit { [self] in try? disk.remove(location.aside(identifier)) }
  }
}
