import CSystem

public enum ProgramName {
  /// The name that this program was called by: in the ports file's name and in syslog messages, as with nats-server.
  public static let current: String = {
    let name = csys_argument(0).map { String(cString: $0) } ?? ""
    return name.split(separator: "/").last.map(String.init) ?? "natsd"
  }()
}
