import Bytes
import Crypto
import Glibc
import JSON
import NATSClient
import Reactor

/// The engine's world as it is: an event loop, clients, the file system.
///
/// Invariant: used on the loop only.
public final class LoopEnvironment: EngineEnvironment, @unchecked Sendable {
  private static let mostHashedBytes = 1 << 20
  /// Digests that are remembered; when there are more all are made anew.
  private static let mostDigests = 4096

  private let loop: EventLoop
  private let logger: Logger
  private let files: CacheFiles
  private let clientName: String
  private let isQuiet: Bool
  /// Every resource asks for those of its connection, and most have the same.
  private var digests: [String: (stamp: FileStamp, digest: [UInt8])] = [:]
  /// One for all clients: look-ups are few.
  private let lookups = BackgroundQueue()

  /// - Parameters:
  ///   - cacheDirectory: for TLS files from Secrets; empty for a temporary one.
  ///   - isQuiet: only what goes wrong is logged.
  public init(
    loop: EventLoop, logger: Logger, clientName: String, cacheDirectory: String, isQuiet: Bool = false
  ) {
    self.loop = loop
    self.isQuiet = isQuiet
    self.logger = logger
    self.clientName = clientName
    files = CacheFiles(directory: cacheDirectory)
  }

  public var now: Int64 { loop.clock.monotonicNanoseconds() }

  public var wallTime: Timestamp { Timestamp(unixNanoseconds: loop.clock.wallNanoseconds()) }

  public func chance() -> Double { Double.random(in: 0..<1) }

  public func schedule(
    afterNanoseconds delay: Int64, _ action: @escaping @Sendable () -> Void
  ) -> @Sendable () -> Void {
    let token = loop.schedule(afterNanoseconds: delay, action)
    return { [loop] in loop.cancel(token) }
  }

  public func openLink(
    _ connection: ResolvedConnection, events: @escaping @Sendable (LinkEvent) -> Void
  ) -> any ServerLink {
    ClientLink(loop: loop, options: options(connection), lookups: lookups, events: events)
  }

  public func digest(ofFile path: String) -> [UInt8] {
    let stamp = FileStamp(path: path)
    if let stamp, let known = digests[path], known.stamp == stamp { return known.digest }
    guard let stamp, let bytes = try? SystemDisk().read(path), bytes.count <= Self.mostHashedBytes else { return [] }
    let digest = bytes.withUnsafeBytes { SHA256.digest($0) }
    if digests.count >= Self.mostDigests { digests = [:] }
    digests[path] = (stamp, digest)
    return digest
  }

  public func cache(_ secret: SecretIdentity, account: String, key: String, contents: [UInt8]) -> String? {
    files.path(namespace: secret.namespace, account: account, key: key, contents: contents)
  }

  public func log(_ level: LogLevel, _ text: String) {
    if level != .info || !isQuiet { logger.log(level, text) }
  }

  /// Takes away what was put on disk, at the end.
  public func cleanUp() { files.remove() }

  func options(_ connection: ResolvedConnection) -> ClientOptions {
    var options = ClientOptions(servers: connection.servers.flatMap { (try? ServerURL.list($0)) ?? [] })
    options.name = clientName
    options.authentication = connection.authentication
    options.retriesFirstConnect = true
    options.mostReconnectAttempts = nil
    // With two pings outstanding: a server that is gone without a word is noticed within a minute.
    options.pingIntervalNanoseconds = 20_000_000_000
    // Credentials may be replaced at any time.
    options.stopsOnRepeatedAuthenticationError = false
    options.tlsHandshakeFirst = connection.startsWithTLS
    let hasTLS =
      !connection.authorities.isEmpty || !connection.clientCertificate.isEmpty || connection.startsWithTLS
    if hasTLS {
      var parameters = TLSParameters()
      parameters.certificateFile = connection.clientCertificate
      parameters.keyFile = connection.clientKey
      if connection.authorities.count == 1 {
        parameters.authorityFile = connection.authorities[0]
      } else if connection.authorities.count > 1 {
        // A file that is not there gives the error its name.
        parameters.authorityFile = files.bundle(connection.authorities) ?? connection.authorities[0]
      }
      options.tls = parameters
    }
    return options
  }
}

/// A `NATSClient` as a link.
///
/// Invariant: everything but the client itself happens on its loop.
final class ClientLink: ServerLink, @unchecked Sendable {
  private let client: NATSClient

  init(
    loop: EventLoop, options: ClientOptions, lookups: BackgroundQueue,
    events: @escaping @Sendable (LinkEvent) -> Void
  ) {
    client = NATSClient(loop: loop, options: options, lookups: lookups) { event in
      switch event {
      case .connected(let info, _): events(.connected(serverVersion: info.version))
      case .connectFailed(let url, let error): events(.failed("\(url): \(error)"))
      case .disconnected(let error): events(.disconnected("\(error)"))
      case .closed(let error?): events(.disconnected("\(error)"))
      case .closed, .lameDuck, .error, .refused: break
      }
    }
    client.connect()
  }

  func request(
    _ request: Request, completed: @escaping @Sendable (Result<JSONValue, JetStreamError>) -> Void
  ) {
    client.request(request.subject, request.body, timeoutNanoseconds: request.timeoutNanoseconds) { answer in
      completed(JetStreamAnswer.read(answer))
    }
  }

  func close() { client.close() }
}
