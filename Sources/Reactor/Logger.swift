import Bytes
import CSystem
import Glibc
import Synchronization

/// Where log lines go.
public enum LogDestination: Sendable, Equatable {
  case standardError
  /// Bytes after which the file is rotated (0: never), and files kept (0: all).
  case file(path: String, sizeLimit: Int64, maxFiles: Int64)
  /// The syslog server of this machine.
  case syslog
  /// `udp://host:port`, `tcp://host:port`, `unix:///path`.
  case remoteSyslog(String)
}

/// Why a destination cannot be used, in nats-server's words.
public struct LogFailure: Error, CustomStringConvertible, Sendable {
  public let description: String
}

/// Writes log lines (FEATURES 3.029, 3.031, 3.041 to 3.047).
///
/// Lines go out one by one, under a lock: lines of several loops do not mix. Logging never blocks and never ends the
/// server: what a pipe or a syslog server does not take now waits in memory, `mostWaitingBytes` of it, and is sent by
/// a thread of its own; what is more, or fails (a full disk, a closed pipe), is counted, and a line says how much was
/// lost as soon as one can be written again.
///
/// Invariant: everything mutable is guarded by `lock`, but the two level flags, which are atomic (a line more or less
/// does no harm).
public final class Logger: @unchecked Sendable {
  public struct Settings: Sendable, Equatable {
    public var destination = LogDestination.standardError
    public var format = LogFormat.text
    public var debug = false
    public var trace = false
    public var time = true
    public var utc = false
    public init() {}
  }

  /// Bytes that may wait for a destination that takes none.
  private static let mostWaitingBytes = 1 << 20
  /// Longest sleep of the thread that sends what waits, between two looks at a destination that may have changed.
  private static let pollMilliseconds: Int32 = 200

  private let clock: any Clock
  private let lock: UnsafeMutablePointer<UInt32>
  private var settings: Settings
  private var sink: any LogSink
  private var layout: LogLayout
  private var frame: SyslogFrame?
  private var waiting: [ArraySlice<UInt8>] = []
  private var waitingBytes = 0
  private var isDraining = false
  private var lostLines = 0
  private var lossReason = ""
  private let debugFlag: Atomic<Bool>
  private let traceFlag: Atomic<Bool>

  public var isDebugOn: Bool { debugFlag.load(ordering: .relaxed) }
  public var isTraceOn: Bool { traceFlag.load(ordering: .relaxed) }

  /// Throws when the destination cannot be used.
  public init(_ settings: Settings = Settings(), clock: any Clock = SystemClock()) throws {
    sink = try Self.open(settings.destination)
    self.clock = clock
    self.settings = settings
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    debugFlag = Atomic(settings.debug)
    traceFlag = Atomic(settings.trace)
    layout = Self.layout(settings, sink)
    frame = Self.frame(settings)
    if let file = sink as? LogFile, file.isOverLimit { info("Rotating logfile...") }
  }

  deinit {
    sink.close()
    lock.deallocate()
  }

  /// Takes new settings; on failure the old ones stay.
  public func apply(_ new: Settings) throws {
    let current = withLock { settings }
    let opened = new.destination == current.destination ? nil : try Self.open(new.destination)
    withLock { use(new, opened) }
  }

  /// Closes and opens the log file again, for tools that have moved it away (SIGUSR1).
  public func reopen() throws {
    let current = withLock { settings }
    guard case .file = current.destination else { return }
    let opened = try Self.open(current.destination)
    withLock { use(current, opened) }
  }

  /// Waits for what is not sent yet. Call before the process ends.
  public func flush(withinMilliseconds limit: Int64 = 500) {
    let deadline = csys_monotonic_ns() + limit * 1_000_000
    while true {
      let descriptor = withLock { waiting.isEmpty ? -1 : sink.descriptor }
      let left = (deadline - csys_monotonic_ns()) / 1_000_000
      guard descriptor >= 0, left > 0 else { return }
      var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = Glibc.poll(&poll, 1, Int32(left))
      withLock { sendWaiting() }
    }
  }

  public func info(_ text: @autoclosure () -> String) { write(.info, text()) }
  public func warning(_ text: @autoclosure () -> String) { write(.warning, text()) }
  public func error(_ text: @autoclosure () -> String) { write(.error, text()) }
  public func fatal(_ text: @autoclosure () -> String) { write(.fatal, text()) }
  public func debug(_ text: @autoclosure () -> String) { if isDebugOn { write(.debug, text()) } }
  public func trace(_ text: @autoclosure () -> String) { if isTraceOn { write(.trace, text()) } }

  /// At a level that is chosen elsewhere.
  public func log(_ level: LogLevel, _ text: @autoclosure () -> String) {
    switch level {
    case .debug: debug(text())
    case .trace: trace(text())
    case .info, .warning, .error, .fatal: write(level, text())
    }
  }

  // MARK: under the lock

  private func withLock<Value>(_ body: () -> Value) -> Value {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return body()
  }

  private func write(_ level: LogLevel, _ text: String) {
    withLock {
      put(level, text)
      guard let file = sink as? LogFile, file.isOverLimit else { return }
      for notice in file.rotate(at: now) { put(notice.level, notice.text) }
    }
  }

  private var now: Timestamp { Timestamp(unixNanoseconds: clock.wallNanoseconds()) }

  private func use(_ new: Settings, _ opened: (any LogSink)?) {
    if let opened {
      sendWaiting()
      forgetWaiting(because: "the destination has changed")
      sink.close()
      sink = opened
    }
    settings = new
    layout = Self.layout(new, sink)
    frame = Self.frame(new)
    debugFlag.store(new.debug, ordering: .relaxed)
    traceFlag.store(new.trace, ordering: .relaxed)
  }

  private func put(_ level: LogLevel, _ text: String) {
    if lostLines > 0, waiting.isEmpty {
      let report = "\(lostLines) log lines were lost: \(lossReason)"
      let count = lostLines
      lostLines = 0
      send(bytes(.warning, report))
      // Still nothing goes out: the report was the only thing lost anew.
      if lostLines > 0 { lostLines = count }
    }
    send(bytes(level, text))
  }

  private func bytes(_ level: LogLevel, _ text: String) -> [UInt8] {
    guard let frame else { return layout.line(level, text, at: now) }
    return frame.message(level, layout.body(level, text, at: now), at: now)
  }

  private func send(_ line: [UInt8]) {
    var rest = line[...]
    if waiting.isEmpty {
      switch sink.write(rest) {
      case .taken(let count): rest = rest.dropFirst(count)
      case .failed(let code): return lose(1, SystemError.text(of: code))
      }
    }
    if rest.isEmpty { return }
    guard waitingBytes + rest.count <= Self.mostWaitingBytes else {
      return lose(1, "the destination is too slow")
    }
    waiting.append(rest)
    waitingBytes += rest.count
    if !isDraining { startDraining() }
  }

  private func lose(_ count: Int, _ reason: String) {
    lostLines += count
    lossReason = reason
  }

  /// Sends what the destination takes now.
  private func sendWaiting() {
    var sent = 0
    while sent < waiting.count {
      switch sink.write(waiting[sent]) {
      case .taken(let count):
        waitingBytes -= count
        waiting[sent] = waiting[sent].dropFirst(count)
        guard waiting[sent].isEmpty else {
          waiting.removeFirst(sent)
          return
        }
      case .failed(let code):
        waitingBytes -= waiting[sent].count
        lose(1, SystemError.text(of: code))
      }
      sent += 1
    }
    waiting.removeFirst(sent)
  }

  private func forgetWaiting(because reason: String) {
    if !waiting.isEmpty { lose(waiting.count, reason) }
    waiting = []
    waitingBytes = 0
  }

  private func startDraining() {
    isDraining = true
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(self).toOpaque()
    let result = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Logger>.fromOpaque(argument!).takeRetainedValue().drain()
        return nil
      }, argument)
    guard result == 0 else {
      Unmanaged<Logger>.fromOpaque(argument).release()
      isDraining = false
      return
    }
    pthread_detach(thread)
  }

  /// The thread's work: until nothing waits.
  private func drain() {
    while true {
      let descriptor = withLock { () -> Int32? in
        sendWaiting()
        if waiting.isEmpty { isDraining = false }
        return waiting.isEmpty ? nil : sink.descriptor
      }
      guard let descriptor else { return }
      var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = Glibc.poll(&poll, 1, Self.pollMilliseconds)
    }
  }

  // MARK: making

  private static func open(_ destination: LogDestination) throws -> any LogSink {
    do {
      switch destination {
      case .standardError: return DescriptorSink(2, ownsDescriptor: false)
      case .file(let path, let sizeLimit, let maxFiles):
        do {
          return try LogFile(path: path, sizeLimit: sizeLimit, maxFiles: maxFiles)
        } catch {
          throw LogFailure(description: "error opening file: \(error)")
        }
      case .syslog: return try SyslogSink(.local)
      case .remoteSyslog(let address): return try SyslogSink(SyslogTarget.parse(address))
      }
    } catch let failure as SyslogTarget.Failure {
      throw LogFailure(description: failure.description)
    }
  }

  private static func layout(_ settings: Settings, _ sink: any LogSink) -> LogLayout {
    let isColored = settings.destination == .standardError && (sink as? DescriptorSink)?.isCharacterDevice == true
    return LogLayout(
      format: settings.format, showsTime: settings.time, utc: settings.utc, isColored: isColored, process: getpid())
  }

  private static func frame(_ settings: Settings) -> SyslogFrame? {
    let target: SyslogTarget?
    switch settings.destination {
    case .standardError, .file: target = nil
    case .syslog: target = .local
    case .remoteSyslog(let address): target = try? SyslogTarget.parse(address)
    }
    guard let target else { return nil }
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return SyslogFrame(target: target, hostName: host, tag: ProgramName.current, process: getpid())
  }
}
