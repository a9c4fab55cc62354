import Bytes
import CSystem
import Glibc

/// Where a syslog server is: this machine's, or `udp://host:port`, `tcp://host:port`, `unix:///path`
/// (FEATURES 3.046, 3.047).
enum SyslogTarget: Sendable, Equatable {
  case local
  case udp(String)
  case tcp(String)
  case unix(String)

  /// The texts are those of nats-server.
  struct Failure: Error, CustomStringConvertible, Equatable {
    let description: String
  }

  static func parse(_ text: String) throws(Failure) -> SyslogTarget {
    guard let colon = text.firstIndex(of: ":"), text[..<colon].allSatisfy({ $0.isLetter && $0.isASCII }) else {
      if let slash = text.firstIndex(of: "/"), text.firstIndex(of: ":").map({ slash < $0 }) ?? true {
        throw Failure(description: "error invalid network type: \"\"")
      }
      guard text.contains(":") else { throw Failure(description: "error invalid network type: \"\"") }
      throw Failure(
        description: "parse \(GoString.quote(text)): first path segment in URL cannot contain colon")
    }
    let scheme = text[..<colon].lowercased()
    var rest = text[text.index(after: colon)...]
    var authority = ""
    if rest.hasPrefix("//") {
      rest = rest.dropFirst(2)
      authority = String(rest.prefix { $0 != "/" })
      rest = rest.dropFirst(authority.count)
    }
    switch scheme {
    case "udp": return .udp(authority)
    case "tcp": return .tcp(authority)
    case "unix": return .unix(String(rest))
    default: throw Failure(description: "error invalid network type: \(GoString.quote(scheme))")
    }
  }

  /// Remote servers want the host's name and a whole date in every message.
  var isRemote: Bool {
    switch self {
    case .udp, .tcp: true
    case .local, .unix: false
    }
  }

  /// The local server gets our messages as those of a daemon, remote ones as the kernel's: nats-server's choice.
  var facility: Int { self == .local ? 3 << 3 : 0 }
}

/// Messages as Go's `log/syslog` writes them (RFC 3164 in style).
struct SyslogFrame: Sendable {
  let target: SyslogTarget
  let hostName: String
  let tag: String
  let process: Int32

  static func severity(_ level: LogLevel) -> Int {
    switch level {
    case .fatal: 2
    case .error: 3
    case .warning: 4
    case .info, .trace: 5
    case .debug: 7
    }
  }

  func message(_ level: LogLevel, _ body: [UInt8], at time: Timestamp) -> [UInt8] {
    var bytes = Array("<\(target.facility + Self.severity(level))>".utf8)
    let offset = LogTime.localOffsetSeconds(at: time)
    if target.isRemote {
      bytes += RFC3339.string(Timestamp(seconds: time.seconds), offsetSeconds: offset).utf8
      bytes += " \(hostName)".utf8
    } else {
      bytes += Self.stamp(CivilTime(unixSeconds: time.seconds + Int64(offset))).utf8
    }
    bytes += " \(tag)[\(process)]: ".utf8
    bytes += body
    if bytes.last != 0x0A { bytes.append(0x0A) }
    return bytes
  }

  /// `Jan  2 15:04:05`
  private static func stamp(_ time: CivilTime) -> String {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ number: Int, _ filler: String) -> String { number < 10 ? filler + String(number) : String(number) }
    return "\(months[time.month - 1]) \(two(time.day, " ")) "
      + "\(two(time.hour, "0")):\(two(time.minute, "0")):\(two(time.second, "0"))"
  }
}

/// A connection to a syslog server. One that was lost is made anew, at most once a second.
final class SyslogSink: LogSink {
  /// Longest wait for a connection at the start; Go's is 5 seconds.
  private static let connectMilliseconds: Int32 = 5000
  private static let reconnectNanoseconds: Int64 = 1_000_000_000
  private static let localPaths = ["/dev/log", "/var/run/syslog", "/var/run/log"]

  let target: SyslogTarget
  /// Looked up once: name servers are not asked again from under the logger's lock.
  private let addresses: [SocketAddress]
  private(set) var descriptor: Int32 = -1
  private var isStream = false
  private var lastAttempt: Int64 = 0

  /// Connects, waiting for it.
  init(_ target: SyslogTarget) throws {
    self.target = target
    switch target {
    case .udp(let text): addresses = try Self.resolve(text, "udp")
    case .tcp(let text): addresses = try Self.resolve(text, "tcp")
    case .local, .unix: addresses = []
    }
    do throws(SyslogTarget.Failure) { try connect(waiting: Self.connectMilliseconds) } catch {
      throw SyslogTarget.Failure(description: "error connecting to syslog: \(GoString.quote(error.description))")
    }
  }

  func write(_ bytes: ArraySlice<UInt8>) -> LogWrite {
    if descriptor < 0, !reconnect() { return .failed(ENOTCONN) }
    while true {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count >= 0 { return .taken(isStream ? count : bytes.count) }
      switch csys_errno() {
      case EINTR: continue
      case EAGAIN, ENOBUFS: return .taken(0)
      case EMSGSIZE: return .failed(EMSGSIZE)
      case ECONNREFUSED where isDatagramToNetwork:
        // The answer to an earlier datagram: the server was not there then.
        return .taken(bytes.count)
      case let code:
        close()
        guard reconnect() else { return .failed(code) }
      }
    }
  }

  private func reconnect() -> Bool {
    guard csys_monotonic_ns() - lastAttempt >= Self.reconnectNanoseconds else { return false }
    do { try connect(waiting: 0) } catch { return false }
    return true
  }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  private var isDatagramToNetwork: Bool { if case .udp = target { true } else { false } }

  private static func resolve(_ text: String, _ network: String) throws(SyslogTarget.Failure) -> [SocketAddress] {
    func fail(_ reason: String) -> SyslogTarget.Failure {
      SyslogTarget.Failure(description: "error connecting to syslog: \(GoString.quote("dial \(network): \(reason)"))")
    }
    guard let colon = text.lastIndex(of: ":") else { throw fail("address \(text): missing port in address") }
    guard let port = UInt16(text[text.index(after: colon)...]) else {
      throw fail("lookup \(network)/\(text[text.index(after: colon)...]): unknown port")
    }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    do {
      return try SocketAddress.resolve(host: host.isEmpty ? "127.0.0.1" : host, port: port)
    } catch {
      throw fail("\(error)")
    }
  }

  private func connect(waiting milliseconds: Int32) throws(SyslogTarget.Failure) {
    lastAttempt = csys_monotonic_ns()
    switch target {
    case .udp, .tcp:
      isStream = !isDatagramToNetwork
      var failure = SyslogTarget.Failure(description: "dial: no address")
      for address in addresses {
        let socket =
          isStream ? csys_stream_socket(Int32(address.family)) : csys_datagram_socket(Int32(address.family))
        let code = address.withSockaddr { Self.connect(socket, $0, $1, milliseconds) }
        if code == 0 {
          descriptor = socket
          return
        }
        Glibc.close(socket)
        let reason = "connect: \(SystemError.text(of: code))"
        failure = .init(description: "dial \(isStream ? "tcp" : "udp") \(address): \(reason)")
      }
      throw failure
    case .unix(let path):
      let code = connect(path, asStream: true)
      guard code == 0 else { throw .init(description: "dial unix \(path): connect: \(SystemError.text(of: code))") }
    case .local:
      for asStream in [false, true] {
        for path in Self.localPaths where connect(path, asStream: asStream) == 0 { return }
      }
      throw .init(description: "Unix syslog delivery error")
    }
  }

  /// Connects to a socket of this machine. 0, or the system's error number.
  private func connect(_ path: String, asStream: Bool) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENAMETOOLONG }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let socket = asStream ? csys_stream_socket(AF_UNIX) : csys_datagram_socket(AF_UNIX)
    guard socket >= 0 else { return csys_errno() }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if result != 0 {
      let code = csys_errno()
      Glibc.close(socket)
      return code
    }
    descriptor = socket
    isStream = asStream
    return 0
  }

  /// 0, or the system's error number. Without waiting a connection in progress counts as made.
  private static func connect(
    _ socket: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t, _ milliseconds: Int32
  ) -> Int32 {
    guard socket >= 0 else { return csys_errno() }
    if Glibc.connect(socket, address, length) == 0 { return 0 }
    guard csys_errno() == EINPROGRESS else { return csys_errno() }
    if milliseconds == 0 { return 0 }
    var poll = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
    guard Glibc.poll(&poll, 1, milliseconds) > 0 else { return ETIMEDOUT }
    var code: Int32 = 0
    var size = socklen_t(4)
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size)
    return code
  }
}
