import Bytes
import CSystem
import Glibc

/// Where log lines go.
public enum LogDestination: Sendable, Equatable {
  case standardError
  case file(path: String, sizeLimit: Int64, maxFiles: Int64)
}

/// What a log line is about; `rawValue` is the tag tools look for.
public enum LogLevel: String, Sendable {
  case info = "INF"
  case debug = "DBG"
  case trace = "TRC"
  case warning = "WRN"
  case error = "ERR"
  case fatal = "FTL"
}

/// Writes lines of the form `[pid] 2026/01/02 15:04:05.000000 [INF] text` (FEATURES 3.031).
///
/// One `write` a line, under a lock: lines of several loops do not mix. Invariant: everything mutable is guarded by
/// `lock`, but the two level flags, which are read without it (a line more or less does no harm).
public final class Logger: @unchecked Sendable {
  public struct Settings: Sendable, Equatable {
    public var destination = LogDestination.standardError
    public var debug = false
    public var trace = false
    public var time = true
    public var utc = false
    public init() {}
  }

  private let clock: any Clock
  private let lock: UnsafeMutablePointer<UInt32>
  private var settings: Settings
  private var descriptor: Int32 = 2
  private var written: Int64 = 0
  private let prefix: String
  public private(set) var isDebugOn: Bool
  public private(set) var isTraceOn: Bool

  /// Throws when a log file cannot be opened.
  public init(_ settings: Settings = Settings(), clock: any Clock = SystemClock()) throws {
    self.clock = clock
    self.settings = settings
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    prefix = "[\(getpid())] "
    isDebugOn = settings.debug
    isTraceOn = settings.trace
    try open()
  }

  /// Takes new settings; on failure the old ones stay.
  public func apply(_ new: Settings) throws {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    let old = settings
    settings = new
    if new.destination != old.destination {
      do { try open() } catch {
        settings = old
        throw error
      }
    }
    isDebugOn = new.debug
    isTraceOn = new.trace
  }

  /// Closes and opens the log file again, for tools that have moved it away (SIGUSR1).
  public func reopen() throws {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    try open()
  }

  public func info(_ text: @autoclosure () -> String) { write(.info, text()) }
  public func warning(_ text: @autoclosure () -> String) { write(.warning, text()) }
  public func error(_ text: @autoclosure () -> String) { write(.error, text()) }
  public func fatal(_ text: @autoclosure () -> String) { write(.fatal, text()) }
  public func debug(_ text: @autoclosure () -> String) { if isDebugOn { write(.debug, text()) } }
  public func trace(_ text: @autoclosure () -> String) { if isTraceOn { write(.trace, text()) } }

  private func write(_ level: LogLevel, _ text: String) {
    var line: [UInt8] = []
    line.reserveCapacity(64 + text.utf8.count)
    line += prefix.utf8
    csys_lock(lock)
    defer { csys_unlock(lock) }
    if settings.time {
      LogTime.append(Timestamp(unixNanoseconds: clock.wallNanoseconds()), utc: settings.utc, to: &line)
      line.append(0x20)
    }
    line.append(UInt8(ascii: "["))
    line += level.rawValue.utf8
    line += "] ".utf8
    line += text.utf8
    line.append(0x0A)
    put(line)
  }

  private func put(_ line: [UInt8]) {
    line.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
        if count < 0 {
          if csys_errno() == EINTR { continue }
          return
        }
        offset += count
      }
    }
    written += Int64(line.count)
    if case .file(let path, let limit, let maxFiles) = settings.destination, limit > 0, written > limit {
      rotate(path, maxFiles: maxFiles)
    }
  }

  private func open() throws {
    guard case .file(let path, _, _) = settings.destination else {
      if descriptor > 2 { close(descriptor) }
      descriptor = 2
      return
    }
    let opened = csys_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
    if opened < 0 { throw SystemError("open \(path)") }
    if descriptor > 2 { close(descriptor) }
    descriptor = opened
    var status = stat()
    written = fstat(opened, &status) == 0 ? Int64(status.st_size) : 0
  }

  /// Moves the file to `path.YYYY.MM.DD.HH.MM.SS.nnnnnnnnn` and starts a new one (FEATURES 3.029).
  private func rotate(_ path: String, maxFiles: Int64) {
    let now = Timestamp(unixNanoseconds: clock.wallNanoseconds())
    var stamp: [UInt8] = []
    LogTime.append(now, utc: settings.utc, to: &stamp)
    let date = String(
      decoding: stamp.prefix(19).map { $0 == 0x2F || $0 == 0x20 || $0 == 0x3A ? 0x2E : $0 }, as: UTF8.self)
    let nanoseconds = String(now.nanoseconds)
    let padded = String(repeating: "0", count: 9 - nanoseconds.count) + nanoseconds
    guard rename(path, "\(path).\(date).\(padded)") == 0 else {
      written = 0
      return
    }
    try? open()
    if maxFiles > 0 { removeOldest(path, keeping: Int(maxFiles) - 1) }
  }

  private func removeOldest(_ path: String, keeping: Int) {
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    guard let handle = opendir(directory) else { return }
    defer { closedir(handle) }
    var rotated: [String] = []
    while let entry = readdir(handle) {
      let file = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if file.hasPrefix(name + "."), file.dropFirst(name.utf8.count + 1).first?.isNumber == true {
        rotated.append(file)
      }
    }
    for file in rotated.sorted().dropLast(max(0, keeping)) { unlink("\(directory)/\(file)") }
  }
}
