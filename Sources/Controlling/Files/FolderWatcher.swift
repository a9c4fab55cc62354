import CSystem
import Glibc
import Reactor

/// Tells when something may have changed in some folders: what exactly, a scan finds out.
///
/// Invariant: everything happens on the loop.
final class FolderWatcher: EventSource, @unchecked Sendable {
  /// Folders watched by the kernel; what is more is left to the timer of the owner.
  static let mostFolders = 4096
  /// Changes are told after this much quiet, at the latest after `mostNanoseconds`.
  private static let quietNanoseconds: Int64 = 50_000_000
  private static let mostNanoseconds: Int64 = 500_000_000
  private static let interest =
    UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_CLOSE_WRITE) | UInt32(IN_DELETE)
    | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_ATTRIB)

  private let loop: EventLoop
  private let changed: () -> Void
  private let descriptor: Int32
  private var watches: [Int32: String] = [:]
  private var timer: TimerToken?
  private var firstChange: Int64?

  /// - Parameter changed: called on the loop.
  init(loop: EventLoop, changed: @escaping () -> Void) {
    self.loop = loop
    self.changed = changed
    descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    super.init()
    if descriptor >= 0 { loop.add(self, descriptor: descriptor, interest: .read) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Watches these folders and no others.
  func watch(_ folders: [String]) {
    guard descriptor >= 0 else { return }
    var kept: [Int32: String] = [:]
    for folder in folders.prefix(Self.mostFolders) {
      let watch = inotify_add_watch(descriptor, folder, Self.interest)
      if watch >= 0 { kept[watch] = folder }
    }
    for watch in watches.keys where kept[watch] == nil { inotify_rm_watch(descriptor, watch) }
    watches = kept
  }

  func stop() {
    if let timer { loop.cancel(timer) }
    timer = nil
    if descriptor >= 0 { loop.remove(self, descriptor: descriptor) }
  }

  override func ready(_ events: Readiness) {
    var isAny = false
    withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 8) { buffer in
      while read(descriptor, buffer.baseAddress!, buffer.count) > 0 { isAny = true }
    }
    guard isAny else { return }
    let now = loop.clock.monotonicNanoseconds()
    let first = firstChange ?? now
    firstChange = first
    if let timer { loop.cancel(timer) }
    let delay = min(Self.quietNanoseconds, max(0, first + Self.mostNanoseconds - now))
    timer = loop.schedule(afterNanoseconds: delay) { [weak self] in
      guard let self else { return }
      self.timer = nil
      self.firstChange = nil
      self.changed()
    }
  }
}
