import CSystem
import Glibc

/// An error of the operating system with what was tried.
public struct SystemError: Error, CustomStringConvertible, Sendable {
  public let code: Int32
  public let action: String
  public init(_ action: String, code: Int32 = csys_errno()) {
    self.action = action
    self.code = code
  }
  public var description: String { "\(action): \(Self.text(of: code))" }

  /// The system's text as Go prints it: beginning in lower case.
  public static func text(of code: Int32) -> String {
    let text = String(cString: strerror(code))
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}

/// Accepts TCP connections on one address and hands the descriptors (non-blocking) to `accepted`.
public final class Listener: EventSource, @unchecked Sendable {
  /// Connections taken in one turn, so that a flood cannot hold the loop.
  private static let acceptsPerTurn = 64
  /// How long accepting rests when the process is out of descriptors or memory.
  private static let pauseNanoseconds: Int64 = 100_000_000

  public let address: SocketAddress
  private let descriptor: Int32
  private let loop: EventLoop
  private let accepted: (Int32, SocketAddress) -> Void
  /// Called when accepting fails for a reason that passes (too many open files).
  public var failed: ((SystemError) -> Void)?
  private var isOpen = true

  /// Binds and listens; `address.port` tells the port when 0 was asked for.
  public init(
    binding requested: SocketAddress, backlog: Int32 = 1024, loop: EventLoop,
    accepted: @escaping (Int32, SocketAddress) -> Void
  ) throws {
    descriptor = try Self.bound(to: requested, backlog)
    self.loop = loop
    self.accepted = accepted
    let port = SocketAddress(localOf: descriptor)?.port ?? requested.port
    address = SocketAddress(octets: requested.octets, port: port, scope: requested.scope)
    super.init()
  }

  /// All addresses of IPv4 are all addresses there are, as in Go: those of IPv6 count, where the system has any.
  private static func bound(to requested: SocketAddress, _ backlog: Int32) throws -> Int32 {
    if requested.octets == [0, 0, 0, 0] {
      let everywhere = SocketAddress(octets: [UInt8](repeating: 0, count: 16), port: requested.port)
      if let descriptor = try? bound(to: everywhere, backlog) { return descriptor }
    }
    let descriptor = csys_stream_socket(Int32(requested.family))
    if descriptor < 0 { throw SystemError("listen tcp \(requested)") }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    if requested.family == sa_family_t(AF_INET6) {
      var zero: Int32 = 0
      setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &zero, 4)
    }
    let bound = requested.withSockaddr { bind(descriptor, $0, $1) }
    if bound != 0 || listen(descriptor, backlog) != 0 {
      let error = SystemError("listen tcp \(requested): bind")
      close(descriptor)
      throw error
    }
    return descriptor
  }

  /// Starts accepting. Call on the loop, or before it runs.
  public func start() { loop.add(self, descriptor: descriptor, interest: .read) }

  /// Stops accepting and closes the port. Call on the loop.
  public func stop() {
    guard isOpen else { return }
    isOpen = false
    loop.remove(self, descriptor: descriptor)
    close(descriptor)
  }

  public override func ready(_ events: Readiness) {
    for _ in 0..<Self.acceptsPerTurn {
      guard isOpen else { return }
      var storage = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let client = withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { csys_accept(descriptor, $0, &length) }
      }
      if client >= 0 {
        accepted(client, SocketAddress(storage))
        continue
      }
      switch csys_errno() {
      case EAGAIN: return
      case EINTR, ECONNABORTED: continue
      default:
        failed?(SystemError("accept"))
        rest()
        return
      }
    }
  }

  private func rest() {
    loop.changeInterest(self, descriptor: descriptor, interest: [])
    loop.schedule(afterNanoseconds: Self.pauseNanoseconds) { [weak self] in
      guard let self, self.isOpen else { return }
      self.loop.changeInterest(self, descriptor: self.descriptor, interest: .read)
    }
  }
}
