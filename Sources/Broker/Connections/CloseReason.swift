/// Why a connection ended, in the words that `/connz` shows (FEATURES 1.057).
enum CloseReason: String, Sendable, CaseIterable {
  case clientClosed = "Client Closed"
  case authenticationTimeout = "Authentication Timeout"
  case authenticationViolation = "Authentication Failure"
  case tlsHandshakeError = "TLS Handshake Failure"
  case slowConsumerPendingBytes = "Slow Consumer (Pending Bytes)"
  case slowConsumerWriteDeadline = "Slow Consumer (Write Deadline)"
  case writeError = "Write Error"
  case readError = "Read Error"
  case parseError = "Parse Error"
  case staleConnection = "Stale Connection"
  case protocolViolation = "Protocol Violation"
  case badClientProtocolVersion = "Bad Client Protocol Version"
  case wrongPort = "Incorrect Port"
  case maxConnectionsExceeded = "Maximum Connections Exceeded"
  case maxAccountConnectionsExceeded = "Maximum Account Connections Exceeded"
  case maxPayloadExceeded = "Maximum Message Payload Exceeded"
  case maxControlLineExceeded = "Maximum Control Line Exceeded"
  case maxSubscriptionsExceeded = "Maximum Subscriptions Exceeded"
  case duplicateRoute = "Duplicate Route"
  case routeRemoved = "Route Removed"
  case serverShutdown = "Server Shutdown"
  case authenticationExpired = "Authentication Expired"
  case wrongGateway = "Wrong Gateway"
  case missingAccount = "Missing Account"
  case revocation = "Credentials Revoked"
  case internalClient = "Internal Client"
  case messageHeaderViolation = "Message Header Violation"
  case noRespondersRequiresHeaders = "No Responders Requires Headers"
  case clusterNameConflict = "Cluster Name Conflict"
  case duplicateRemoteLeafNodeConnection = "Duplicate Remote LeafNode Connection"
  case duplicateClientID = "Duplicate Client ID"
  case duplicateServerName = "Duplicate Server Name"
  case minimumVersionRequired = "Minimum Version Required"
  case clusterNamesIdentical = "Cluster Names Identical"
  case kicked = "Kicked"
  case proxyNotTrusted = "Proxy Not Trusted"
  case proxyRequired = "Proxy Required"

  /// Whether what waits for the peer is still worth writing.
  var allowsFlush: Bool {
    switch self {
    case .readError, .writeError, .slowConsumerPendingBytes, .slowConsumerWriteDeadline, .tlsHandshakeError,
      .clientClosed:
      false
    default: true
    }
  }
}
