import Bytes
import JSON

/// A validated manifest.
public struct Resource: Sendable {
  public var kind: ResourceKind
  public var version: ResourceVersion
  /// The resource's own name, as opposed to the asset's.
  public var name: String
  public var namespace: String
  /// The spec with defaults filled in, every value of its field's type.
  public var specification: JSONObject
  public var position: SourcePosition?

  /// `Stream default/orders`.
  public var title: String { "\(kind.rawValue) \(namespace)/\(name)" }

  public var preventsDelete: Bool { specification["preventDelete"]?.bool ?? false }
  public var preventsUpdate: Bool { specification["preventUpdate"]?.bool ?? false }

  func text(_ field: String) -> String { specification[field]?.string ?? "" }

  func texts(_ field: String) -> [String] { specification[field]?.array?.compactMap(\.string) ?? [] }
}

/// How a resource says the server is to be reached. FEATURES 13.015: what is empty comes from the Account, then from
/// the flags.
public struct ConnectionSettings: Hashable, Sendable {
  public var account: String
  public var servers: [String]
  public var credentialsFile: String
  public var nkeyFile: String
  public var clientCertificate: String
  public var clientKey: String
  public var authorities: [String]
  public var startsWithTLS: Bool
  public var domain: String
  /// Accounts are looked up in it; empty when no account is named.
  public var namespace: String

  public init(
    account: String = "", servers: [String] = [], credentialsFile: String = "", nkeyFile: String = "",
    clientCertificate: String = "", clientKey: String = "", authorities: [String] = [], startsWithTLS: Bool = false,
    domain: String = "", namespace: String = ""
  ) {
    self.account = account
    self.servers = servers
    self.credentialsFile = credentialsFile
    self.nkeyFile = nkeyFile
    self.clientCertificate = clientCertificate
    self.clientKey = clientKey
    self.authorities = authorities
    self.startsWithTLS = startsWithTLS
    self.domain = domain
    self.namespace = namespace
  }
}

extension Resource {
  public var connection: ConnectionSettings {
    let tls = specification["tls"]
    let account = text("account")
    return ConnectionSettings(
      account: account, servers: texts("servers"), credentialsFile: text("creds"), nkeyFile: text("nkey"),
      clientCertificate: tls?["clientCert"]?.string ?? "", clientKey: tls?["clientKey"]?.string ?? "",
      authorities: tls?["rootCas"]?.array?.compactMap(\.string) ?? [],
      startsWithTLS: specification["tlsFirst"]?.bool ?? false, domain: text("jsDomain"),
      namespace: account.isEmpty ? "" : namespace)
  }
}

/// The connection that an Account resource describes. FEATURES 13.016.
public struct AccountSettings: Equatable, Sendable {
  /// Values that are keys of a secret when `secret` is set, else paths or the values themselves.
  public struct Reference: Equatable, Sendable {
    public var secret: String?
    /// By field name: `file`, `seed`, `ca`, `cert`, `key`, `token`, `user`, `password`.
    public var values: [String: String]
  }

  public var servers: [String]
  public var credentials: Reference?
  public var nkey: Reference?
  public var tls: Reference?
  public var token: Reference?
  public var user: Reference?
  public var startsWithTLS: Bool

  /// Nil for a resource of another kind.
  public init?(_ resource: Resource) {
    guard resource.kind == .account else { return nil }
    servers = resource.texts("servers")
    credentials = Self.reference(resource, "creds")
    nkey = Self.reference(resource, "nkey")
    tls = Self.reference(resource, "tls")
    token = Self.reference(resource, "token")
    user = Self.reference(resource, "user")
    startsWithTLS = resource.specification["tlsFirst"]?.bool ?? false
  }

  /// The Secrets that hold a part of it, in the namespace of the Account.
  public var secretNames: Set<String> {
    Set([tls, credentials, nkey, user, token].compactMap { $0?.secret })
  }

  private static func reference(_ resource: Resource, _ field: String) -> Reference? {
    guard let object = resource.specification[field]?.object else { return nil }
    var values: [String: String] = [:]
    for member in object.members { values[member.key] = member.value.string }
    let secret = object["secret"]?["name"]?.string ?? ""
    return Reference(secret: secret.isEmpty ? nil : secret, values: values)
  }
}
