import Reactor

extension StreamStore {
  /// A job that rewrites a block of which less than half is left, or nil when there is none, or another job is under
  /// way. The space is free after the next checkpoint. Worth asking every few seconds, and again after each job.
  public func prepareMaintenance() throws(StoreError) -> StoreJob? {
    guard let files, runningJob == nil, failure == nil else { return nil }
    guard
      let block = blocks.first(where: {
        $0.isSealed && !$0.hasDamage && $0.index == nil && $0.liveRecordBytes * 2 < $0.end
      })
    else { return nil }
    let job = StoreJob(
      .compaction(CompactionJob(folder: files, old: block.summary, newID: nextBlock)))
    nextBlock += 1
    runningJob = job
    erasedDuringJob = []
    return job
  }

  /// Puts the rewritten block in the old one's place, with what was removed from that meanwhile.
  func finish(_ job: CompactionJob) throws(StoreError) {
    let position = blocks.firstIndex { $0.id == job.old.id }
    guard let new = job.new, let position, !blocks[position].hasDamage, blocks[position].last == new.last else {
      if let position, job.new == nil { blocks[position].hasDamage = true }
      doomed.append(job.newID)
      return
    }
    let old = blocks[position]
    new.messages = old.messages
    new.bytes = old.bytes
    new.liveRecordBytes = old.liveRecordBytes
    new.firstLive = old.firstLive
    new.dead = old.dead
    blocks[position] = new
    discard(old)
    for sequence in erasedDuringJob where sequence >= new.base && sequence <= new.last {
      let slot = try index(of: new).slots[new.slot(sequence)]
      if slot != Slot.empty { try eraseRecord(new, at: Slot.offset(slot), sequence) }
    }
    erasedDuringJob = []
  }
}
