import Bytes
import CSystem
import Subjects

/// Flags of a connection that the message path looks at.
struct ConnectionFlags: OptionSet {
  let rawValue: UInt32
  /// Answer +OK.
  static let verbose = ConnectionFlags(rawValue: 1 << 0)
  /// Report bad publish subjects.
  static let pedantic = ConnectionFlags(rawValue: 1 << 1)
  /// Own messages are not delivered back (CONNECT echo:false).
  static let noEcho = ConnectionFlags(rawValue: 1 << 2)
  /// Both sides speak headers.
  static let headers = ConnectionFlags(rawValue: 1 << 3)
  static let noResponders = ConnectionFlags(rawValue: 1 << 4)
  /// Nothing but CONNECT is accepted yet.
  static let awaitingAuthentication = ConnectionFlags(rawValue: 1 << 5)
  /// Protocol lines are logged.
  static let tracing = ConnectionFlags(rawValue: 1 << 6)
  /// Publishing is checked message by message (reply permissions, trace sampling).
  static let inspected = ConnectionFlags(rawValue: 1 << 7)
  /// Replies it receives become publish permissions (`allow_responses`).
  static let tracksReplies = ConnectionFlags(rawValue: 1 << 8)
  /// Bytes go out through TLS or WebSocket framing: only the owner loop writes.
  static let framed = ConnectionFlags(rawValue: 1 << 9)
  /// The producer is never paused for a slow reader (`no_fast_producer_stall`).
  static let noStall = ConnectionFlags(rawValue: 1 << 10)

  /// Any of these sends a PUB down the careful path.
  static let careful: ConnectionFlags = [.verbose, .pedantic, .awaitingAuthentication, .tracing, .inspected]
}

/// The part of a connection that the message path touches, in unmanaged memory.
///
/// Followed in memory by one stage slot a loop. Invariants: fields of the first group are touched by the owner
/// loop only, except `flags` bits read by deliverers that are set before the first subscription; fields of the
/// second group are guarded by `lock`; `backlogBytes` and `isClosed` may be read without it as a hint.
/// The memory lives as long as its `Connection`, which is released through `Epochs` only.
public struct ConnectionState {
  // Owner loop.
  var descriptor: Int32
  let loopIndex: Int32
  var flags: ConnectionFlags = [.verbose, .pedantic]
  /// Largest payload this connection may publish; -1 without a limit.
  var maxPayload: Int
  /// Longest control line, without verb and line end.
  var maxControlLine: Int
  var scope: PublishScopePointer
  /// Match of the last published subject.
  var memo: MatchEntryPointer?
  var inMessages: UInt64 = 0
  var inBytes: UInt64 = 0

  // Guarded by `lock`.
  var lock: UInt32 = 0
  var isWriting = false
  var isClosed = false
  /// EPOLLOUT is asked for.
  var isArmed = false
  /// The owner loop has been asked to drain.
  var isDrainQueued = false
  var backlogHead: ChunkPointer?
  var backlogTail: ChunkPointer?
  var backlogBytes = 0
  /// Most bytes that may wait (`max_pending`).
  var maxPending: Int
  var outMessages: UInt64 = 0
  var outBytes: UInt64 = 0
  /// Publishers that waited in vain for this reader do not wait again before this time (monotonic nanoseconds).
  var pauseAgainAt: Int64 = 0
  /// When messages were last sent (monotonic nanoseconds); 0 before the first.
  var lastDelivery: Int64 = 0
  /// When the backlog last moved (monotonic nanoseconds); 0 without a backlog.
  var stalledSince: Int64 = 0

  @Uncounted var object: Connection
}

public typealias ConnectionPointer = UnsafeMutablePointer<ConnectionState>
typealias StagePointer = UnsafeMutablePointer<Stage>

extension UnsafeMutablePointer where Pointee == ConnectionState {
  private static var slotsOffset: Int { (MemoryLayout<ConnectionState>.size + 7) & ~7 }

  static func allocate(loops: Int) -> ConnectionPointer {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: slotsOffset + loops * 8, alignment: 64)
    (memory + slotsOffset).bindMemory(to: StagePointer?.self, capacity: loops).initialize(repeating: nil, count: loops)
    return memory.bindMemory(to: ConnectionState.self, capacity: 1)
  }

  /// This loop's stage for the connection, while it has one.
  @inline(__always) func stageSlot(_ loop: Int) -> UnsafeMutablePointer<StagePointer?> {
    (UnsafeMutableRawPointer(self) + Self.slotsOffset).assumingMemoryBound(to: StagePointer?.self) + loop
  }

  @inline(__always) var lockPointer: UnsafeMutablePointer<UInt32> {
    (UnsafeMutableRawPointer(self) + MemoryLayout<ConnectionState>.offset(of: \.lock)!)
      .assumingMemoryBound(to: UInt32.self)
  }
}
