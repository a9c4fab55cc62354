import CSystem
import Glibc

// From a stage to the socket. The publisher's loop writes: one short lock and one system call per receiver and batch.
// What the socket does not take, or what must be framed (TLS, WebSocket), becomes backlog that the owner loop drains.

extension Worker {
  /// Bytes of backlog at which a publisher is paused, and below which it goes on.
  static let congestionMark = 262_144
  static let relaxedMark = 65_536

  /// Writes a stage out or appends it to the backlog; the stage is empty afterwards.
  @inline(never) func flush(_ stage: StagePointer) {
    stage.closeSegment()
    let total = stage.pointee.segmentBytes
    if total == 0 { return }
    let connection = stage.pointee.connection
    counters.add(.outMessages, stage.pointee.messages)
    counters.add(.outBytes, stage.pointee.payloadBytes)

    csys_lock(connection.lockPointer)
    if connection.isClosed {
      csys_unlock(connection.lockPointer)
      stage.reset()
      return
    }
    connection.output.pointee.outMessages &+= stage.pointee.messages
    connection.output.pointee.outBytes &+= stage.pointee.payloadBytes
    if stage.pointee.messages > 0 { connection.output.pointee.lastDelivery = loop.now }
    let framed = connection.flags.contains(.framed)
    if framed || connection.output.pointee.isWriting || connection.output.pointee.backlogHead != nil {
      appendBacklog(connection, stage, skipping: 0)
      let overflow = hasOverflowed(connection)
      let mustQueue =
        framed && !connection.output.pointee.isDrainQueued && !connection.output.pointee.isArmed && !overflow
      if mustQueue { connection.output.pointee.isDrainQueued = true }
      csys_unlock(connection.lockPointer)
      stage.reset()
      if overflow { overflowed(connection) } else if mustQueue { requestDrain(connection) }
      return
    }
    connection.output.pointee.isWriting = true
    csys_unlock(connection.lockPointer)

    let written = writeSegments(connection.pointee.descriptor, stage)

    csys_lock(connection.lockPointer)
    connection.output.pointee.isWriting = false
    if connection.isClosed {
      csys_unlock(connection.lockPointer)
      stage.reset()
      return
    }
    if written < total { prependBacklog(connection, stage, skipping: written) }
    let hasBacklog = connection.output.pointee.backlogHead != nil
    let overflow = hasOverflowed(connection)
    if hasBacklog, !overflow { arm(connection) }
    csys_unlock(connection.lockPointer)
    stage.reset()
    if overflow { overflowed(connection) }
  }

  /// Bytes the socket took; 0 when it takes none now. A broken socket takes none: its owner finds out by reading.
  private func writeSegments(_ descriptor: Int32, _ stage: StagePointer) -> Int {
    while true {
      let written =
        stage.pointee.segmentCount == 1
        ? write(descriptor, stage.pointee.segments[0].iov_base, stage.pointee.segments[0].iov_len)
        : writev(descriptor, stage.pointee.segments, Int32(stage.pointee.segmentCount))
      if written >= 0 { return written }
      if csys_errno() != EINTR { return 0 }
    }
  }

  /// The owner loop is asked to drain; this loop does so at the end of its batch when it is the owner.
  func requestDrain(_ connection: ConnectionPointer) {
    let owner = Int(connection.pointee.loopIndex)
    server.workers[owner].queueDrain(connection.pointee.object)
    if owner != index { wakeMask |= 1 << UInt64(owner) }
  }

  /// Whether more waits than may; nothing is added to the backlog from then on. The connection's lock is held.
  private func hasOverflowed(_ connection: ConnectionPointer) -> Bool {
    let backlog = connection.backlogBytes
    let isOverBudget = backlog > Self.smallBacklog && Chunk.bytesInUse > outputBudget
    guard backlog > connection.maxPending || isOverBudget else { return false }
    connection.isClosed = true
    return true
  }

  /// Readers with no more than this are not closed because all backlogs together exceed the memory budget.
  private static let smallBacklog = 1_048_576

  /// Closes a receiver whose backlog exceeds `max_pending` (FEATURES 1.032).
  private func overflowed(_ connection: ConnectionPointer) {
    counters.add(.slowConsumers, 1)
    connection.pointee.object.requestClose(.slowConsumerPendingBytes)
  }

  // MARK: backlog (connection's lock held)

  /// Appends what a stage holds after its first `skipping` bytes.
  private func appendBacklog(_ connection: ConnectionPointer, _ stage: StagePointer, skipping: Int) {
    let count = stage.pointee.segmentBytes - skipping
    if connection.output.pointee.backlogHead == nil { connection.output.pointee.stalledSince = loop.now }
    connection.backlogBytes += count
    // One run of chunk bytes: the chunk itself changes hands, unless copying it is cheaper.
    if stage.pointee.segmentCount == 1, stage.pointee.length == stage.pointee.segmentBytes, count > 8192 {
      let chunk = stage.pointee.chunk
      stage.pointee.chunk = chunks.take()
      chunk.pointee.start = skipping
      chunk.pointee.end = stage.pointee.segmentBytes
      link(connection, chunk)
      return
    }
    var skip = skipping
    for position in 0..<stage.pointee.segmentCount {
      let segment = stage.pointee.segments[position]
      if skip >= segment.iov_len {
        skip -= segment.iov_len
        continue
      }
      copyBacklog(connection, segment.iov_base + skip, segment.iov_len - skip)
      skip = 0
    }
  }

  /// Puts the rest of a stage in front of what other loops appended while this one wrote.
  private func prependBacklog(_ connection: ConnectionPointer, _ stage: StagePointer, skipping: Int) {
    let head = connection.output.pointee.backlogHead
    let tail = connection.output.pointee.backlogTail
    connection.output.pointee.backlogHead = nil
    connection.output.pointee.backlogTail = nil
    appendBacklog(connection, stage, skipping: skipping)
    if let head {
      connection.output.pointee.backlogTail!.pointee.next = head
      connection.output.pointee.backlogTail = tail
    }
  }

  private func copyBacklog(_ connection: ConnectionPointer, _ source: UnsafeRawPointer, _ count: Int) {
    var source = source
    var rest = count
    while rest > 0 {
      let tail: ChunkPointer
      if let last = connection.output.pointee.backlogTail, last.pointee.end < Chunk.capacity {
        tail = last
      } else {
        tail = chunks.take()
        link(connection, tail)
      }
      let part = min(rest, Chunk.capacity - tail.pointee.end)
      memcpy(tail.bytes + tail.pointee.end, source, part)
      tail.pointee.end += part
      source += part
      rest -= part
    }
  }

  private func link(_ connection: ConnectionPointer, _ chunk: ChunkPointer) {
    chunk.pointee.next = nil
    if let tail = connection.output.pointee.backlogTail {
      tail.pointee.next = chunk
    } else {
      connection.output.pointee.backlogHead = chunk
    }
    connection.output.pointee.backlogTail = chunk
  }

  private func arm(_ connection: ConnectionPointer) {
    if connection.output.pointee.isArmed { return }
    connection.output.pointee.isArmed = true
    let owner = Int(connection.pointee.loopIndex)
    csys_add32(server.workers[owner].armedCount, 1)
    connection.pointee.object.applyInterest()
    // The owner watches the write deadline, and may be asleep.
    if owner != index { wakeMask |= 1 << UInt64(owner) }
  }

  private func disarm(_ connection: ConnectionPointer) {
    if !connection.output.pointee.isArmed { return }
    connection.output.pointee.isArmed = false
    csys_add32(armedCount, UInt32.max)
    connection.pointee.object.applyInterest()
  }

  // MARK: draining (owner loop)

  /// Writes the backlog as far as the socket takes it. Call on the owner loop.
  @inline(never) func drain(_ connection: ConnectionPointer) {
    csys_lock(connection.lockPointer)
    connection.output.pointee.isDrainQueued = false
    // Another loop that is writing arms the socket itself when something is left.
    if connection.isClosed || connection.output.pointee.isWriting {
      csys_unlock(connection.lockPointer)
      return
    }
    connection.output.pointee.isWriting = true
    var failed = false
    if connection.flags.contains(.framed) {
      csys_unlock(connection.lockPointer)
      let isFlushed = connection.pointee.object.flushTransport()
      csys_lock(connection.lockPointer)
      if !isFlushed, !connection.isClosed {
        connection.output.pointee.isWriting = false
        arm(connection)
        csys_unlock(connection.lockPointer)
        return
      }
    }
    while !connection.isClosed, let chunk = connection.output.pointee.backlogHead {
      // While this loop writes, others append behind: the head is not theirs to touch once it is unlinked.
      connection.output.pointee.backlogHead = chunk.pointee.next
      if chunk.pointee.next == nil { connection.output.pointee.backlogTail = nil }
      csys_unlock(connection.lockPointer)
      let count = chunk.pointee.end - chunk.pointee.start
      let written = connection.pointee.object.writeOut(chunk.bytes + chunk.pointee.start, count)
      csys_lock(connection.lockPointer)
      if connection.isClosed {
        chunks.give(chunk)
        break
      }
      let taken = max(0, written)
      connection.backlogBytes -= taken
      if taken > 0 { connection.output.pointee.stalledSince = loop.now }
      if taken == count {
        chunks.give(chunk)
        continue
      }
      chunk.pointee.start += taken
      chunk.pointee.next = connection.output.pointee.backlogHead
      connection.output.pointee.backlogHead = chunk
      if connection.output.pointee.backlogTail == nil { connection.output.pointee.backlogTail = chunk }
      failed = written < 0
      break
    }
    connection.output.pointee.isWriting = false
    if connection.isClosed {
      freeBacklog(connection)
      csys_unlock(connection.lockPointer)
      return
    }
    let isEmpty = connection.output.pointee.backlogHead == nil && !connection.pointee.object.hasUnsentBytes
    if isEmpty {
      connection.output.pointee.stalledSince = 0
      disarm(connection)
    } else if !failed {
      arm(connection)
    }
    csys_unlock(connection.lockPointer)
    if failed {
      connection.pointee.object.close(.writeError)
    } else if isEmpty {
      connection.pointee.object.drained()
    }
  }

  /// Drops what waits. The connection's lock is held, or nobody else can reach it.
  func freeBacklog(_ connection: ConnectionPointer) {
    while let chunk = connection.output.pointee.backlogHead {
      connection.output.pointee.backlogHead = chunk.pointee.next
      chunks.give(chunk)
    }
    connection.output.pointee.backlogTail = nil
    connection.backlogBytes = 0
  }
}
