/// The system's time zones, from which schedules get theirs.
public struct TimeZoneFiles: Sendable {
  /// Directories that are looked through in this order.
  public var directories: [String]

  public init(directories: [String] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"]) {
    self.directories = directories
  }
}
