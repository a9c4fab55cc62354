import CSystem
import Configuration
import Glibc
import Reactor
import Subjects

/// One client connection: the cold side of `ConnectionState`.
///
/// Confined to its owner loop, but for what is said to be callable from anywhere. It is kept alive by its worker's
/// table, and after closing by `Epochs` until no loop can still reach its state.
final class Connection: EventSource, @unchecked Sendable {
  /// How reading stands.
  enum Phase {
    /// Waits for the first byte, which tells whether TLS is spoken.
    case sniffing
    /// The TLS handshake is going on.
    case handshaking
    case open
    /// Waits for a verdict that is worked out elsewhere (bcrypt); what arrives stays in the socket.
    case suspended
    /// Writes what it still has to say; reads nothing.
    case closing
    case closed
  }

  let identifier: UInt64
  let worker: Worker
  unowned let server: Server
  let address: SocketAddress
  let startWall: Int64
  let start: Int64
  let state: ConnectionPointer
  var phase = Phase.open
  var closeReason: CloseReason?

  // What CONNECT said.
  var options = ConnectOptions()
  /// Who it is, for other loops: the name, and the details of log lines; guarded by the state's lock.
  private var announced = (name: "", details: "")
  var isConnected = false
  var hasAnsweredPing = false
  let nonce: String

  // Who it is.
  var account: Account
  var scope: PublishScope
  var user: UserRecord?
  var permissions: ConnectionPermissions?
  var replies = ReplyPermissions()

  // Its subscriptions.
  var subscriptions = SidTable()
  var maxSubscriptions = -1
  /// What listens for them in other accounts, by the number of the subscription.
  var shadows: [UInt32: [Shadow]] = [:]

  // Timers.
  var pingTimer: TimerToken?
  var authenticationTimer: TimerToken?
  var lingerTimer: TimerToken?
  var pingsOutstanding = 0
  var pingSentAt: Int64 = 0
  var roundTripNanoseconds: Int64 = 0
  var lastInbound: Int64
  var lastActivityWall: Int64

  // The start of a frame that is not whole yet.
  private var partial: UnsafeMutableRawPointer?
  private var partialCount = 0
  private var partialCapacity = 0

  // TLS.
  var tls: TLSStream?
  var tlsContext: TLSContext?
  var handshakeTimer: TimerToken?
  /// INFO waits for the handshake.
  var handshakeComesFirst = false

  /// How often it was made to wait for slow readers.
  var stalls: UInt64 = 0
  /// What it had done when it joined its account.
  var trafficBeforeAccount = TrafficCounts()

  private var isPaused = false
  /// Counted among its account's connections.
  var isAdmitted = false
  /// CONNECT has been accepted.
  var isBound = false
  /// Counted among the server's connections.
  var isCounted = false

  init(server: Server, worker: Worker, descriptor: Int32, address: SocketAddress, identifier: UInt64, nonce: String) {
    self.server = server
    self.worker = worker
    self.address = address
    self.identifier = identifier
    self.nonce = nonce
    let settings = server.settings
    account = settings.globalAccount
    scope = account.openScope
    start = worker.loop.clock.monotonicNanoseconds()
    startWall = worker.loop.clock.wallNanoseconds()
    lastInbound = start
    lastActivityWall = startWall
    maxSubscriptions = settings.options.maxSubscriptions > 0 ? settings.options.maxSubscriptions : -1
    // Its owner is put in below: there is no `self` yet.
    state = .allocate(
      ConnectionInput(
        maxPayload: settings.options.maxPayload, maxControlLine: settings.options.maxControlLine, scope: scope.state),
      flags: [.verbose, .pedantic], maxPending: Int(settings.options.maxPending), loops: server.workers.count)
    super.init()
    state.initialize(to: ConnectionState(descriptor: descriptor, loopIndex: Int32(worker.index), object: self))
  }

  deinit {
    Glibc.close(state.pointee.descriptor)
    free(partial)
    state.deinitialize(count: 1)
    UnsafeMutableRawPointer(state).deallocate()
  }

  // MARK: events

  override func ready(_ events: Readiness) {
    if phase == .handshaking {
      continueHandshake()
      return
    }
    if events.contains(.write) { worker.drain(state) }
    if !events.isDisjoint(with: [.read, .failed]) {
      switch phase {
      case .open: if !isPaused || events.contains(.failed) { readTurn() }
      case .sniffing: sniff()
      case .closing: discardInput()
      case .handshaking, .suspended, .closed: break
      }
    }
  }

  /// Asks the kernel for what the connection can use now. Owner loop, without the state's lock.
  func updateInterest() {
    let wantsInput: Bool
    switch phase {
    case .open: wantsInput = !isPaused
    case .sniffing, .handshaking, .closing: wantsInput = true
    case .suspended, .closed: wantsInput = false
    }
    csys_lock(state.lockPointer)
    state.output.pointee.wantsInput = wantsInput
    applyInterest()
    csys_unlock(state.lockPointer)
  }

  /// The same, with the state's lock held. Any loop.
  ///
  /// Only under the lock does the kernel hear of both directions in the order in which they were decided.
  func applyInterest() {
    var interest: Readiness = []
    if state.output.pointee.wantsInput { interest.insert(.read) }
    if state.output.pointee.isArmed { interest.insert(.write) }
    worker.loop.changeInterest(self, descriptor: state.pointee.descriptor, interest: interest)
  }

  // MARK: reading

  /// Reads and executes what is there: at most four full buffers, so that one connection cannot hold the loop.
  func readTurn() {
    let before = state.input.pointee.inMessages
    var turns = 0
    while turns < 4 || tls?.hasUnreadBytes == true {
      turns += 1
      guard phase == .open, !isPaused else { break }
      let (buffer, have, capacity) = inputBuffer()
      let count = readIn(buffer + have, capacity - have)
      if count == 0 { break }
      guard count > 0 else {
        close(count == Self.endOfStream ? .clientClosed : .readError)
        return
      }
      guard execute(buffer, have + count) else { return }
      pauseIfReaderIsSlow()
      if count < capacity - have, tls?.hasUnreadBytes != true { break }
    }
    if state.input.pointee.inMessages != before { noteActivity() }
  }

  /// Runs frames in `buffer` and keeps what is left of the last one. False when the connection is closing.
  private func execute(_ buffer: UnsafeMutableRawPointer, _ total: Int) -> Bool {
    let outcome = worker.parse(state, buffer, total)
    // Payloads that are still in the buffer must be written before it is used again.
    if worker.externalSegments > 0 { worker.flushStages() }
    switch outcome {
    case .closed: return false
    case .consumed(let used, let needed):
      keep(buffer, from: used, total: total, needed: needed)
      return phase == .open
    }
  }

  /// Where the next bytes go: behind the start of a frame. Frames that fit use the loop's buffer.
  private func inputBuffer() -> (buffer: UnsafeMutableRawPointer, have: Int, capacity: Int) {
    if let partial, partialCapacity > Worker.readCapacity { return (partial, partialCount, partialCapacity) }
    if let partial, partialCount > 0 { memcpy(worker.readBuffer, partial, partialCount) }
    return (worker.readBuffer, partialCount, Worker.readCapacity)
  }

  private func keep(_ buffer: UnsafeMutableRawPointer, from used: Int, total: Int, needed: Int) {
    let rest = total - used
    if rest == 0 {
      partialCount = 0
      if partial != nil { releasePartial() }
      return
    }
    // A large frame gets a buffer of its own, that grows with what has really arrived.
    let isLarge = max(needed, rest) > Worker.readCapacity / 2
    let most = needed > rest ? needed + Chunk.slack : Int.max
    let wanted = isLarge ? max(Worker.readCapacity * 2, min(most, rest * 2)) : max(rest, 512)
    if partialCapacity < wanted || partial == nil || (!isLarge && partialCapacity > Worker.readCapacity) {
      let grown = malloc(wanted + Chunk.slack)!
      memcpy(grown, buffer + used, rest)
      free(partial)
      partial = grown
      partialCapacity = wanted
    } else if used > 0 || partial != buffer {
      memmove(partial!, buffer + used, rest)
    }
    partialCount = rest
  }

  private func releasePartial() {
    free(partial)
    partial = nil
    partialCapacity = 0
  }

  static let endOfStream = -1

  /// Bytes read; 0 when none are there now; negative at the end (`endOfStream`) or on an error.
  private func readIn(_ buffer: UnsafeMutableRawPointer, _ capacity: Int) -> Int {
    if let tls { return readTLS(tls, buffer, capacity) }
    while true {
      let count = read(state.pointee.descriptor, buffer, capacity)
      if count > 0 { return count }
      if count == 0 { return Self.endOfStream }
      switch csys_errno() {
      case EINTR: continue
      case EAGAIN: return 0
      default: return -2
      }
    }
  }

  /// Bytes the peer sends after we have said goodbye are thrown away, so that the goodbye arrives.
  private func discardInput() {
    while true {
      let count = read(state.pointee.descriptor, worker.readBuffer, Worker.readCapacity)
      if count > 0 { continue }
      if count < 0, csys_errno() == EAGAIN || csys_errno() == EINTR { return }
      finishClose()
      return
    }
  }

  // MARK: for other loops

  /// Who CONNECT said that this is, and how log lines name it as far as they need to. Any loop.
  func announcement() -> (name: String, details: String) {
    csys_lock(state.lockPointer)
    defer { csys_unlock(state.lockPointer) }
    return announced
  }

  /// Tells other loops who this is now. Owner loop.
  func announce() {
    let log = server.settings.options.log
    var current = (name: options.name, details: log.trace || log.debug ? details : "")
    csys_lock(state.lockPointer)
    swap(&announced, &current)
    csys_unlock(state.lockPointer)
  }

  // MARK: suspension

  /// Stops executing frames until `resume`.
  func suspend() {
    phase = .suspended
    updateInterest()
  }

  /// Goes on with what had arrived, then with the socket.
  func resume() {
    guard phase == .suspended else { return }
    phase = .open
    updateInterest()
    let (buffer, count, _) = inputBuffer()
    if count > 0, !execute(buffer, count) { return }
    if tls?.hasUnreadBytes == true { readTurn() }
  }

  // MARK: pausing as a publisher

  /// A publisher that outruns a reader waits for it, at most ten milliseconds (FEATURES 1.032).
  private func pauseIfReaderIsSlow() {
    if let companion = worker.companion, companion.holdsPublisherBack {
      companion.holdsPublisherBack = false
      if companion.isCongested, phase == .open, !isPaused {
        isPaused = true
        updateInterest()
        worker.pauseForStreams(self)
        worker.congested = nil
        return
      }
    }
    guard let target = worker.congested else { return }
    worker.congested = nil
    guard !state.flags.contains(.noStall), target != state, phase == .open else { return }
    worker.flushStages()
    guard worker.isWorthWaitingFor(target) else { return }
    isPaused = true
    updateInterest()
    worker.pause(self, for: target.pointee.object)
  }

  func unpause() {
    guard isPaused else { return }
    isPaused = false
    guard phase == .open else { return }
    updateInterest()
    // What TLS has already taken from the socket will not be announced again.
    if tls?.hasUnreadBytes == true { readTurn() }
  }

  func noteActivity() {
    lastInbound = worker.loop.now
    lastActivityWall = worker.loop.clock.wallNanoseconds()
  }

  // MARK: writing

  /// Bytes taken, 0 when none can be now, negative when the connection is broken. Owner loop.
  func writeOut(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    if let tls { return writeTLS(tls, bytes, count) }
    while true {
      let written = write(state.pointee.descriptor, bytes, count)
      if written >= 0 { return written }
      switch csys_errno() {
      case EINTR: continue
      case EAGAIN: return 0
      default: return -1
      }
    }
  }

  /// The backlog is gone.
  func drained() { if phase == .closing { sayGoodbye() } }
}
