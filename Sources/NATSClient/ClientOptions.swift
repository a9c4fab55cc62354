import Reactor

/// How a `NATSClient` connects. Times are nanoseconds; defaults are those of the official clients.
public struct ClientOptions: Sendable {
  public var servers: [ServerURL]
  /// Shown by the server's /connz.
  public var name = ""
  /// Goes before user, password or token of a URL.
  public var authentication = Authentication.none
  /// Authorities, client certificate and so on; nil uses the system's authorities where a server wants TLS. Set, or
  /// with a `tls://` URL, TLS is a must.
  public var tls: TLSParameters?
  /// The name that the server's certificate must be for; nil for the host of the URL.
  public var tlsServerName: String?
  /// The TLS handshake comes before INFO (`handshake_first`).
  public var tlsHandshakeFirst = false
  /// Look-up, connection, TLS and CONNECT together.
  public var connectTimeoutNanoseconds: Int64 = 2_000_000_000
  public var pingIntervalNanoseconds: Int64 = 120_000_000_000
  /// Pings without an answer after which the connection counts as stale.
  public var mostPingsOutstanding = 2
  /// The least time between two attempts at one server.
  public var reconnectWaitNanoseconds: Int64 = 2_000_000_000
  /// A random part of this is added to the wait; with TLS ten times as much.
  public var reconnectJitterNanoseconds: Int64 = 100_000_000
  /// Attempts in a row at one server before it is given up; nil for no limit.
  public var mostReconnectAttempts: Int? = 60
  /// Keep trying when no server can be reached at first; else `connect` fails after one attempt at each.
  public var retriesFirstConnect = false
  /// The same authentication error twice in a row from one server ends the client.
  public var stopsOnRepeatedAuthenticationError = true
  /// Bytes that wait for a server or a slow socket. A publish or request that goes beyond fails with `bufferFull`; what
  /// waits already is kept.
  public var mostBufferedBytes = 8 << 20
  /// Requests without an answer; more fail with `tooManyRequests`.
  public var mostRequests = 65536
  /// How long `drain` may take.
  public var drainTimeoutNanoseconds: Int64 = 30_000_000_000
  /// What reply subjects begin with.
  public var inboxPrefix = "_INBOX"
  /// Try the servers in the order given.
  public var keepsServerOrder = false
  /// Messages come back to the client's own subscriptions.
  public var echo = true

  public init(servers: [ServerURL]) {
    self.servers = servers
  }

  /// - Parameter urls: one or several, separated by commas.
  public init(_ urls: String) throws(ClientError) {
    servers = try ServerURL.list(urls)
  }
}

/// What happens to the connection, told on the client's loop.
public enum ClientEvent: Sendable, Equatable {
  case connected(ServerInfo, ServerURL)
  case disconnected(ClientError)
  /// An attempt failed; more follow.
  case connectFailed(ServerURL, ClientError)
  /// The server will stop soon; the client moves on when it does.
  case lameDuck
  /// An error that did not end the connection.
  case error(ClientError)
  /// A publish could not be taken or sent.
  case refused(subject: String, ClientError)
  /// The last event; nil after `close` and `drain`.
  case closed(ClientError?)
}
