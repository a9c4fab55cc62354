import CSystem

/// The memory of all subscriptions of a server, and the names of their queue groups. Shared by the indexes of
/// all accounts, so that an account with few subscriptions costs little.
///
/// Invariant for `@unchecked Sendable`: the arenas and the table change only under `lock`. Without it only records
/// are read whose id the caller holds: their addresses never change, and they stay until `release`.
public final class SubscriptionRecords: @unchecked Sendable {
  private struct State {
    var subscriptions = SlabArena()
    var names = SlabArena()
    var namesByHash = SlotTable()
    var longSidBytes = 0
  }

  /// An interned queue name; its bytes follow.
  private struct QueueName {
    var users: UInt32
    var hash: UInt32
    var length: UInt32
    static let headerBytes = 12
  }

  private let lock: UnsafeMutablePointer<UInt32>
  private let state: UnsafeMutablePointer<State>
  let subscriptions: SlabArena.Reader
  private let names: SlabArena.Reader

  public init() {
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    subscriptions = state.pointee.subscriptions.reader
    names = state.pointee.names.reader
  }

  deinit {
    state.pointee.subscriptions.destroy()
    state.pointee.names.destroy()
    state.pointee.namesByHash.destroy()
    state.deinitialize(count: 1)
    state.deallocate()
    lock.deallocate()
  }

  /// The record with this id, which must not have been released. Needs no lock.
  public func subscription(_ id: UInt32) -> UnsafeMutablePointer<Subscription> {
    subscriptions.pointer(id).assumingMemoryBound(to: Subscription.self)
  }

  /// The name of a queue group; valid until the last subscription that has it is released. Needs no lock.
  public func queueName(_ queue: UInt32) -> UnsafeRawBufferPointer {
    let record = names.pointer(queue)
    let length = record.assumingMemoryBound(to: QueueName.self).pointee.length
    return UnsafeRawBufferPointer(start: record + QueueName.headerBytes, count: Int(length))
  }

  /// The number of a queue name that some subscription has; 0 if none does.
  public func queue(named name: UnsafeRawBufferPointer) -> UInt32 {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return findQueue(name, Self.hash(name))
  }

  /// Records not yet released.
  public var count: Int {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return state.pointee.subscriptions.liveCount
  }

  /// Memory taken from the system, in bytes.
  public var memoryBytes: Int {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return state.pointee.subscriptions.mappedBytes + state.pointee.names.mappedBytes
      + state.pointee.namesByHash.memoryBytes + state.pointee.longSidBytes
  }

  /// Gives the memory of a removed subscription back. The caller knows that no thread reads it any more.
  public func release(_ subscription: UnsafeMutablePointer<Subscription>) {
    precondition(!subscription.isLinked, "subscription released while in an index")
    csys_lock(lock)
    defer { csys_unlock(lock) }
    let length = Int(subscription.pointee.sidLength)
    if length > 8 {
      free(UnsafeMutableRawPointer(bitPattern: UInt(subscription.pointee.sid8)))
      state.pointee.longSidBytes -= length + 16
    }
    if subscription.pointee.queue != 0 { releaseQueue(subscription.pointee.queue) }
    state.pointee.subscriptions.free(subscription.pointee.id)
  }

  /// A new record in no index yet.
  func make(
    owner: UnsafeMutableRawPointer?, sid: UnsafeRawBufferPointer, queue: UnsafeRawBufferPointer,
    context: UInt32, flags: UInt16
  ) -> UnsafeMutablePointer<Subscription> {
    var sid8 = packedSid(sid)
    if sid.count > 8 {
      guard let copy = malloc(sid.count) else { fatalError("out of memory") }
      copy.copyMemory(from: sid.baseAddress!, byteCount: sid.count)
      sid8 = UInt64(UInt(bitPattern: copy))
    }
    csys_lock(lock)
    if sid.count > 8 { state.pointee.longSidBytes += sid.count + 16 }
    let queueNumber = queue.isEmpty ? 0 : retainQueue(queue)
    let id = state.pointee.subscriptions.allocate(MemoryLayout<Subscription>.size)
    csys_unlock(lock)
    let record = subscription(id)
    record.initialize(
      to: Subscription(
        next: 0, previous: 0, owner: owner, sid8: sid8, delivered: 0, deliveryLimit: 0, id: id, queue: queueNumber,
        context: context, place: 0, sidLength: UInt32(sid.count), ownerFlags: flags, kind: 0))
    return record
  }

  private static func hash(_ name: UnsafeRawBufferPointer) -> UInt32 {
    guard let start = name.baseAddress else { return 0 }
    return UInt32(truncatingIfNeeded: subjectHash(start, name.count) >> 32)
  }

  private func findQueue(_ name: UnsafeRawBufferPointer, _ hash: UInt32) -> UInt32 {
    var cursor = state.pointee.namesByHash.start(hash)
    while true {
      let found = state.pointee.namesByHash.candidate(&cursor, hash)
      if found == 0 || queueName(found).equals(name) { return found }
    }
  }

  private func retainQueue(_ name: UnsafeRawBufferPointer) -> UInt32 {
    let hash = Self.hash(name)
    let found = findQueue(name, hash)
    if found != 0 {
      names.pointer(found).assumingMemoryBound(to: QueueName.self).pointee.users += 1
      return found
    }
    let queue = state.pointee.names.allocate(QueueName.headerBytes + name.count)
    let record = names.pointer(queue)
    record.assumingMemoryBound(to: QueueName.self).initialize(
      to: QueueName(users: 1, hash: hash, length: UInt32(name.count)))
    (record + QueueName.headerBytes).copyMemory(from: name.baseAddress!, byteCount: name.count)
    state.pointee.namesByHash.insert(hash, queue)
    return queue
  }

  private func releaseQueue(_ queue: UInt32) {
    let record = names.pointer(queue).assumingMemoryBound(to: QueueName.self)
    record.pointee.users -= 1
    if record.pointee.users > 0 { return }
    state.pointee.namesByHash.remove(record.pointee.hash, queue)
    state.pointee.names.free(queue)
  }
}
