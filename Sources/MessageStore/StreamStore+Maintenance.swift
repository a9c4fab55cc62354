import Reactor

extension StreamStore {
  /// A job that rewrites a block of which less than half is left, or nil when there is none, another job is under way,
  /// or it failed not long ago. The space is free after the next checkpoint. Worth asking every few seconds, and again
  /// after each job that did its work.
  public func prepareMaintenance() throws(StoreError) -> StoreJob? {
    guard let files, runningJob == nil, failure == nil else { return nil }
    let worthwhile = blocks.lazy.filter {
      $0.isSealed && !$0.hasDamage && $0.index == nil && $0.liveRecordBytes * 2 < $0.end
    }
    // One that failed comes behind those that did not.
    guard let block = worthwhile.min(by: { $0.failedCompactions < $1.failedCompactions }) else { return nil }
    if maintenancePause > 0 {
      maintenancePause -= 1
      return nil
    }
    let job = StoreJob(
      .compaction(CompactionJob(folder: files, old: block.summary, newID: nextBlock)))
    nextBlock += 1
    runningJob = job
    erasedDuringJob = []
    return job
  }

  /// Puts the rewritten block in the old one's place, with what was removed from that meanwhile. False when it could not
  /// be written or read: the old block stays as it is.
  func finish(_ job: CompactionJob, _ error: SystemError?) -> Bool {
    let position = blocks.firstIndex { $0.id == job.old.id }
    guard error == nil, let new = job.new, let position, !blocks[position].hasDamage, blocks[position].last == new.last
    else {
      doomed.append(job.newID)
      if error != nil {
        maintenanceFailures += 1
        maintenancePause = 1 << min(maintenanceFailures, 6)
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
