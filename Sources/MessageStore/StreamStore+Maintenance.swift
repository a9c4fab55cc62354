import Reactor

extension StreamStore {
  /// A job that rewrites a block of which less than half is left, or compresses one, or nil when there is none, another
  /// job is under way, or it failed not long ago. The space that removed messages leave is free after the next
  /// checkpoint. Worth asking every few seconds, and again after each job that did its work.
  public func prepareMaintenance() throws(StoreError) -> StoreJob? {
    guard let files, runningJob == nil, failure == nil else { return nil }
    // One that failed comes behind those that did not.
    guard
      let block = blocks.lazy.filter({ self.isWorthMaintenance($0) })
        .min(by: { $0.failedCompactions < $1.failedCompactions })
    else { return nil }
    if maintenancePause > 0 {
      maintenancePause -= 1
      return nil
    }
    let job: StoreJob
    if isWorthCompaction(block) {
      job = StoreJob(.compaction(CompactionJob(folder: files, old: block.summary, newID: nextBlock)))
      nextBlock += 1
    } else {
      job = StoreJob(
        .compression(
          CompressionJob(folder: files, block: block.id, blockBytes: block.end, pieceBytes: pieceBytes)))
    }
    runningJob = job
    erasedDuringJob = []
    return job
  }

  /// Whether `prepareMaintenance` will have something to do.
  public var wantsMaintenance: Bool { files != nil && failure == nil && blocks.contains { isWorthMaintenance($0) } }

  private func isWorthMaintenance(_ block: Block) -> Bool {
    block.isSealed && !block.hasDamage && (isWorthCompaction(block) || isWorthCompression(block))
  }

  private func isWorthCompaction(_ block: Block) -> Bool {
    block.index == nil && block.liveRecordBytes * 2 < block.end
  }

  /// Recovery adds to blocks, and cuts them, that no checkpoint has as sealed, and needs all of those that it has longer.
  private func isWorthCompression(_ block: Block) -> Bool { compresses && block.isSettled && !block.isCompressed }

  /// The block's file may be another one now, with the same at the same offsets. False when it could not be compressed:
  /// the block is as it was.
  func finish(_ job: CompressionJob, _ error: SystemError?) -> Bool {
    let block = blocks.first { $0.id == job.block }
    if job.isReplaced, let block { closeFile(of: block) }
    if error != nil {
      block?.failedCompactions += 1
      pauseMaintenance()
      return false
    }
    maintenanceFailures = 0
    block?.isCompressed = true
    return true
  }

  /// Who reads the block opens it again.
  func closeFile(of block: Block) {
    openBlocks.removeAll { $0 === block }
    block.file = nil
  }

  private func pauseMaintenance() {
    maintenanceFailures += 1
    maintenancePause = 1 << min(maintenanceFailures, 6)
  }

  /// Puts the rewritten block in the old one's place, with what was removed from that meanwhile. False when it could not
  /// be written or read: the old block stays as it is.
  func finish(_ job: CompactionJob, _ error: SystemError?) -> Bool {
    let position = blocks.firstIndex { $0.id == job.old.id }
    guard error == nil, let new = job.new, let position, !blocks[position].hasDamage, blocks[position].last == new.last
    else {
      doomed.append(job.newID)
      if error != nil {
        pauseMaintenance()
        if let position { blocks[position].failedCompactions += 1 }
        return false
      }
      if let position, job.new == nil { blocks[position].hasDamage = true }
      return true
    }
    maintenanceFailures = 0
    let old = blocks[position]
    new.messages = old.messages
    new.bytes = old.bytes
    new.liveRecordBytes = old.liveRecordBytes
    new.firstLive = old.firstLive
    new.dead = old.dead
    blocks[position] = new
    discard(old)
    for sequence in erasedDuringJob where sequence >= new.base && sequence <= new.last {
      let slot = job.index.slots[new.slot(sequence)]
      if slot != Slot.empty {
        erasures.append(Erasure(block: new.id, offset: Slot.offset(slot), sequence: sequence))
      }
    }
    erasedDuringJob = []
    return true
  }
}
