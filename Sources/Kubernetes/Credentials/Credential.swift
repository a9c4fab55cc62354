import Reactor

/// What proves who we are, for a while.
struct Credential: Sendable, Equatable {
  /// Empty for none.
  var token = ""
  var certificate: ClusterConfiguration.ClientCertificate?
  /// Nil for plain HTTP.
  var tls: ClientTLS?
  /// When it ends, in nanoseconds since 1970; nil for when the server refuses it.
  var expires: Int64?
  /// When the files that it was read from are to be read again; nil for never.
  var rereads: Int64?
}

/// What connections are made of, known to be of use. Two are the same when they were made of the same files.
struct ClientTLS: Sendable, Equatable {
  let context: TLSContext
  private let parameters: TLSParameters

  init(_ parameters: TLSParameters) throws(ConfigurationProblem) {
    self.parameters = parameters
    do {
      context = try TLSContext(.client, parameters)
    } catch {
      throw ConfigurationProblem("\(error)")
    }
  }

  static func == (left: ClientTLS, right: ClientTLS) -> Bool { left.parameters == right.parameters }
}

/// When credentials are got anew: value without I/O.
struct CredentialState: Sendable {
  /// Before the end, so that no request is on its way when it comes.
  private static let earlyNanoseconds: Int64 = 10_000_000_000
  /// The least time between two attempts that the server's refusals cause, or that files in the making do.
  private static let retryNanoseconds: Int64 = 5_000_000_000

  private(set) var current: Credential?
  private var refusedAt: Int64?
  private var isRefused = false

  /// The credential to use, or nil when it must be got first. - Parameter now: nanoseconds since 1970.
  func usable(now: Int64) -> Credential? {
    guard let current, !isRefused else { return nil }
    if let expires = current.expires, now + Self.earlyNanoseconds >= expires { return nil }
    if let rereads = current.rereads, now >= rereads { return nil }
    return current
  }

  mutating func take(_ credential: Credential) {
    current = credential
    isRefused = false
  }

  /// It could not be got: the old one is used as long as it is valid, and files are read again a little later.
  mutating func fallback(now: Int64) -> Credential? {
    guard let current, !isRefused, current.expires.map({ now < $0 }) ?? true else { return nil }
    if current.rereads != nil { self.current?.rereads = now + Self.retryNanoseconds }
    return current
  }

  /// The server answered 401 to this one. True when it is worth another try with a new one.
  mutating func refuse(_ credential: Credential, now: Int64) -> Bool {
    // Another request has noticed already.
    guard let current, !isRefused, current.token == credential.token, current.tls == credential.tls else {
      return true
    }
    if let refusedAt, now - refusedAt < Self.retryNanoseconds { return false }
    refusedAt = now
    isRefused = true
    return true
  }
}
