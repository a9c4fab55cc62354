/// The `websocket` block (FEATURES 3.281 to 3.298).
public struct WebSocketOptions: Sendable, Equatable {
  public var host = ""
  /// 0: no listener; -1: the system chooses.
  public var port = 0
  public var advertise = ""
  public var noTLS = false
  public var tls: TLSOptions?
  public var sameOrigin = false
  public var allowedOrigins: [String] = []
  public var handshakeTimeoutNanoseconds: Int64 = 0
  public var compression = false
  public var user = ""
  public var password = ""
  public var token = ""
  public var authorizationTimeoutNanoseconds: Int64 = 0
  public var noAuthUser = ""
  public var jwtCookie = ""
  public var userCookie = ""
  public var passwordCookie = ""
  public var tokenCookie = ""
  public var headers: [String: String] = [:]
  /// 0: the server's.
  public var pingIntervalNanoseconds: Int64 = 0

  public init() {}
}

/// The `mqtt` block (FEATURES 3.299 to 3.314).
public struct MQTTOptions: Sendable, Equatable {
  public var host = ""
  /// 0: no listener; -1: the system chooses.
  public var port = 0
  public var tls: TLSOptions?
  public var user = ""
  public var password = ""
  public var token = ""
  public var authorizationTimeoutNanoseconds: Int64 = 0
  public var noAuthUser = ""
  /// 0: 30 seconds.
  public var ackWaitNanoseconds: Int64 = 0
  /// 0 to 65535; 0: 1024.
  public var maxAckPending = 0
  /// 0: 5 seconds.
  public var jetStreamAPITimeoutNanoseconds: Int64 = 0
  public var jetStreamDomain = ""
  public var streamReplicas = 0
  public var consumerReplicas = 0
  public var consumerMemoryStorage = false
  public var consumerInactiveThresholdNanoseconds: Int64 = 0
  public var rejectQoS2Publish = false
  public var downgradeQoS2Subscribe = false

  public init() {}
}
