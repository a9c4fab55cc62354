import Bytes
import JSON
import NATSClient
import Reactor

/// What happens to a link.
public enum LinkEvent: Sendable, Equatable {
  /// - Parameter serverVersion: as INFO says it, `2.15.1`.
  case connected(serverVersion: String)
  /// An attempt failed; more follow.
  case failed(String)
  case disconnected(String)
}

/// A connection that comes back by itself, for requests.
public protocol ServerLink: AnyObject, Sendable {
  /// Sends one request; `completed` comes once, on the engine's loop.
  func request(
    _ request: Request, completed: @escaping @Sendable (Result<JSONValue, JetStreamError>) -> Void)

  /// Ends it; requests without an answer fail.
  func close()
}

/// A request to `$JS.API`.
public struct Request: Equatable, Sendable {
  public var subject: String
  public var body: [UInt8]
  public var timeoutNanoseconds: Int64

  public init(_ subject: String, _ body: [UInt8] = [], timeoutNanoseconds: Int64 = 5_000_000_000) {
    self.subject = subject
    self.body = body
    self.timeoutNanoseconds = timeoutNanoseconds
  }
}

/// The world around the engine: time, chance, servers, files, the log. Everything comes back on the engine's loop.
public protocol EngineEnvironment: AnyObject, Sendable {
  /// Nanoseconds, monotonic.
  var now: Int64 { get }
  var wallTime: Timestamp { get }

  /// A number from 0 up to 1.
  func chance() -> Double

  /// Runs `action` later.
  ///
  /// - Returns: what cancels it.
  func schedule(afterNanoseconds delay: Int64, _ action: @escaping @Sendable () -> Void) -> @Sendable () -> Void

  /// Begins to connect, and keeps trying.
  func openLink(
    _ connection: ResolvedConnection, events: @escaping @Sendable (LinkEvent) -> Void
  ) -> any ServerLink

  /// Stands for what a file holds; empty for one that cannot be read.
  func digest(ofFile path: String) -> [UInt8]

  /// Where an entry of a Secret lies as a file; nil when it cannot be written.
  func cache(_ secret: SecretIdentity, account: String, key: String, contents: [UInt8]) -> String?

  func log(_ level: LogLevel, _ text: String)
}
