import Reactor

/// Makes a checkpoint durable: first what it speaks of, then the checkpoint itself, under another name until it is whole,
/// then a copy of it. At every point in between the one before is valid, and so is the copy if it is whole: nothing that
/// either speaks of goes before, and the journal releases nothing before.
final class CheckpointJob {
  let folder: StoreFolder
  let checkpoint: CheckpointFile
  /// The index by subject, when it changed since the last checkpoint.
  let subjects: SubjectSnapshot.Copy?
  /// Files that were written since the last checkpoint.
  let unsynced: [String]
  /// Those of them that are blocks written to their end, and their sizes.
  let complete: [(name: String, bytes: Int)]
  /// Blocks that no checkpoint speaks of after this one.
  let doomed: [UInt64]
  /// The file with the index by subject that is replaced.
  let oldSubjects: UInt64?
  let erasures: [Erasure]
  /// Only new files have been written that nobody relies on: after an error they are removed, and nothing has changed.
  private(set) var canBeRepeated = false
  /// Compressed blocks whose files are others than before: records were erased.
  private(set) var replaced: Set<UInt64> = []
  /// Doomed blocks whose files could not be removed.
  private(set) var remaining: [UInt64] = []

  init(
    folder: StoreFolder, checkpoint: CheckpointFile, subjects: SubjectSnapshot.Copy?, unsynced: [String],
    complete: [(name: String, bytes: Int)], doomed: [UInt64], oldSubjects: UInt64?, erasures: [Erasure]
  ) {
    self.erasures = erasures
    self.folder = folder
    self.checkpoint = checkpoint
    self.subjects = subjects
    self.unsynced = unsynced
    self.complete = complete
    self.doomed = doomed
    self.oldSubjects = oldSubjects
  }

  func run() throws {
    let disk = folder.disk
    do {
      try makeCheckpoint()
    } catch {
      if canBeRepeated {
        for name in newFiles { try? disk.remove(folder.path(name)) }
      }
      throw error
    }
    // What is left over does no harm: no checkpoint speaks of it.
    for id in doomed {
      do {
        try disk.removeIfThere(folder.path(StoreFiles.block(id)))
        try disk.removeIfThere(folder.path(StoreFiles.sidecar(id)))
      } catch {
        remaining.append(id)
      }
    }
    for block in complete {
      for path in folder.memory.noteWritten(folder.path(block.name), bytes: block.bytes) {
        try? disk.open(path, creating: nil).leaveCache()
      }
    }
    if subjects != nil, let oldSubjects { try? disk.removeIfThere(folder.path(StoreFiles.subjects(oldSubjects))) }
  }

  private var newFiles: [String] {
    [ErasureFile.name, StoreFiles.newCheckpoint] + (subjects == nil ? [] : [StoreFiles.subjects(checkpoint.number)])
  }

  private func makeCheckpoint() throws {
    let disk = folder.disk
    for name in unsynced { try disk.open(folder.path(name), creating: nil).synchronizeData() }
    canBeRepeated = true
    let plain = try ErasureFile.carryOutCompressed(erasures, folder) { replaced.insert($0) }
    try ErasureFile.carryOut(plain, folder) { canBeRepeated = !$0 }
    if let subjects {
      let file = try disk.open(folder.path(StoreFiles.subjects(checkpoint.number)), creating: 0o600)
      try file.resize(to: 0)
      try SubjectSnapshot.write(subjects, to: file)
      try file.synchronizeData()
    }
    let new = folder.path(StoreFiles.newCheckpoint)
    let file = try disk.open(new, creating: 0o600)
    try file.resize(to: 0)
    let bytes = checkpoint.encode()
    try bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
    try file.synchronizeData()
    try disk.synchronizeDirectory(folder.directory)
    canBeRepeated = false
    try disk.rename(new, to: folder.path(StoreFiles.checkpoint))
    try disk.synchronizeDirectory(folder.directory)
    try copy(bytes)
  }

  /// One changed bit must not cost what only the checkpoint knows: which messages were removed, and the attachment.
  private func copy(_ bytes: [UInt8]) throws {
    let path = folder.path(StoreFiles.checkpointCopy)
    do {
      let file = try folder.disk.open(path, creating: 0o600)
      try file.resize(to: 0)
      try bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
      try file.synchronizeData()
    } catch {
      // Without a copy rather than with one of an earlier checkpoint, whose journal is released.
      try folder.disk.removeIfThere(path)
    }
    try folder.disk.synchronizeDirectory(folder.directory)
  }
}

extension Disk {
  func removeIfThere(_ path: String) throws {
    do { try remove(path) } catch let error as SystemError where error.code == 2 {}
  }
}
