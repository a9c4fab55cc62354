import Configuration
import JSON

/// The blocks of `/varz` that repeat what is configured for listeners (FEATURES 11.026 to 11.034). A block
/// that is not configured is `{}`.
struct VarzBlocks {
  let options: ServerOptions

  /// nats-server keeps time-outs as seconds.
  static func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1_000_000_000 }

  func write(to writer: inout JSONWriter) {
    writer.key("cluster")
    writer.beginObject()
    if let cluster = options.cluster { write(cluster, to: &writer) }
    writer.endObject()
    writer.key("gateway")
    writer.beginObject()
    if let gateway = options.gateway { write(gateway, to: &writer) }
    writer.endObject()
    writer.key("leaf")
    writer.beginObject()
    if let leafNodes = options.leafNodes { write(leafNodes, to: &writer) }
    writer.endObject()
    writer.key("mqtt")
    writer.beginObject()
    if let mqtt = options.mqtt { write(mqtt, to: &writer) }
    writer.endObject()
    writer.key("websocket")
    writer.beginObject()
    if let webSocket = options.webSocket { write(webSocket, to: &writer) }
    writer.endObject()
  }

  private func write(_ cluster: ClusterOptions, to writer: inout JSONWriter) {
    writer.field("name", cluster.name, omitEmpty: true)
    writer.field("addr", cluster.host, omitEmpty: true)
    writer.field("cluster_port", cluster.port, omitEmpty: true)
    writer.field("auth_timeout", Self.seconds(cluster.authorizationTimeoutNanoseconds), omitEmpty: true)
    writer.field("urls", cluster.routes.map { HostPort.join($0.host, $0.port ?? 0) }, omitEmpty: true)
    writeTLS(cluster.tls, verifies: cluster.tls != nil, to: &writer)
    writer.field("pool_size", cluster.poolSize, omitEmpty: true)
    writer.field("write_deadline", cluster.writeDeadlineNanoseconds, omitEmpty: true)
  }

  private func write(_ gateway: GatewayOptions, to writer: inout JSONWriter) {
    writer.field("name", gateway.name, omitEmpty: true)
    writer.field("host", gateway.host, omitEmpty: true)
    writer.field("port", gateway.port, omitEmpty: true)
    writer.field("auth_timeout", Self.seconds(gateway.authorizationTimeoutNanoseconds), omitEmpty: true)
    writeTLS(gateway.tls, verifies: gateway.tls != nil, to: &writer)
    writer.field("advertise", gateway.advertise, omitEmpty: true)
    writer.field("connect_retries", gateway.connectRetries, omitEmpty: true)
    writer.field("reject_unknown", gateway.rejectUnknownCluster, omitEmpty: true)
  }

  private func write(_ leafNodes: LeafNodeOptions, to writer: inout JSONWriter) {
    writer.field("host", leafNodes.host, omitEmpty: true)
    writer.field("port", leafNodes.port, omitEmpty: true)
    writer.field("auth_timeout", Self.seconds(leafNodes.authorizationTimeoutNanoseconds), omitEmpty: true)
    writeTLS(leafNodes.tls, verifies: leafNodes.tls?.verify ?? false, to: &writer)
  }

  private func write(_ mqtt: MQTTOptions, to writer: inout JSONWriter) {
    writer.field("host", mqtt.host, omitEmpty: true)
    writer.field("port", mqtt.port, omitEmpty: true)
    writer.field("no_auth_user", mqtt.noAuthUser, omitEmpty: true)
    writer.field("auth_timeout", Self.seconds(mqtt.authorizationTimeoutNanoseconds), omitEmpty: true)
    writer.field("tls_map", mqtt.tls?.verifyAndMap ?? false, omitEmpty: true)
    writer.field("tls_timeout", Self.seconds(mqtt.tls?.timeoutNanoseconds ?? 0), omitEmpty: true)
    writer.field("tls_pinned_certs", (mqtt.tls?.pinnedCertificates ?? []).sorted(), omitEmpty: true)
    writer.field("js_domain", mqtt.jetStreamDomain, omitEmpty: true)
    writer.field("ack_wait", mqtt.ackWaitNanoseconds, omitEmpty: true)
    writer.field("max_ack_pending", mqtt.maxAckPending, omitEmpty: true)
  }

  private func write(_ webSocket: WebSocketOptions, to writer: inout JSONWriter) {
    writer.field("host", webSocket.host, omitEmpty: true)
    writer.field("port", webSocket.port, omitEmpty: true)
    writer.field("advertise", webSocket.advertise, omitEmpty: true)
    writer.field("no_auth_user", webSocket.noAuthUser, omitEmpty: true)
    writer.field("jwt_cookie", webSocket.jwtCookie, omitEmpty: true)
    writer.field("handshake_timeout", webSocket.handshakeTimeoutNanoseconds, omitEmpty: true)
    writer.field("auth_timeout", Self.seconds(webSocket.authorizationTimeoutNanoseconds), omitEmpty: true)
    writer.field("no_tls", webSocket.noTLS, omitEmpty: true)
    writer.field("tls_map", webSocket.tls?.verifyAndMap ?? false, omitEmpty: true)
    writer.field("tls_pinned_certs", (webSocket.tls?.pinnedCertificates ?? []).sorted(), omitEmpty: true)
    writer.field("same_origin", webSocket.sameOrigin, omitEmpty: true)
    writer.field("allowed_origins", webSocket.allowedOrigins, omitEmpty: true)
    writer.field("compression", webSocket.compression, omitEmpty: true)
  }

  private func writeTLS(_ tls: TLSOptions?, verifies: Bool, to writer: inout JSONWriter) {
    guard let tls else { return }
    writer.field("tls_timeout", Self.seconds(tls.timeoutNanoseconds), omitEmpty: true)
    writer.field("tls_required", true)
    writer.field("tls_verify", verifies, omitEmpty: true)
  }
}
