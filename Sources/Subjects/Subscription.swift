import CSystem

/// One subscription, 64 bytes, one cache line. Lives in `SubscriptionRecords` at a fixed address from `insert` until
/// `SubscriptionRecords.release`, so deliverers keep pointers to it.
///
/// Public fields are the owner's to use. `delivered` is changed by several threads, atomically.
@frozen public struct Subscription {
  // The index's lists, guarded by its lock.
  @usableFromInline var next: UInt32
  /// Of the first in a list: the last.
  @usableFromInline var previous: UInt32
  /// The connection or internal handler that receives the messages.
  public var owner: UnsafeMutableRawPointer?
  /// The subscription id as the client spelled it, zero padded, when it has at most 8 bytes: one store writes it into
  /// a message. Of a longer id, the address of its bytes. Read it through `sid` where speed does not matter.
  public var sid8: UInt64
  /// Messages delivered so far.
  public var delivered: UInt64
  /// See `maximum` of a pointer.
  @usableFromInline var deliveryLimit: UInt64
  /// The number of this record: 32-bit tables hold it instead of the pointer.
  public let id: UInt32
  /// The queue group's name, see `SubscriptionRecords.queueName`; 0 for a plain subscription.
  public let queue: UInt32
  /// The owner's.
  public var context: UInt32
  /// The group, tree node or exact subject that the record hangs on; 0 once removed.
  @usableFromInline var place: UInt32
  /// Length of the subscription id in bytes.
  public let sidLength: UInt32
  /// See `flags` of a pointer.
  @usableFromInline var ownerFlags: UInt16
  /// What `place` names and which of its lists: a `SubjectPlace`.
  @usableFromInline var kind: UInt8
  @usableFromInline var reserved: UInt8 = 0
}

/// Where in the index a subscription hangs. The raw value times 4 is the offset of the list's head in the record.
enum SubjectPlace {
  /// A literal subject.
  static let exact: UInt8 = 0
  /// A pattern that ends at a tree node: `*.a`.
  static let own: UInt8 = 1
  /// The node followed by `*`.
  static let star: UInt8 = 2
  /// The node followed by `>`.
  static let tail: UInt8 = 3
}

extension UnsafeMutablePointer where Pointee == Subscription {
  /// The bytes of the subscription id, valid until the record is released.
  public var sid: UnsafeRawBufferPointer {
    let length = Int(pointee.sidLength)
    if length <= 8 {
      let field = UnsafeRawPointer(self) + MemoryLayout<Subscription>.offset(of: \.sid8)!
      return UnsafeRawBufferPointer(start: field, count: length)
    }
    return UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: UInt(pointee.sid8)), count: length)
  }

  /// Delivery ends after this many messages (UNSUB with a maximum); 0 is no limit. Written by the owner, who then tells
  /// the index (`SubscriptionIndex.touch`); read by any thread.
  public var maximum: UInt64 {
    get { csys_load64_relaxed(limitPointer) }
    nonmutating set { csys_store64_relaxed(limitPointer, newValue) }
  }

  /// The owner's, as `maximum`.
  public var flags: UInt16 {
    get { csys_load16_relaxed(flagsPointer) }
    nonmutating set { csys_store16_relaxed(flagsPointer, newValue) }
  }

  @inline(__always) private var limitPointer: UnsafeMutablePointer<UInt64> {
    (UnsafeMutableRawPointer(self) + MemoryLayout<Subscription>.offset(of: \.deliveryLimit)!)
      .assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always) private var flagsPointer: UnsafeMutablePointer<UInt16> {
    (UnsafeMutableRawPointer(self) + MemoryLayout<Subscription>.offset(of: \.ownerFlags)!)
      .assumingMemoryBound(to: UInt16.self)
  }

  /// Whether the record is still in its index.
  public var isLinked: Bool { pointee.place != 0 }
}

/// Zero padded first bytes of a subscription id: the value of `Subscription.sid8` for ids of at most 8 bytes.
@inline(__always)
func packedSid(_ sid: UnsafeRawBufferPointer) -> UInt64 {
  var packed: UInt64 = 0
  var position = min(sid.count, 8)
  while position > 0 {
    position &-= 1
    packed = packed &<< 8 | UInt64(sid[position])
  }
  return packed
}
