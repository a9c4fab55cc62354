import CSystem
import Glibc

/// Where on the file system a file can change: its own directory entry, and those of the symbolic links on the way.
///
/// Kubernetes mounts a ConfigMap as `nats.conf -> ..data/nats.conf` and `..data -> ..2026_01_02`, and publishes a new
/// version by renaming over `..data`: only that entry changes.
struct WatchedPlaces: Equatable {
  /// Links followed for one path, as the kernel does.
  static let mostLinks = 40

  /// Names by the directory they stand in.
  private(set) var names: [String: Set<String>] = [:]

  /// Adds what a path depends on.
  ///
  /// - Parameter linkTarget: what a symbolic link holds; nil for everything else.
  mutating func add(_ path: String, linkTarget: (String) -> String?) {
    var rest = Self.components(path)
    var directory = path.hasPrefix("/") ? "/" : "."
    var links = 0
    while !rest.isEmpty {
      let name = rest.removeFirst()
      let full = Self.join(directory, name)
      if name != "..", let target = linkTarget(full), links < Self.mostLinks {
        links += 1
        names[directory, default: []].insert(name)
        if target.hasPrefix("/") { directory = "/" }
        rest = Self.components(target) + rest
        continue
      }
      if rest.isEmpty { names[directory, default: []].insert(name) }
      directory = full
    }
  }

  private static func components(_ path: String) -> [String] {
    path.split(separator: "/").map(String.init).filter { $0 != "." }
  }

  private static func join(_ directory: String, _ name: String) -> String {
    switch directory {
    case "/": "/" + name
    case ".": name
    default: directory + "/" + name
    }
  }

  /// What a symbolic link of this machine holds.
  static func systemLinkTarget(_ path: String) -> String? {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(path, &target, target.count)
    return count > 0 ? String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }
}
