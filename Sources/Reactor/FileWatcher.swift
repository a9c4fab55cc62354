import CSystem
import Crypto
import Glibc

/// Tells when files get other contents, whatever way: written in place, replaced, or behind a symbolic link that was
/// turned (a Kubernetes ConfigMap or Secret).
///
/// Watches directories with inotify. Changes are gathered until nothing happens for `quietNanoseconds`, but not longer
/// than `mostNanoseconds`; then the contents are compared, so that a touched file is no change. Where the kernel gives
/// no (more) watches, contents are compared every `pollNanoseconds`. Everything runs on the loop.
public final class FileWatcher: EventSource, @unchecked Sendable {
  /// Files watched; what is more is left out.
  public static let mostFiles = 1024
  private static let mostDirectories = 256
  /// Files above this size are compared by size and time of change.
  private static let mostHashedBytes = 16 << 20
  private static let quietNanoseconds: Int64 = 200_000_000
  private static let mostNanoseconds: Int64 = 1_000_000_000
  private static let pollNanoseconds: Int64 = 2_000_000_000
  private static let interest =
    UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_CLOSE_WRITE) | UInt32(IN_MODIFY)
    | UInt32(IN_DELETE) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_ATTRIB)

  private let loop: EventLoop
  private let changed: () -> Void
  private let descriptor: Int32
  private var files: [String] = []
  private var places = WatchedPlaces()
  /// Directory by inotify's number for it.
  private var watches: [Int32: String] = [:]
  /// What the files held when they were looked at last.
  private var contents: [String: [UInt8]] = [:]
  private var timer: TimerToken?
  private var firstChange: Int64?
  private var pollTimer: TimerToken?
  /// Every directory is watched by the kernel.
  private var isComplete = true
  private var isStopped = false

  /// - Parameter changed: called on the loop.
  public init(loop: EventLoop, changed: @escaping () -> Void) {
    self.loop = loop
    self.changed = changed
    descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    super.init()
    if descriptor >= 0 { loop.add(self, descriptor: descriptor, interest: .read) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Replaces the files that are watched. Later contents are compared with what a file holds now, or held when it was
  /// last looked at.
  public func watch(_ paths: [String]) {
    files = Array(Set(paths).sorted().prefix(Self.mostFiles))
    place()
    let known = contents
    contents = [:]
    for file in files { contents[file] = known[file] ?? Self.fingerprint(file) }
    poll()
  }

  /// Call before the files are read for a reason of one's own: what they hold now is no change any more.
  public func look() {
    for file in files { contents[file] = Self.fingerprint(file) }
  }

  /// Watches nothing from here on.
  public func stop() {
    isStopped = true
    for token in [timer, pollTimer] { if let token { loop.cancel(token) } }
    if descriptor >= 0 { loop.remove(self, descriptor: descriptor) }
  }

  public override func ready(_ events: Readiness) {
    var isRelevant = false
    withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 8) { buffer in
      while true {
        let count = read(descriptor, buffer.baseAddress!, buffer.count)
        if count <= 0 { return }
        var offset = 0
        while offset < count {
          let header = (buffer.baseAddress! + offset).assumingMemoryBound(to: inotify_event.self).pointee
          let start = buffer.baseAddress! + offset + MemoryLayout<inotify_event>.size
          let bytes = UnsafeRawBufferPointer(start: start, count: Int(header.len)).prefix { $0 != 0 }
          if concernsUs(header, String(decoding: bytes, as: UTF8.self)) { isRelevant = true }
          offset += MemoryLayout<inotify_event>.size + Int(header.len)
        }
      }
    }
    if isRelevant { gather() }
  }

  private func concernsUs(_ event: inotify_event, _ name: String) -> Bool {
    // Events were lost: anything may have changed.
    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
    guard let directory = watches[event.wd] else { return false }
    if event.mask & UInt32(IN_IGNORED) != 0 { watches[event.wd] = nil }
    return name.isEmpty || places.names[directory]?.contains(name) == true
  }

  /// Waits for quiet.
  private func gather() {
    let now = loop.clock.monotonicNanoseconds()
    let first = firstChange ?? now
    firstChange = first
    if let timer { loop.cancel(timer) }
    let delay = min(Self.quietNanoseconds, max(0, first + Self.mostNanoseconds - now))
    timer = loop.schedule(afterNanoseconds: delay) { [weak self] in self?.compare() }
  }

  private func compare() {
    timer = nil
    firstChange = nil
    guard !isStopped else { return }
    // Links may lead elsewhere now. Placed before reading: what changes in between is seen again.
    place()
    let before = contents
    look()
    if contents != before { changed() }
  }

  private func place() {
    var places = WatchedPlaces()
    for file in files { places.add(file, linkTarget: WatchedPlaces.systemLinkTarget) }
    self.places = places
    isComplete = descriptor >= 0 && places.names.count <= Self.mostDirectories
    guard descriptor >= 0 else { return }
    var kept: [Int32: String] = [:]
    for directory in places.names.keys.sorted().prefix(Self.mostDirectories) {
      let watch = inotify_add_watch(descriptor, directory, Self.interest)
      if watch >= 0 { kept[watch] = directory } else { isComplete = false }
    }
    for watch in watches.keys where kept[watch] == nil { inotify_rm_watch(descriptor, watch) }
    watches = kept
  }

  private func poll() {
    if let pollTimer { loop.cancel(pollTimer) }
    pollTimer = nil
    guard !isStopped, !isComplete, !files.isEmpty else { return }
    pollTimer = loop.schedule(afterNanoseconds: Self.pollNanoseconds) { [weak self] in
      guard let self else { return }
      self.compare()
      self.poll()
    }
  }

  /// Stands for a file's contents; empty for one that cannot be read.
  private static func fingerprint(_ path: String) -> [UInt8] {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
    if status.st_size <= mostHashedBytes, let bytes = try? SystemDisk().read(path) {
      return bytes.withUnsafeBytes { SHA256.digest($0) }
    }
    return Array("\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)".utf8)
  }
}
