import CSystem
import Glibc
import Reactor

/// Files that TLS needs and a Secret holds: `DIRECTORY/NAMESPACE/ACCOUNT/KEY`, written when their contents change, keys
/// for the owner's eyes only. FEATURES 13.017. Other secrets stay in memory.
///
/// Invariant: used by the engine's loop only.
final class CacheFiles: @unchecked Sendable {
  private let given: String
  private var made: String?

  /// - Parameter directory: empty for a directory of our own under TMPDIR, which `remove` takes away.
  init(directory: String) { given = directory }

  /// The path; nil when it cannot be written.
  func path(namespace: String, account: String, key: String, contents: [UInt8]) -> String? {
    let parts = [namespace, account, key]
    guard let root = directory(), parts.allSatisfy({ !$0.isEmpty && !$0.contains("/") && !$0.hasPrefix("..") }) else {
      return nil
    }
    var path = root
    for part in parts.dropLast() {
      path += "/" + part
      if (try? SystemDisk().makeDirectory(path, mode: 0o700)) == nil { return nil }
    }
    path += "/" + key
    if let held = try? SystemDisk().read(path), held == contents { return path }
    // In place of the old one at once: a connection may be reading it. No entry of a Secret has such a name.
    let temporary = path + "~"
    do {
      try? SystemDisk().remove(temporary)
      try SystemDisk().write(contents, to: temporary, mode: isPublic(contents) ? 0o644 : 0o600)
      try SystemDisk().rename(temporary, to: path)
      return path
    } catch {
      return nil
    }
  }

  /// Several files in one, for those who take only one.
  func bundle(_ paths: [String]) -> String? {
    var contents: [UInt8] = []
    for path in paths {
      guard let bytes = try? SystemDisk().read(path) else { return nil }
      contents += bytes + [0x0A]
    }
    var hash: UInt64 = 14_695_981_039_346_656_037
    for byte in paths.joined(separator: "\n").utf8 { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
    return path(namespace: "bundles", account: "authorities", key: String(hash, radix: 16), contents: contents)
  }

  /// Takes away the directory that we made ourselves.
  func remove() {
    guard let made else { return }
    removeTree(made)
    self.made = nil
  }

  private func isPublic(_ contents: [UInt8]) -> Bool {
    let mark = Array("PRIVATE KEY-----".utf8)
    return contents.withUnsafeBytes { bytes in
      csys_find(bytes.baseAddress, bytes.count, mark, mark.count) == nil
    }
  }

  private func directory() -> String? {
    if !given.isEmpty {
      return (try? SystemDisk().makeDirectory(given, mode: 0o755)) == nil ? nil : given
    }
    if let made { return made }
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/nack-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { return nil }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    made = path
    return path
  }

  private func removeTree(_ path: String) {
    for name in (try? SystemDisk().list(path)) ?? [] {
      let entry = path + "/" + name
      if unlink(entry) != 0 { removeTree(entry) }
    }
    rmdir(path)
  }
}
