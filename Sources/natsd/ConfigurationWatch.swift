import Configuration
import Glibc
import Reactor

/// Watches the configuration file, what it includes, and certificates, and asks for a reload when they change
/// (`config_watch`): what else takes a sidecar. Loop 0.
final class ConfigurationWatch {
  private let loop: EventLoop
  private let changed: () -> Void
  private var watcher: FileWatcher?

  init(loop: EventLoop, changed: @escaping () -> Void) {
    self.loop = loop
    self.changed = changed
  }

  /// Follows the options that hold now.
  ///
  /// - Parameter read: what was read to get them, and for attempts that failed since.
  /// - Returns: whether anything is watched.
  @discardableResult
  func follow(_ options: ServerOptions, read: Set<String>) -> Bool {
    guard Self.isWanted(options) else {
      watcher?.stop()
      watcher = nil
      return false
    }
    let watcher = self.watcher ?? FileWatcher(loop: loop, changed: changed)
    self.watcher = watcher
    watcher.watch(Array(read.union(options.certificateFiles).union([options.configurationFile])))
    return true
  }

  /// Call before the files are read.
  func look() { watcher?.look() }

  /// Asked for, or not ruled out and the file is in a directory that Kubernetes mounts: it has a link `..data`.
  static func isWanted(_ options: ServerOptions) -> Bool {
    guard !options.configurationFile.isEmpty else { return false }
    if let isWanted = options.watchesConfiguration { return isWanted }
    let path = options.configurationFile
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
    var status = stat()
    return lstat(directory + "..data", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }
}
