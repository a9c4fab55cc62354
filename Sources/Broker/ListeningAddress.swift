import Reactor

/// The address of a configured listener, and why there is none in the words of Go's `net.Listen` (FEATURES 3.024).
public enum ListeningAddress {
  public struct Failure: Error, CustomStringConvertible, Sendable {
    public let description: String
  }

  /// Looks the host up (blocking).
  ///
  /// - Parameter port: as configured; -1 and 0 let the system choose.
  public static func resolve(host: String, port: Int) throws(Failure) -> SocketAddress {
    guard port <= Int(UInt16.max) else { throw Failure(description: "listen tcp: address \(port): invalid port") }
    do {
      if let address = try SocketAddress.resolve(host: host, port: UInt16(max(0, port))).first { return address }
    } catch {
      throw Failure(description: "listen tcp: \(error)")
    }
    throw Failure(description: "listen tcp: lookup \(host): no such host")
  }
}
