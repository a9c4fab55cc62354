import Glibc
import Reactor

extension StreamStore {
  /// A job that makes everything so far durable, or nil for a store in memory, while another job is under way, and when
  /// there is no space (`shortage`).
  /// `appliedLog`: the journal's sequence up to which every entry is contained; it and the attachment come back with
  /// `recovery`. Files of blocks that were emptied are removed by it.
  ///
  /// - Parameter inSlices: the job may run only when `continueCheckpoint` has said so.
  public func prepareCheckpoint(
    appliedLog: UInt64, attachment: [UInt8], inSlices: Bool = false
  ) throws(StoreError) -> StoreJob? {
    guard let files, runningJob == nil else { return nil }
    if let failure { throw .failed(failure) }
    pad()
    try flush()
    if tail.count > 0 { return nil }
    for block in blocks where block.isSealed && block.index != nil { try writeSidecar(block) }
    var checkpoint = CheckpointFile()
    checkpoint.number = checkpointNumber + 1
    checkpoint.appliedLog = appliedLog
    checkpoint.attachment = attachment
    checkpoint.lastSequence = counts.lastSequence
    checkpoint.lastTimestamp = counts.lastTimestamp
    checkpoint.nextBlock = nextBlock
    checkpoint.previousRecord = previousRecord
    checkpoint.lost = lost
    checkpoint.blocks = blocks.map { $0.summary }
    checkpoint.subjectsNumber = subjectsChanged ? checkpoint.number : subjectsNumber
    var unsynced: [String] = []
    var complete: [(name: String, bytes: Int)] = []
    for block in blocks {
      if block.needsSync {
        unsynced.append(StoreFiles.block(block.id))
        if block.isSealed { complete.append((StoreFiles.block(block.id), block.end)) }
      }
      if block.sidecarNeedsSync { unsynced.append(StoreFiles.sidecar(block.id)) }
      block.needsSync = false
      block.sidecarNeedsSync = false
    }
    let copy = subjectsChanged ? subjects.beginCopy() : nil
    if let copy, !inSlices { _ = subjects.continueCopy(copy, bytes: .max) }
    let job = StoreJob(
      .checkpoint(
        CheckpointJob(
          folder: files, checkpoint: checkpoint, subjects: copy, unsynced: unsynced, complete: complete,
          doomed: doomed, oldSubjects: subjectsNumber == 0 ? nil : subjectsNumber,
          erasures: erasures)))
    erasures = []
    subjectsChanged = false
    runningJob = job
    erasedDuringJob = []
    reportMemory()
    return job
  }

  /// Copies a part of what the checkpoint needs of the memory, about a millisecond's worth at most; true when it can run.
  public func continueCheckpoint(_ job: StoreJob) -> Bool {
    guard case .checkpoint(let checkpoint) = job.kind, let copy = checkpoint.subjects else { return true }
    return subjects.continueCopy(copy, bytes: Self.sliceBytes)
  }

  /// What is copied at a time: a quarter of a millisecond.
  private static let sliceBytes = 512 << 10

  /// Takes over what a job did, on the loop. True: it has done its work; after a checkpoint the journal may release what
  /// it covered. False: it was given up, everything is as it was, and it may be tried again later.
  @discardableResult
  public func finish(_ job: StoreJob) throws(StoreError) -> Bool {
    guard job === runningJob else { return false }
    runningJob = nil
    switch job.kind {
    case .checkpoint(let checkpoint):
      for block in blocks where checkpoint.replaced.contains(block.id) { closeFile(of: block) }
      if let error = job.failure {
        // What a failed sync left behind cannot be known; opening the store again finds out.
        guard error.isWantOfSpace, checkpoint.canBeRepeated else { throw fail(error) }
        shortage = error
        takeBack(checkpoint)
        return false
      }
      settle(checkpoint.checkpoint)
      checkpointNumber = checkpoint.checkpoint.number
      subjectsNumber = checkpoint.checkpoint.subjectsNumber
      doomed.removeFirst(checkpoint.doomed.count)
      doomed += checkpoint.remaining
      // Unless more has been written in vain while it ran.
      if tail.count <= max(writeBytes, 64 << 10) { shortage = nil }
      return true
    case .compaction(let compaction): return finish(compaction, job.failure)
    case .compression(let compression): return finish(compression, job.failure)
    }
  }

  /// From now on recovery finds the sealed blocks as they are; unless they were cut meanwhile.
  private func settle(_ checkpoint: CheckpointFile) {
    var ends: [UInt64: UInt64] = [:]
    for block in checkpoint.blocks where block.isSealed { ends[block.id] = block.end }
    for block in blocks where ends[block.id] == UInt64(block.end) { block.isSettled = true }
  }

  /// A checkpoint was not made: what it was to do is left to the next one.
  private func takeBack(_ job: CheckpointJob) {
    let names = Set(job.unsynced)
    for block in blocks {
      if names.contains(StoreFiles.block(block.id)) { block.needsSync = true }
      if names.contains(StoreFiles.sidecar(block.id)) { block.sidecarNeedsSync = true }
    }
    if job.subjects != nil { subjectsChanged = true }
    let known = Set(blocks.map(\.id))
    erasures = job.erasures.filter { known.contains($0.block) } + erasures
  }

  /// Writes what is in memory and closes the files. Only a checkpoint before it makes the next start quick. Call
  /// nothing afterwards.
  public func close() throws(StoreError) {
    if failure == nil { try flush() }
    for block in blocks {
      block.file = nil
      block.sidecarFile = nil
    }
    openBlocks = []
    openSidecars = []
  }

  /// Removes a store's files and their directory; the store must be gone. Nothing there is no error.
  public static func delete(directory: String, disk: any Disk) throws(StoreError) {
    do {
      let names = try disk.list(directory)
      for name in names { try disk.removeIfThere(directory + "/" + name) }
      try disk.removeDirectory(directory)
    } catch {
      let error = error as? SystemError ?? SystemError("remove \(directory)", code: EIO)
      if error.code != ENOENT { throw .failed(error) }
    }
  }
}

extension Block {
  var summary: CheckpointFile.BlockSummary {
    CheckpointFile.BlockSummary(
      id: id, base: base, last: last, end: UInt64(end), messages: messages, bytes: bytes,
      liveRecordBytes: UInt64(liveRecordBytes), firstTimestamp: firstTimestamp, lastTimestamp: lastTimestamp,
      firstLive: firstLive, flags: flags, isCompacted: isCompacted, isSealed: isSealed, hasDamage: hasDamage,
      isCompressed: isCompressed, dead: dead.words)
  }

  convenience init(_ summary: CheckpointFile.BlockSummary) {
    self.init(id: summary.id, base: summary.base, isCompacted: summary.isCompacted)
    last = summary.last
    end = Int(summary.end)
    messages = summary.messages
    bytes = summary.bytes
    liveRecordBytes = Int(summary.liveRecordBytes)
    firstTimestamp = summary.firstTimestamp
    lastTimestamp = summary.lastTimestamp
    firstLive = summary.firstLive
    flags = summary.flags
    isSealed = summary.isSealed
    hasDamage = summary.hasDamage
    isCompressed = summary.isCompressed
    dead = DeadSet(words: summary.dead)
  }
}
