import Glibc
import Synchronization

/// The system's time zones, from which schedules get theirs (FEATURES 5.079).
///
/// A container without the zoneinfo database knows UTC only: a schedule that names another zone is refused with error
/// 10223, as nats-server refuses it there. Zones are read once and kept; at most 600 exist. Any thread.
public final class TimeZoneFiles: Sendable {
  /// Larger files are no time zones.
  private static let maximumFileBytes = 1 << 20

  private let directories: [String]
  private let known = Mutex<[String: TimeZone]>([:])

  /// - Parameter directories: looked through in this order.
  public init(directories: [String] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"]) {
    self.directories = directories
  }

  /// The zone of a name as `Europe/Berlin`; nil: it is not known here.
  func zone(named name: String) -> TimeZone? {
    if name == "UTC" { return .utc }
    guard !name.isEmpty, !name.hasPrefix("/"), !name.hasPrefix("\\"), !name.split(separator: "/").contains("..") else {
      return nil
    }
    if name == "Local" { return read("/etc/localtime") ?? .utc }
    if let zone = known.withLock({ $0[name] }) { return zone }
    for directory in directories {
      guard let zone = read("\(directory)/\(name)") else { continue }
      known.withLock { $0[name] = zone }
      return zone
    }
    return nil
  }

  private func read(_ path: String) -> TimeZone? {
    guard let file = fopen(path, "rbe") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: Self.maximumFileBytes)
    let count = fread(&bytes, 1, bytes.count, file)
    guard count < Self.maximumFileBytes else { return nil }
    return TimeZone(file: Array(bytes[..<count]))
  }
}
