import Glibc
import Reactor

/// The journal's files. Invariant: one thread at a time, but `createSegment`, which touches no state, runs on any.
final class JournalStorage: @unchecked Sendable {
  let disk: any Disk
  let directory: String
  private var open: [Int: any DiskFile] = [:]
  private var isWriting = false
  private var checkpoints: [any DiskFile] = []

  init(disk: any Disk, directory: String) {
    self.disk = disk
    self.directory = directory
  }

  static let segmentPrefix = "segment-"

  func segmentPath(_ slot: Int) -> String { "\(directory)/\(Self.segmentPrefix)\(slot)" }

  /// The slots of the segment files that are there.
  func slots() throws -> [Int] {
    try disk.list(directory).compactMap { name in
      name.hasPrefix(Self.segmentPrefix) ? Int(name.dropFirst(Self.segmentPrefix.count)) : nil
    }.sorted()
  }

  func segment(_ slot: Int) throws -> any DiskFile {
    if let file = open[slot] { return file }
    let file = try disk.open(segmentPath(slot), creating: nil)
    if isWriting { file.bypassCache() }
    open[slot] = file
    return file
  }

  /// Segments are only written from here on.
  func beginWriting() {
    open = [:]
    isWriting = true
  }

  /// Makes a file of zeros; it and its name are durable afterwards. On an error nothing is left of it.
  ///
  /// - Parameter isFirst: nothing else is being written yet, and the start waits for it. On a full disk it is a hole then,
  ///   so that the start does not fail: who writes there waits for space.
  func createSegment(_ slot: Int, capacity: Int, isFirst: Bool = false) throws {
    let path = segmentPath(slot)
    do {
      let file = try disk.open(path, creating: 0o600)
      file.bypassCache()
      do { try file.fillWithZeros(upTo: capacity, lettingOthersSync: !isFirst) } catch let error as SystemError
        where isFirst && (error.code == ENOSPC || error.code == EDQUOT)
      {
        try file.resize(to: 0)
        try file.resize(to: capacity)
        try file.synchronizeData()
      }
      try disk.synchronizeDirectory(directory)
    } catch {
      try? disk.remove(path)
      throw error
    }
  }

  /// Removes segment files; that is durable afterwards.
  func removeSegments(_ slots: [Int]) throws {
    if slots.isEmpty { return }
    for slot in slots {
      open[slot] = nil
      try disk.remove(segmentPath(slot))
    }
    try disk.synchronizeDirectory(directory)
  }

  /// Forgets the handles of segments that are not in use; their files are few, but handles are not free.
  func closeSegment(_ slot: Int) { open[slot] = nil }

  // MARK: checkpoints

  private func checkpointPath(_ index: Int) -> String { "\(directory)/checkpoint-\(index)" }

  /// Makes the directory and the checkpoint files where they are missing. True when there was no checkpoint file.
  func prepare() throws -> Bool {
    try disk.makeDirectory(directory, mode: 0o700)
    let names = try disk.list(directory)
    let isNew = !names.contains { $0.hasPrefix("checkpoint-") }
    checkpoints = try (0..<2).map { try disk.open(checkpointPath($0), creating: 0o600) }
    try disk.synchronizeDirectory(directory)
    return isNew
  }

  /// The checkpoints that are whole, newest first, and how many files hold something that is not. An error of the disk
  /// when none is whole: what it hides would be needed.
  func readCheckpoints() throws -> (whole: [Checkpoint], unreadable: Int) {
    var whole: [Checkpoint] = []
    var unreadable = 0
    var failure: (any Error)?
    for file in checkpoints {
      do {
        let size = try file.size()
        if size == 0 { continue }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = try bytes.withUnsafeMutableBytes { try file.readAll(into: $0, at: 0) }
        if let checkpoint = bytes.withUnsafeBytes({ Checkpoint($0.slice(0..<count)) }) {
          whole.append(checkpoint)
          continue
        }
      } catch { failure = error }
      unreadable += 1
    }
    if whole.isEmpty, let failure { throw failure }
    return (whole.sorted { $0.number > $1.number }, unreadable)
  }

  /// Replaces the older checkpoint; durable when this returns.
  func write(_ checkpoint: Checkpoint) throws {
    let file = checkpoints[Int(checkpoint.number & 1)]
    try checkpoint.encoded().withUnsafeBytes { try file.writeAll($0, at: 0) }
    try file.synchronizeData()
  }
}
