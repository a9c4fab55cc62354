import Bytes
import CSystem
import Glibc

/// A log file that is moved aside when it grows beyond a size, of which so many are kept (FEATURES 3.029, 3.043 to 3.045).
final class LogFile: LogSink {
  typealias Notice = (level: LogLevel, text: String)

  let path: String
  private let sizeLimit: Int64
  private let maxFiles: Int64
  private var sink: DescriptorSink
  private var written: Int64

  /// Opens the file for appending; mode 0640.
  ///
  /// - Parameters:
  ///   - sizeLimit: bytes; 0 never rotates.
  ///   - maxFiles: files kept, the current one included; 0 keeps all.
  init(path: String, sizeLimit: Int64, maxFiles: Int64) throws {
    self.path = path
    self.sizeLimit = sizeLimit
    self.maxFiles = maxFiles
    (sink, written) = try Self.open(path)
  }

  var descriptor: Int32 { sink.descriptor }

  func write(_ bytes: ArraySlice<UInt8>) -> LogWrite {
    let result = sink.write(bytes)
    if case .taken(let count) = result { written += Int64(count) }
    return result
  }

  func close() { sink.close() }

  /// Pipes and devices are never rotated.
  var isOverLimit: Bool { sizeLimit > 0 && written > sizeLimit && sink.isRegularFile }

  /// Moves the file to `path.YYYY.MM.DD.HH.MM.SS.nnnnnnnnn` (local time) and starts a new one.
  ///
  /// - Returns: what is to be logged about it. On failure the old file is written on for another `sizeLimit` bytes.
  func rotate(at time: Timestamp) -> [Notice] {
    let backup = "\(path).\(Self.stamp(time))"
    written = 0
    guard rename(path, backup) == 0 else {
      return [(.error, "Unable to rename the logfile \(GoString.quote(path)): \(SystemError.text(of: csys_errno()))")]
    }
    do {
      let old = sink
      (sink, written) = try Self.open(path)
      old.close()
    } catch {
      return [(.error, "Unable to re-open the logfile \(GoString.quote(path)) after rotation: \(error)")]
    }
    return [(.info, "Rotated log, backup saved as \(GoString.quote(backup))")] + purge()
  }

  private static func open(_ path: String) throws -> (DescriptorSink, Int64) {
    // Non-blocking for the open only: a named pipe without a reader must not hold the server up.
    let opened = csys_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o640)
    if opened < 0 { throw SystemError("open \(path)") }
    var status = stat()
    let size = fstat(opened, &status) == 0 ? Int64(status.st_size) : 0
    return (DescriptorSink(opened, ownsDescriptor: true), size)
  }

  /// `2026.01.02.15.04.05.123456789`
  static func stamp(_ time: Timestamp) -> String {
    var text: [UInt8] = []
    LogTime.append(time, utc: false, to: &text)
    let civil = text.prefix(19).map { $0 == 0x2F || $0 == 0x20 || $0 == 0x3A ? 0x2E : $0 }
    let nanoseconds = String(time.nanoseconds)
    return String(decoding: civil, as: UTF8.self) + "." + String(repeating: "0", count: 9 - nanoseconds.utf8.count)
      + nanoseconds
  }

  /// Whether a name's ending is what `stamp` makes: six numbers and a fraction, with dots between.
  static func isStamp(_ text: Substring) -> Bool {
    let fields = text.split(separator: ".", omittingEmptySubsequences: false)
    let widths = [4, 2, 2, 2, 2, 2]
    guard fields.count == 7, (1...9).contains(fields[6].utf8.count) else { return false }
    return fields.allSatisfy { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
      && zip(fields, widths).allSatisfy { $0.utf8.count == $1 }
  }

  /// Removes the oldest files above `maxFiles`.
  private func purge() -> [Notice] {
    guard maxFiles > 0 else { return [] }
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let prefix = (slash.map { String(path[path.index(after: $0)...]) } ?? path) + "."
    guard let handle = opendir(directory) else {
      let reason = SystemError.text(of: csys_errno())
      return [
        (
          .error,
          "Unable to read directory \(GoString.quote(directory)) for log purge (open \(directory): \(reason)), "
            + "will attempt next rotation"
        )
      ]
    }
    defer { closedir(handle) }
    var backups: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasPrefix(prefix), Self.isStamp(name.dropFirst(prefix.count)) { backups.append(name) }
    }
    var notices: [Notice] = []
    for name in backups.sorted().dropLast(Int(min(maxFiles, Int64(Int32.max))) - 1) {
      guard unlink("\(directory)/\(name)") == 0 else {
        let reason = SystemError.text(of: csys_errno())
        notices.append(
          (
            .error,
            "Unable to remove backup log file \(GoString.quote(name)) (remove \(directory)/\(name): \(reason)), "
              + "will attempt next rotation"
          ))
        return notices
      }
      notices.append((.info, "Purged log file \(GoString.quote(name))"))
    }
    return notices
  }
}
