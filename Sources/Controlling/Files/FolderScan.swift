import CSystem
import Glibc

/// The manifest files below some paths, as the file system has them now.
///
/// Folders are searched to the bottom; what begins with a dot is passed over, so that of a mounted ConfigMap
/// (`orders.yaml -> ..data/orders.yaml`) each file is found once. Links are followed.
struct FolderScan {
  /// Folders in folders.
  static let deepest = 32
  static let mostFiles = 100_000

  private(set) var files: [String: FileStamp] = [:]
  /// Where changes can happen.
  private(set) var folders: [String] = []
  /// What cannot be looked into, and why.
  private(set) var failures: [String: String] = [:]
  private var seen: Set<[UInt64]> = []

  init(_ paths: [String]) {
    for path in paths {
      guard let status = Self.status(path) else {
        failures[path] = String(cString: strerror(csys_errno()))
        continue
      }
      // Of a file that is named itself, the folder tells when it is replaced.
      if status.st_mode & S_IFMT == S_IFREG { folders.append(Self.folder(of: path)) }
      add(path, status, depth: 0, isNamed: true)
    }
  }

  private mutating func add(_ path: String, _ status: stat, depth: Int, isNamed: Bool) {
    switch status.st_mode & S_IFMT {
    case S_IFDIR: addFolder(path, status, depth: depth)
    case S_IFREG where isNamed || Self.isManifest(path):
      guard files.count < Self.mostFiles else {
        failures[path] = "more than \(Self.mostFiles) files"
        return
      }
      files[path] = FileStamp(status)
    default: break
    }
  }

  private mutating func addFolder(_ path: String, _ status: stat, depth: Int) {
    // A link may lead back up.
    guard seen.insert([UInt64(status.st_dev), UInt64(status.st_ino)]).inserted else { return }
    guard depth < Self.deepest else {
      failures[path] = "more than \(Self.deepest) folders deep"
      return
    }
    guard let directory = opendir(path) else {
      failures[path] = String(cString: strerror(csys_errno()))
      return
    }
    folders.append(path)
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    closedir(directory)
    for name in names.sorted() {
      let entry = path.hasSuffix("/") ? path + name : path + "/" + name
      // A link to nothing, or a file that has just gone.
      guard let status = Self.status(entry) else { continue }
      add(entry, status, depth: depth + 1, isNamed: false)
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func status(_ path: String) -> stat? {
    var status = stat()
    return stat(path, &status) == 0 ? status : nil
  }

  private static func isManifest(_ path: String) -> Bool {
    [".yaml", ".yml", ".json"].contains { path.lowercased().hasSuffix($0) }
  }
}
