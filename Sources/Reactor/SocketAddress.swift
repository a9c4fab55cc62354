import CSystem
import Glibc

/// An IPv4 or IPv6 address with a port.
public struct SocketAddress: Sendable, Equatable, Hashable, CustomStringConvertible {
  /// 4 or 16 bytes, network order.
  public let octets: [UInt8]
  public let port: UInt16
  /// Interface of a link-local IPv6 address; 0 for all others.
  public let scope: UInt32

  public init(octets: [UInt8], port: UInt16, scope: UInt32 = 0) {
    precondition(octets.count == 4 || octets.count == 16)
    self.octets = octets
    self.port = port
    self.scope = scope
  }

  /// Parses a numeric address ("127.0.0.1", "::1", "[::1]"); nil when it is a name.
  public init?(numeric text: String, port: UInt16) {
    var host = text
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    var four = in_addr()
    if inet_pton(AF_INET, host, &four) == 1 {
      self.init(octets: withUnsafeBytes(of: &four) { Array($0) }, port: port)
      return
    }
    var six = in6_addr()
    if inet_pton(AF_INET6, host, &six) == 1 {
      self.init(octets: withUnsafeBytes(of: &six) { Array($0) }, port: port)
      return
    }
    return nil
  }

  init(_ storage: sockaddr_storage) {
    var storage = storage
    if storage.ss_family == sa_family_t(AF_INET6) {
      let six = withUnsafePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee }
      }
      var address = six.sin6_addr
      let octets = withUnsafeBytes(of: &address) { Array($0) }
      // An IPv4 peer of a dual-stack listener is shown as IPv4.
      let mapped = octets[..<10].allSatisfy { $0 == 0 } && octets[10] == 0xFF && octets[11] == 0xFF
      self.init(
        octets: mapped ? Array(octets[12...]) : octets, port: UInt16(bigEndian: six.sin6_port), scope: six.sin6_scope_id
      )
    } else {
      let four = withUnsafePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee }
      }
      var address = four.sin_addr
      self.init(octets: withUnsafeBytes(of: &address) { Array($0) }, port: UInt16(bigEndian: four.sin_port))
    }
  }

  /// Address that a socket is bound to.
  public init?(localOf descriptor: Int32) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard result == 0 else { return nil }
    self.init(storage)
  }

  public var family: sa_family_t { sa_family_t(octets.count == 4 ? AF_INET : AF_INET6) }

  /// The address without the port.
  public var host: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN) + 1)
    octets.withUnsafeBytes { _ = inet_ntop(Int32(family), $0.baseAddress!, &text, socklen_t(text.count)) }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  public var description: String { octets.count == 4 ? "\(host):\(port)" : "[\(host)]:\(port)" }

  /// Calls `body` with the C form and its length.
  public func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if octets.count == 4 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: octets) }
      return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    address.sin6_scope_id = scope
    withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: octets) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
      }
    }
  }

  /// Looks a name up (blocking: not on a busy loop). "localhost" needs no /etc/hosts.
  public static func resolve(host: String, port: UInt16) throws -> [SocketAddress] {
    if let numeric = SocketAddress(numeric: host, port: port) { return [numeric] }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    var found: [SocketAddress] = []
    var next = code == 0 ? list : nil
    while let entry = next {
      var storage = sockaddr_storage()
      memcpy(&storage, entry.pointee.ai_addr, Int(entry.pointee.ai_addrlen))
      found.append(SocketAddress(storage))
      next = entry.pointee.ai_next
    }
    if found.isEmpty, host == "localhost" {
      return [
        SocketAddress(octets: [127, 0, 0, 1], port: port),
        SocketAddress(octets: [UInt8](repeating: 0, count: 15) + [1], port: port),
      ]
    }
    if found.isEmpty { throw LookupError(host: host, reason: Self.reason(code)) }
    return found
  }

  /// Go's words for a name that does not exist; the C library's for everything else.
  private static func reason(_ code: Int32) -> String {
    switch code {
    case EAI_NONAME, csys_eai_nodata(): "no such host"
    case EAI_SYSTEM: SystemError.text(of: csys_errno())
    default: String(cString: gai_strerror(code))
    }
  }
}

/// A name that could not be resolved.
public struct LookupError: Error, CustomStringConvertible, Sendable {
  public let host: String
  public let reason: String
  public init(host: String, reason: String) {
    self.host = host
    self.reason = reason
  }
  public var description: String { "lookup \(host): \(reason)" }
}
