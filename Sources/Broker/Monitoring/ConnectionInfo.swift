import Bytes
import CSystem
import Configuration
import Crypto
import JSON

/// A connection as `/connz` shows it (FEATURES 11.042): a copy that any thread may use.
struct ConnectionInfo: Sendable {
  var identifier: UInt64
  var host: String
  var port: Int
  /// Wall clock, nanoseconds.
  var start: Int64
  var lastActivity: Int64
  /// nil while it is open.
  var stop: Int64?
  var reason: CloseReason?
  var roundTripNanoseconds: Int64
  var pendingBytes = 0
  var inMessages: UInt64 = 0
  var outMessages: UInt64 = 0
  var inBytes: UInt64 = 0
  var outBytes: UInt64 = 0
  var stalls: UInt64 = 0
  var subscriptionCount = 0
  var name = ""
  var language = ""
  var version = ""
  var tls: TLSInfo?
  /// Who it is; shown on demand only.
  var user = ""
  var account = ""
  var subscriptions: [SubscriptionDetail] = []

  /// What the connection's encryption is.
  struct TLSInfo: Sendable {
    var version: String
    var cipherSuite: String
    var isFirst: Bool
    var certificates: [Certificate]
  }

  static let kind = "Client"
  static let type = "nats"

  /// - Parameters:
  ///   - now: wall clock at which the connection is looked at.
  ///   - showsUser: also who it is.
  func write(to writer: inout JSONWriter, now: Int64, showsUser: Bool, listing: SubscriptionListing) {
    let end = stop ?? now
    writer.beginObject()
    writer.field("cid", identifier)
    writer.field("kind", Self.kind)
    writer.field("type", Self.type)
    writer.field("ip", host)
    writer.field("port", port)
    writer.field("start", Timestamp(unixNanoseconds: start))
    writer.field("last_activity", Timestamp(unixNanoseconds: lastActivity))
    if let stop { writer.field("stop", Timestamp(unixNanoseconds: stop)) }
    writer.field("reason", reason?.rawValue ?? "", omitEmpty: true)
    writer.field("rtt", MonitoringText.roundTrip(nanoseconds: roundTripNanoseconds))
    writer.field("uptime", MonitoringText.uptime(nanoseconds: end - start))
    writer.field("idle", MonitoringText.uptime(nanoseconds: max(0, end - lastActivity)))
    writer.field("pending_bytes", pendingBytes)
    writer.field("in_msgs", inMessages)
    writer.field("out_msgs", outMessages)
    writer.field("in_bytes", inBytes)
    writer.field("out_bytes", outBytes)
    writer.field("stalls", stalls, omitEmpty: true)
    writer.field("subscriptions", subscriptionCount)
    writer.field("name", name, omitEmpty: true)
    writer.field("lang", language, omitEmpty: true)
    writer.field("version", version, omitEmpty: true)
    if let tls { writeTLS(tls, to: &writer, showsUser: showsUser) }
    if showsUser { writeUser(to: &writer) }
    writeSubscriptions(to: &writer, listing)
    if showsUser { writer.field("name_tag", nameTag, omitEmpty: true) }
    writer.endObject()
  }

  private func writeTLS(_ tls: TLSInfo, to writer: inout JSONWriter, showsUser: Bool) {
    writer.field("tls_version", tls.version, omitEmpty: true)
    writer.field("tls_cipher_suite", tls.cipherSuite, omitEmpty: true)
    if showsUser, !tls.certificates.isEmpty {
      writer.key("tls_peer_certs")
      writer.beginArray()
      for certificate in tls.certificates {
        writer.beginObject()
        writer.field("subject", certificate.subject.text, omitEmpty: true)
        writer.field("spki_sha256", certificate.publicKeySHA256)
        writer.field("cert_sha256", certificate.sha256)
        writer.endObject()
      }
      writer.endArray()
    }
    writer.field("tls_first", tls.isFirst, omitEmpty: true)
  }

  private func writeUser(to writer: inout JSONWriter) {
    writer.field("authorized_user", user, omitEmpty: true)
    if account != Defaults.globalAccount { writer.field("account", account, omitEmpty: true) }
  }

  /// Accounts of the configuration are tagged with their names; of closed connections only those that are not `$G`.
  private var nameTag: String { stop != nil && account == Defaults.globalAccount ? "" : account }

  private func writeSubscriptions(to writer: inout JSONWriter, _ listing: SubscriptionListing) {
    if subscriptions.isEmpty { return }
    switch listing {
    case .none: break
    case .subjects: writer.field("subscriptions_list", subscriptions.map(\.subject))
    case .details: writer.field("subscriptions_list_detail", subscriptions)
    }
  }
}

extension Connection {
  /// What the connection looks like now, without its subscriptions. Owner loop.
  func snapshot(withCertificates: Bool = false) -> ConnectionInfo {
    var info = ConnectionInfo(
      identifier: identifier, host: address.host, port: Int(address.port), start: startWall,
      lastActivity: lastActivityWall, roundTripNanoseconds: roundTripNanoseconds)
    info.inMessages = state.input.pointee.inMessages
    info.inBytes = state.input.pointee.inBytes
    csys_lock(state.lockPointer)
    info.outMessages = state.output.pointee.outMessages
    info.outBytes = state.output.pointee.outBytes
    info.pendingBytes = state.backlogBytes
    let delivery = state.output.pointee.lastDelivery
    csys_unlock(state.lockPointer)
    if delivery > 0 {
      let clock = worker.loop.clock
      let wall = clock.wallNanoseconds() - (clock.monotonicNanoseconds() - delivery)
      info.lastActivity = max(lastActivityWall, wall)
    }
    info.stalls = stalls
    info.subscriptionCount = Int(subscriptions.count)
    info.name = options.name
    info.language = options.language
    info.version = options.version
    info.user = rawUser
    info.account = account.name
    if let tls, phase != .handshaking, phase != .sniffing {
      info.tls = ConnectionInfo.TLSInfo(
        version: tls.version, cipherSuite: tls.cipherSuite, isFirst: handshakeComesFirst,
        certificates: withCertificates ? tls.peerCertificates : [])
    }
    return info
  }

  /// Who the client says it is; a token is not shown.
  var rawUser: String {
    if !options.nkey.isEmpty { return options.nkey }
    if !options.user.isEmpty { return options.user }
    return options.token.isEmpty ? "" : "[REDACTED]"
  }
}
