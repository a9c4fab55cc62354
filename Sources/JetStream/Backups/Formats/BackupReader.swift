import S2

/// Reads a backup of either version as its chunks arrive. Memory: what was appended last, one block of 4 MiB, and one
/// entry or record.
struct BackupReader {
  private enum Format {
    case unknown
    case archive(ArchiveBackup)
    case files(FilesBackup)
  }

  private var stream = S2Reader()
  private var format = Format.unknown
  /// Decompressed bytes, until there are enough to tell the format.
  private var beginning: [UInt8] = []
  private let limits: BackupLimits
  /// Bytes that were decompressed since the last item.
  private var silence = 0

  init(_ limits: BackupLimits) { self.limits = limits }

  mutating func append(_ chunk: [UInt8]) {
    if !hasEnded { stream.append(chunk) }
  }

  /// What comes next; nil when more has to be appended first. Each call decompresses 4 MiB at most.
  mutating func next() throws(BackupProblem) -> BackupItem? {
    if let item = try nextOfFormat() {
      silence = 0
      return item
    }
    // What comes behind the end of an archive does not count, whatever it is.
    guard !hasEnded, let bytes = try decompress() else { return nil }
    silence += bytes.count
    guard silence <= limits.silence else { throw .invalidArchive }
    take(bytes)
    return .nothing(bytes.count)
  }

  private var hasEnded: Bool {
    if case .archive(let backup) = format { return backup.hasEnded }
    return false
  }

  /// All input has been given and read: throws when something is missing.
  mutating func finish() throws(BackupProblem) -> [BackupItem] {
    switch format {
    case .unknown:
      if !stream.isAtBoundary { throw Self.damaged }
      throw beginning.isEmpty ? .endOfInput : .unexpectedEnd
    case .archive(let backup):
      if !backup.hasEnded, !stream.isAtBoundary { throw Self.damaged }
      try backup.finish()
      return []
    case .files(var backup):
      if !stream.isAtBoundary { throw Self.damaged }
      return try backup.finish()
    }
  }

  private static let damaged = BackupProblem(.damagedBlock)

  private mutating func decompress() throws(BackupProblem) -> [UInt8]? {
    do throws(S2Error) {
      return try stream.next()
    } catch {
      throw BackupProblem(error)
    }
  }

  private mutating func take(_ bytes: [UInt8]) {
    switch format {
    case .unknown:
      beginning += bytes
      guard beginning.count >= Archive.magic.count else { return }
      if beginning.starts(with: Archive.magic) {
        var backup = ArchiveBackup(limits)
        backup.append(beginning)
        format = .archive(backup)
      } else {
        var backup = FilesBackup(limits)
        backup.append(beginning)
        format = .files(backup)
      }
      beginning = []
    case .archive(var backup):
      format = .unknown
      backup.append(bytes)
      format = .archive(backup)
    case .files(var backup):
      format = .unknown
      backup.append(bytes)
      format = .files(backup)
    }
  }

  private mutating func nextOfFormat() throws(BackupProblem) -> BackupItem? {
    switch format {
    case .unknown: return nil
    case .archive(var backup):
      // Taken out, so that it is not copied.
      format = .unknown
      defer { format = .archive(backup) }
      return try backup.next()
    case .files(var backup):
      format = .unknown
      defer { format = .files(backup) }
      return try backup.next()
    }
  }
}
