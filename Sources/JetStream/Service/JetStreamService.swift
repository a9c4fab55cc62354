import Broker
import Bytes
import CSystem
import Configuration
import Crypto
import Glibc
import JSON
import JetStreamAPI
import Journal
import MessageStore
import Reactor

/// JetStream of the server: the accounts that have it, the loops' shares, the journal.
///
/// Invariant: `accounts`, `journalProblem`, `journalShortage` and `unserved` are guarded by `lock`; `table` and `nextIdentifier` belong to loop 0 (before the loops run: to
/// whoever starts the server); counts are atomic; everything else is set before the loops run.
public final class JetStreamService: JetStreamHost, InterestObserver, @unchecked Sendable {
  public let server: Server
  let options: JetStreamOptions
  let location: StoreLocation
  let disk: any Disk
  let memory = StoreMemory.ofProcess()
  /// Carries out what would hold a loop up: syncs, removal of files. It refuses nothing: what waits for it would never end.
  let background = BackgroundQueue(capacity: .max)
  let backups = BackupsUnderWay()
  let ingestLimit: IngestLimit
  private(set) var loops: [JetStreamLoop] = []
  private(set) var journal: Journal?
  /// In bytes: `max_mem`, `max_file` or what the machine has.
  private(set) var maximumMemory: Int64 = 0
  private(set) var maximumStorage: Int64 = 0

  private let lock: UnsafeMutablePointer<UInt32>
  private var accounts: [String: AccountJetStream] = [:]
  private var journalProblem: String?
  private var journalShortage: String?
  private let counts: UnsafeMutablePointer<UInt64>

  /// What the journal has lost; set before the loops run.
  private(set) var journalDamage: [String] = []
  /// Streams that are in the table and could not be opened; set before the loops run.
  var unrecovered: [UInt64: MetaLog.Stream] = [:]
  /// Streams of accounts that have no JetStream now; guarded by `lock`.
  private var unserved: [UInt64: MetaLog.Stream] = [:]
  let batchLimits: BatchLimits
  let batchesInFlight = BatchesInFlight()

  // Loop 0.
  var table = MetaLog.Table()
  private var detached: [String: AccountJetStream] = [:]
  /// Streams whose stores are being closed, because their accounts have no JetStream now, or opened again.
  var closing: Set<UInt64> = []
  var opening: Set<UInt64> = []
  private var disabledListeners: [String: (Account, DisabledListener)] = [:]
  private var isSavingTable = false
  /// What the table's file contains.
  var tableSaved: LogSequence = 0
  private var nextLoop = 0

  public init(server: Server, disk: any Disk = SystemDisk()) {
    self.server = server
    self.disk = disk
    options = server.options.jetStream
    location = StoreLocation(options)
    var limit = IngestLimit()
    if options.maxBufferedMessages > 0 { limit.messages = UInt64(options.maxBufferedMessages) }
    if options.maxBufferedSize > 0 { limit.bytes = UInt64(options.maxBufferedSize) }
    ingestLimit = limit
    var batches = BatchLimits()
    let configured = options.limits
    if configured.maxBatchInflightPerStream > 0 { batches.atomicPerStream = configured.maxBatchInflightPerStream }
    if configured.maxBatchInflightTotal > 0 { batches.atomicTotal = configured.maxBatchInflightTotal }
    if configured.maxBatchSize > 0 { batches.atomicSize = configured.maxBatchSize }
    if configured.maxBatchTimeoutNanoseconds > 0 { batches.timeoutNanoseconds = configured.maxBatchTimeoutNanoseconds }
    batchLimits = batches
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    counts = .allocate(capacity: ServiceCounts.count)
    counts.initialize(repeating: 0, count: ServiceCounts.count)
    loops = server.workers.map { JetStreamLoop(worker: $0, service: self) }
    for loop in loops { loop.worker.companion = loop }
  }

  deinit {
    lock.deallocate()
    counts.deallocate()
  }

  public var domain: String { options.domain }

  /// Any thread.
  public func isEnabled(for account: Account) -> Bool { self.account(named: account.name) != nil }

  /// Any thread.
  func account(named name: String) -> AccountJetStream? {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return accounts[name]
  }

  /// In the order of their names. Any thread.
  var sortedAccounts: [AccountJetStream] {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return accounts.values.sorted { $0.account.name < $1.account.name }
  }

  // MARK: start and stop

  public func start() throws {
    // nats-server says so before anything else happens.
    let system = server.systemAccount?.name
    if server.options.accounts.contains(where: { $0.name == system && $0.jetStream != nil }) {
      throw StartProblem(description: "Not allowed to enable JetStream on the system account")
    }
    let began = csys_monotonic_ns()
    let logger = server.logger
    logger.info("Starting JetStream")
    defer {
      let elapsed = GoDuration.string(nanoseconds: csys_monotonic_ns() - began)
      logger.info("Took \(elapsed) to start JetStream")
    }
    do {
      try open()
    } catch {
      throw StartProblem(description: "Can't start JetStream: \(error)")
    }
  }

  /// Why JetStream does not start.
  private struct StartProblem: Error, CustomStringConvertible {
    let description: String
  }

  private func open() throws {
    let logger = server.logger
    if location.isTemporary {
      logger.warning("Temporary storage directory used, data could be lost on system reboot")
    }
    try location.prepare(disk)
    maximumMemory = options.maxMemory >= 0 ? options.maxMemory : MemoryLimit.current.budgetBytes
    maximumStorage = options.maxStore >= 0 ? options.maxStore : location.defaultMaximum()
    logBanner(logger)
    let configured = configuredAccounts()
    try checkReservations(configured.map(\.1))
    for (account, limits) in configured {
      accounts[account.name] = AccountJetStream(account, limits: limits, service: self)
    }
    try recover()
    for account in sortedAccounts { account.listen(domain: options.domain) }
    listenForOthers()
  }

  /// What accounts may use is reserved for them: the server must have it.
  private func checkReservations(_ limits: [AccountJetStreamOptions]) throws {
    var memory: Int64 = 0
    var storage: Int64 = 0
    for limit in limits {
      memory = memory.addingReportingOverflow(max(limit.maxMemory, 0)).partialValue
      storage = storage.addingReportingOverflow(max(limit.maxStore, 0)).partialValue
      let problem: JetStreamError? =
        memory > maximumMemory || memory < 0
        ? .memoryResourcesExceeded : storage > maximumStorage || storage < 0 ? .storageResourcesExceeded : nil
      guard let problem else { continue }
      throw StartProblem(
        description: "Error enabling jetstream on configured accounts: \(problem.description) (\(problem.number))")
    }
  }

  /// Accounts without JetStream get an answer that says so.
  private func listenForOthers() {
    let others = server.accounts.values.filter { !$0.isSystem && self.account(named: $0.name) == nil }
    for account in others where disabledListeners[account.name] == nil {
      let listener = DisabledListener(account)
      disabledListeners[account.name] = (account, listener)
      account.listen(to: Array("$JS.API.>".utf8), with: listener)
    }
    let names = Set(others.map(\.name))
    for (name, (account, listener)) in disabledListeners where !names.contains(name) {
      account.unlisten(listener, retire: server.retire)
      disabledListeners[name] = nil
    }
  }

  private func logBanner(_ logger: Logger) {
    for line in [
      #"    _ ___ _____ ___ _____ ___ ___   _   __  __"#, #" _ | | __|_   _/ __|_   _| _ \ __| /_\ |  \/  |"#,
      #"| || | _|  | | \__ \ | | |   / _| / _ \| |\/| |"#, #" \__/|___| |_| |___/ |_| |_|_\___/_/ \_\_|  |_|"#, "",
      "         https://docs.nats.io/jetstream", "", "---------------- JETSTREAM ----------------",
    ] { logger.info(line) }
    if options.strict { logger.info("  Strict:          \(options.strict)") }
    for line in [
      "  Max Memory:      \(friendlyBytes(maximumMemory))",
      "  Max Storage:     \(friendlyBytes(maximumStorage))", #"  Store Directory: "\#(location.directory)""#,
    ] { logger.info(line) }
    if !options.domain.isEmpty { logger.info("  Domain:          \(options.domain)") }
    logger.info("  API Level:       \(APILevel.current)")
    logger.info("-------------------------------------------")
  }

  /// The accounts that are to have JetStream: the global one when there is no other, else those that say so.
  private func configuredAccounts() -> [(Account, AccountJetStreamOptions)] {
    let all = server.accounts
    let ordinary = all.values.filter { !$0.isSystem }
    if ordinary.count == 1, let global = all[Defaults.globalAccount] {
      let named = server.options.accounts.first { $0.name == global.name }?.jetStream
      return [(global, named ?? AccountJetStreamOptions())]
    }
    return server.options.accounts.compactMap { configured in
      guard let limits = configured.jetStream, let account = all[configured.name], !account.isSystem else { return nil }
      return (account, limits)
    }
  }

  /// Puts the journal to use that recovery has left.
  func begin(_ journal: Journal) {
    self.journal = journal
    for loop in loops { loop.follow(journal) }
  }

  /// Whoever waits for messages is told that there will be none, before the connections are closed.
  public func announceStop(_ done: @escaping @Sendable () -> Void) {
    onAllLoops({ runner in runner.dismissWaiting() }, done)
  }

  /// Does something with every stream on its loop, then, when what that sent is on its way, something else.
  private func onAllLoops(
    _ body: @escaping @Sendable (StreamRunner) -> Void, _ done: @escaping @Sendable () -> Void
  ) {
    let pending = Countdown(loops.count)
    for loop in loops {
      loop.worker.loop.submit { [self] in
        runners(on: loop).forEach(body)
        loop.worker.loop.submit { if pending.arrive() { done() } }
      }
    }
  }

  /// On that loop.
  private func runners(on loop: JetStreamLoop) -> [StreamRunner] {
    sortedAccounts.flatMap(\.sortedStreams).filter { $0.loop === loop }.compactMap(\.runner)
  }

  public func stop(_ done: @escaping @Sendable () -> Void) {
    server.logger.info("Initiating JetStream Shutdown...")
    backups.stop()
    for account in sortedAccounts { account.unlisten() }
    closeStreams { [self] in
      loops[0].worker.loop.submit { [self] in
        let unsaved = table.applied > tableSaved ? table : nil
        background.submit { [self] in
          // The journal keeps what this cannot save.
          if let unsaved,
            (try? MetaLog.save(unsaved, to: location.table, directory: location.directory, disk: disk)) != nil
          {
            journal?.release(owner: MetaLog.owner, through: unsaved.applied)
          }
          journal?.close()
          server.logger.info("JetStream Shutdown")
          done()
        }
      }
    }
  }

  public func settingsChanged() {
    let configured = configuredAccounts()
    for (account, limits) in configured {
      if let known = self.account(named: account.name) {
        known.limits = limits
      } else {
        enable(account, limits)
      }
    }
    let names = Set(configured.map(\.0.name))
    for account in sortedAccounts where !names.contains(account.account.name) { disable(account) }
    listenForOthers()
  }

  private func enable(_ account: Account, _ limits: AccountJetStreamOptions) {
    let added = AccountJetStream(account, limits: limits, service: self)
    csys_lock(lock)
    accounts[account.name] = added
    csys_unlock(lock)
    added.listen(domain: options.domain)
    resume(added)
  }

  private func disable(_ account: AccountJetStream) {
    account.unlisten()
    csys_lock(lock)
    accounts[account.account.name] = nil
    csys_unlock(lock)
    suspend(account)
  }

  /// Whether a stream is stored whose account has no JetStream. Loop 0, or before the loops run.
  func note(unserved stream: MetaLog.Stream, _ isUnserved: Bool) {
    csys_lock(lock)
    unserved[stream.identifier] = isUnserved ? stream : nil
    csys_unlock(lock)
  }

  /// Streams of accounts that have no JetStream now. Any thread.
  var unservedStreams: [MetaLog.Stream] {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return Array(unserved.values)
  }

  // MARK: the table of streams

  /// The loop for a stream that is made now: round robin.
  func loopForNewStream() -> JetStreamLoop {
    defer { nextLoop += 1 }
    return loops[nextLoop % loops.count]
  }

  /// Appends a record about the table; `done` runs on loop 0 when it is durable. Loop 0.
  func record(_ kind: MetaLog.Kind, _ payload: [UInt8], _ done: @escaping () -> Void) {
    let loop = loops[0]
    _ = payload.withUnsafeBytes { MetaLog.apply(kind.rawValue, $0, to: &table) }
    loop.append(owner: MetaLog.owner, kind: kind.rawValue, payload) { [self] in
      table.applied = max(table.applied, journal?.durable ?? 0)
      done()
    }
  }

  /// Writes the table to its file, so that the journal need not keep its records. Loop 0.
  func saveTable() {
    guard !isSavingTable, table.applied > tableSaved else { return }
    isSavingTable = true
    let table = self.table
    background.submit { [self] in
      let problem: String?
      do {
        try MetaLog.save(table, to: location.table, directory: location.directory, disk: disk)
        problem = nil
      } catch {
        problem = "\(error)"
      }
      loops[0].worker.loop.submit { [self] in
        isSavingTable = false
        if let problem {
          server.logger.error("JetStream cannot save its table of streams: \(problem)")
        } else {
          tableSaved = table.applied
          journal?.release(owner: MetaLog.owner, through: table.applied)
        }
      }
    }
  }

  /// A stream's files go, in the background.
  func removeFiles(of handle: StreamHandle, _ store: StreamStore) {
    guard store.backing == .file else { return }
    let directory = location.stream(account: handle.account.name, name: handle.name, identifier: handle.identifier)
    try? store.close()
    background.submit { [self] in
      try? disk.remove(location.aside(handle.identifier))
      do {
        try StreamStore.delete(directory: directory, disk: disk)
      } catch {
        server.logger.error("JetStream cannot remove the files of stream '\(handle.name)': \(error)")
      }
    }
  }

  /// An account that has no JetStream now, but streams.
  func detachedAccount(_ name: String) -> AccountJetStream {
    if let known = detached[name] { return known }
    let account = AccountJetStream(detached: name, service: self)
    detached[name] = account
    return account
  }

  func isListed(_ account: AccountJetStream) -> Bool { self.account(named: account.name) === account }

  // MARK: failures

  /// What is left for a stream (FEATURES 5.087).
  func resources(for runner: StreamRunner) -> StreamResources {
    let inMemory = !runner.isLogged
    var resources = StreamResources()
    resources.accountBytesLeft = withoutCounting(runner.handle.account) { $0.bytesLeft(inMemory: inMemory) }
    let used = inMemory ? memoryUsed : storageUsed
    resources.isServerExhausted = used > UInt64(clamping: inMemory ? maximumMemory : maximumStorage)
    return resources
  }

  /// A stream takes nothing any more.
  func streamFailed(_ handle: StreamHandle, _ reason: String) {
    let advisory = Advisory.outOfStorage(
      server: server.serverName, serverID: server.serverID, stream: handle.name, cluster: "",
      handle.loop.advisoryHead())
    if let system = server.systemAccount { handle.loop.publish(advisory, in: system) }
  }

  /// The journal takes nothing any more: no stream in files can.
  func journalFailed(_ reason: String, on loop: JetStreamLoop) {
    if csys_add64(counts + ServiceCounts.journalFailed, 1) == 0 {
      csys_lock(lock)
      journalProblem = reason
      csys_unlock(lock)
      server.logger.error("JetStream journal failed: \(reason). Nothing is acknowledged until the server is restarted")
    }
    for account in sortedAccounts {
      for handle in account.sortedStreams where handle.loop === loop {
        if let runner = handle.runner, runner.isLogged { runner.fail(reason) }
      }
    }
  }

  /// Space for the journal is missing, or there is some again (nil). Loop 0.
  func journalShortageChanged(_ reason: String?) {
    csys_lock(lock)
    journalShortage = reason
    csys_unlock(lock)
    guard let reason else {
      server.logger.info("JetStream journal has space again")
      return
    }
    server.logger.error(
      "JetStream journal has no space: \(reason). Streams in files take no messages until there is some")
    for account in sortedAccounts {
      for handle in account.sortedStreams { streamFailed(handle, reason) }
    }
  }

  /// Why the journal takes nothing any more, or not now. Any thread.
  var journalFailure: String? {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return journalProblem ?? journalShortage
  }

  /// The journal has lost records: not every stream can tell which of its own. Before the loops run.
  func noteJournalDamage(_ text: String) {
    server.logger.error("JetStream journal is damaged: \(text)")
    journalDamage.append(text)
  }

  /// Closes all streams on their loops.
  private func closeStreams(_ done: @escaping @Sendable () -> Void) {
    let pending = Countdown(loops.count)
    for loop in loops {
      loop.worker.loop.submit { [self] in
        let runners = runners(on: loop)
        for runner in runners { runner.prepareShutDown() }
        loop.close {
          loop.afterCheckpoints(of: runners) {
            for runner in runners { runner.shutDown() }
            if pending.arrive() { done() }
          }
        }
      }
    }
  }

  // MARK: use and counts

  func addUse(_ bytes: Int64, inMemory: Bool) {
    csys_add64(counts + (inMemory ? ServiceCounts.memory : ServiceCounts.storage), UInt64(bitPattern: bytes))
  }

  // MARK: what waits for streams

  /// Publishers wait while more than this has arrived and is not taken yet.
  private static let ingestMark = UInt64(max(1 << 20, min(64 << 20, MemoryLimit.current.budgetBytes / 16)))

  /// A message has arrived; whether its publisher should wait. Any thread.
  func ingestBegan(_ bytes: Int) -> Bool {
    csys_add64(counts + ServiceCounts.ingest, UInt64(bytes)) > Self.ingestMark
  }

  func ingestEnded(_ bytes: Int) { csys_sub64(counts + ServiceCounts.ingest, UInt64(bytes)) }

  var isIngestCongested: Bool { csys_load64(counts + ServiceCounts.ingest) > Self.ingestMark / 2 }

  var memoryUsed: UInt64 { csys_load64(counts + ServiceCounts.memory) }
  var storageUsed: UInt64 { csys_load64(counts + ServiceCounts.storage) }

  func countRequest(failed: Bool) {
    csys_add64(counts + ServiceCounts.requests, 1)
    if failed { csys_add64(counts + ServiceCounts.errors, 1) }
  }

  /// A request has come; false when too many wait (FEATURES 7.040).
  func requestBegan() -> Bool {
    let waiting = csys_add64(counts + ServiceCounts.waiting, 1) + 1
    if waiting <= UInt64(clamping: options.requestQueueLimit) { return true }
    requestEnded()
    return false
  }

  func requestEnded() { csys_sub64(counts + ServiceCounts.waiting, 1) }

  var requestCounts: (total: UInt64, errors: UInt64, waiting: UInt64) {
    (
      csys_load64(counts + ServiceCounts.requests), csys_load64(counts + ServiceCounts.errors),
      csys_load64(counts + ServiceCounts.waiting)
    )
  }

  // MARK: interest

  /// Somebody subscribes or leaves: consumers that deliver there begin or stop. On the connection's loop.
  public func interestChanged(in subject: [UInt8], of account: Account) {
    self.account(named: account.name)?.interestChanged(in: subject)
  }
}

/// The places of the counts.
private enum ServiceCounts {
  static var memory: Int { 0 }
  static var storage: Int { 1 }
  static var requests: Int { 2 }
  static var errors: Int { 3 }
  static var waiting: Int { 4 }
  static var journalFailed: Int { 5 }
  static var ingest: Int { 6 }
  static var count: Int { 7 }
}
