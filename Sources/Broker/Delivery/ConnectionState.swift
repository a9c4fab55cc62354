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

/// The part of a connection that the message path touches, in unmanaged memory: what is set once, for any loop.
///
/// What changes lies behind it, by owner, so that no loop ever touches a word that another one may be changing:
///
/// - `input` belongs to the owner loop;
/// - `output` is guarded by the lock at `lockPointer`;
/// - `flags`, `isClosed`, `backlogBytes`, `maxPending` and `pauseAgainAt` are atomic words, read by any loop as hints.
///   The owner loop writes `flags` and `maxPending`; `isClosed` and `backlogBytes` are written under the lock.
/// - one stage slot a loop belongs to that loop.
///
/// The owner loop's part is a cache line of its own. The memory lives as long as its `Connection`, which is released
/// through `Epochs` only.
public struct ConnectionState {
  let descriptor: Int32
  let loopIndex: Int32
  @Uncounted var object: Connection
}

/// What the owner loop needs to read from a connection.
struct ConnectionInput {
  /// Largest payload this connection may publish; -1 without a limit.
  var maxPayload: Int
  var scope: PublishScopePointer
  /// Match of the last published subject.
  var memo: MatchEntryPointer?
  var inMessages: UInt64 = 0
  var inBytes: UInt64 = 0
  private var controlLineLimit: Int32 = 0

  init(maxPayload: Int, maxControlLine: Int, scope: PublishScopePointer) {
    self.maxPayload = maxPayload
    self.scope = scope
    self.maxControlLine = maxControlLine
  }

  /// Longest control line, without verb and line end.
  var maxControlLine: Int {
    @inline(__always) get { Int(controlLineLimit) }
    set { controlLineLimit = Int32(clamping: newValue) }
  }
}

/// What every loop needs to write to a connection; guarded by its lock.
struct ConnectionOutput {
  var backlogHead: ChunkPointer?
  var backlogTail: ChunkPointer?
  var isWriting = false
  /// EPOLLOUT is asked for.
  var isArmed = false
  /// The owner loop has been asked to drain.
  var isDrainQueued = false
  /// The owner loop wants to read: EPOLLIN is asked for.
  var wantsInput = true
  var outMessages: UInt64 = 0
  var outBytes: UInt64 = 0
  /// When messages were last sent (monotonic nanoseconds); 0 before the first.
  var lastDelivery: Int64 = 0
  /// When the backlog last moved (monotonic nanoseconds); 0 without a backlog.
  var stalledSince: Int64 = 0
}

public typealias ConnectionPointer = UnsafeMutablePointer<ConnectionState>
typealias StagePointer = UnsafeMutablePointer<Stage>

/// Where what belongs to a connection lies, in bytes from its `ConnectionState`.
private enum Place {
  static var input: Int { 16 }
  static var flags: Int { 60 }
  static var lock: Int { 64 }
  static var isClosed: Int { 68 }
  static var backlogBytes: Int { 72 }
  static var maxPending: Int { 80 }
  static var output: Int { 88 }
  static var pauseAgainAt: Int { 144 }
  static var slots: Int { 152 }
}

extension UnsafeMutablePointer where Pointee == ConnectionState {
  /// Memory for a connection, of which the caller initializes the `ConnectionState`.
  static func allocate(
    _ input: ConnectionInput, flags: ConnectionFlags, maxPending: Int, loops: Int
  ) -> ConnectionPointer {
    precondition(
      MemoryLayout<ConnectionState>.size <= Place.input
        && Place.input + MemoryLayout<ConnectionInput>.size <= Place.flags
        && Place.output + MemoryLayout<ConnectionOutput>.size <= Place.pauseAgainAt, "parts of a connection overlap")
    let memory = UnsafeMutableRawPointer.allocate(byteCount: Place.slots + loops * 8, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: Place.slots)
    (memory + Place.input).bindMemory(to: ConnectionInput.self, capacity: 1).initialize(to: input)
    (memory + Place.output).bindMemory(to: ConnectionOutput.self, capacity: 1).initialize(to: ConnectionOutput())
    (memory + Place.slots).bindMemory(to: StagePointer?.self, capacity: loops).initialize(repeating: nil, count: loops)
    let pointer = memory.bindMemory(to: ConnectionState.self, capacity: 1)
    pointer.flags = flags
    pointer.maxPending = maxPending
    return pointer
  }

  @inline(__always) private func place<Part>(_ offset: Int, _ type: Part.Type) -> UnsafeMutablePointer<Part> {
    (UnsafeMutableRawPointer(self) + offset).assumingMemoryBound(to: type)
  }

  /// This loop's stage for the connection, while it has one.
  @inline(__always) func stageSlot(_ loop: Int) -> UnsafeMutablePointer<StagePointer?> {
    place(Place.slots, StagePointer?.self) + loop
  }

  @inline(__always) var input: UnsafeMutablePointer<ConnectionInput> { place(Place.input, ConnectionInput.self) }
  @inline(__always) var output: UnsafeMutablePointer<ConnectionOutput> { place(Place.output, ConnectionOutput.self) }
  @inline(__always) var lockPointer: UnsafeMutablePointer<UInt32> { place(Place.lock, UInt32.self) }

  // MARK: atomic words

  var flags: ConnectionFlags {
    @inline(__always) get { ConnectionFlags(rawValue: csys_load32_relaxed(place(Place.flags, UInt32.self))) }
    nonmutating set { csys_store32_relaxed(place(Place.flags, UInt32.self), newValue.rawValue) }
  }

  /// Nothing more is written.
  var isClosed: Bool {
    @inline(__always) get { csys_load32_relaxed(place(Place.isClosed, UInt32.self)) != 0 }
    nonmutating set { csys_store32_relaxed(place(Place.isClosed, UInt32.self), newValue ? 1 : 0) }
  }

  /// Bytes that wait for the socket.
  var backlogBytes: Int {
    @inline(__always) get { Int(bitPattern: UInt(csys_load64_relaxed(place(Place.backlogBytes, UInt64.self)))) }
    nonmutating set { csys_store64_relaxed(place(Place.backlogBytes, UInt64.self), UInt64(UInt(bitPattern: newValue))) }
  }

  /// Most bytes that may wait (`max_pending`).
  var maxPending: Int {
    get { Int(bitPattern: UInt(csys_load64_relaxed(place(Place.maxPending, UInt64.self)))) }
    nonmutating set { csys_store64_relaxed(place(Place.maxPending, UInt64.self), UInt64(UInt(bitPattern: newValue))) }
  }

  /// Publishers that waited in vain for this reader do not wait again before this time (monotonic nanoseconds).
  var pauseAgainAt: Int64 {
    get { Int64(bitPattern: csys_load64_relaxed(place(Place.pauseAgainAt, UInt64.self))) }
    nonmutating set { csys_store64_relaxed(place(Place.pauseAgainAt, UInt64.self), UInt64(bitPattern: newValue)) }
  }
}
