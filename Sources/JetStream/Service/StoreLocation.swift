import Bytes
import CSystem
import Configuration
import Glibc
import Reactor

/// Where JetStream keeps its files: `<store_dir>/jetstream` (FEATURES 3.174, 9.001).
struct StoreLocation {
  /// What is wrong with the directory.
  struct Problem: Error, CustomStringConvertible {
    let description: String
  }

  let directory: String
  /// No directory was configured: a restart of the machine may empty it (FEATURES 9.006).
  let isTemporary: Bool

  init(_ options: JetStreamOptions) {
    isTemporary = options.storeDirectory.isEmpty
    let root = isTemporary ? "/tmp/nats" : Self.withoutSlashes(options.storeDirectory)
    directory = root + "/jetstream"
  }

  private static func withoutSlashes(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  var journal: String { directory + "/journal" }
  var table: String { directory + "/streams.json" }

  /// A stream's directory. Names are kept as they are, as far as a file system can; the number makes it unique.
  func stream(account: String, name: String, identifier: UInt64) -> String {
    "\(accounts)/\(Self.fileName(account))/streams/\(Self.fileName(name)).\(identifier)"
  }

  var accounts: String { directory + "/accounts" }

  /// Records of streams that cannot take them now: see `AsideFile`.
  var aside: String { directory + "/aside" }
  func aside(_ identifier: UInt64) -> String { "\(aside)/\(identifier)" }

  /// The directories above a stream's, outermost first.
  func parents(account: String) -> [String] {
    ["\(accounts)/\(Self.fileName(account))", "\(accounts)/\(Self.fileName(account))/streams"]
  }

  private static func fileName(_ name: String) -> String {
    var result = ""
    // A number and a percent sign for every byte have to fit into the 255 bytes of a file's name.
    for byte in name.utf8.prefix(200) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "$"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default: result += "%" + String(byte, radix: 16)
      }
      if result.utf8.count > 200 { break }
    }
    return result
  }

  /// Makes the directories.
  func prepare(_ disk: any Disk) throws(Problem) {
    var path = ""
    for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
      path += path.isEmpty && !directory.hasPrefix("/") ? String(part) : (part.isEmpty ? "" : "/" + part)
      if path.isEmpty { continue }
      var status = stat()
      if stat(path, &status) == 0 {
        if status.st_mode & S_IFMT != S_IFDIR { throw Problem(description: "storage directory is not a directory") }
        continue
      }
      do {
        try disk.makeDirectory(path, mode: 0o700)
      } catch {
        throw Problem(description: "could not create storage directory - \(error)")
      }
    }
    if access(directory, W_OK) != 0 { throw Problem(description: "storage directory is not writable") }
    do {
      try disk.makeDirectory(accounts, mode: 0o700)
    } catch {
      throw Problem(description: "could not create storage directory - \(error)")
    }
  }

  /// Three quarters of the space that is free; a terabyte when that cannot be told (FEATURES 9.031).
  func defaultMaximum() -> Int64 {
    var status = statvfs()
    guard statvfs(directory, &status) == 0 else { return 1 << 40 }
    return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize) / 4 * 3)
  }
}

/// A number of bytes as the banner shows it: `17.66 GB`.
func friendlyBytes(_ bytes: Int64) -> String {
  guard bytes >= 1024 else { return "\(bytes) B" }
  var value = Double(bytes)
  var unit = -1
  while value >= 1024, unit < 5 {
    value /= 1024
    unit += 1
  }
  let hundredths = (value * 100).rounded(.toNearestOrEven)
  let fraction = String(Int(hundredths) % 100)
  let padded = fraction.count < 2 ? "0" + fraction : fraction
  return "\(Int(hundredths) / 100).\(padded) \(Array("KMGTPE")[unit])B"
}
