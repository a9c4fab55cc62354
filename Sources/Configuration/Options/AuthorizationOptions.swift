/// The top-level `authorization` block (FEATURES 3.242 to 3.249).
public struct AuthorizationOptions: Sendable, Equatable {
  /// Whether the file has the block, even an empty one.
  public var isDefined = false
  public var user = ""
  /// Plain or bcrypt.
  public var password = ""
  /// Plain or bcrypt.
  public var token = ""
  /// Longest a client may take to authenticate; derived from the TLS timeout when not configured.
  public var timeoutNanoseconds: Int64 = Defaults.authorizationTimeoutNanoseconds
  /// Users of the global account.
  public var users: [UserOptions] = []
  public var nkeyUsers: [NKeyUserOptions] = []
  public var callout: AuthCalloutOptions?
  public var proxyRequired = false

  public init() {}
}

/// A user with a password (FEATURES 3.250 to 3.255).
public struct UserOptions: Sendable, Equatable {
  public var user: String
  /// Plain or bcrypt.
  public var password: String
  /// The account's `default_permissions` are already applied; `nil` allows everything.
  public var permissions: Permissions?
  /// Empty: all types.
  public var allowedConnectionTypes: Set<ConnectionType> = []
  public var proxyRequired = false

  public init(user: String, password: String = "", permissions: Permissions? = nil) {
    self.user = user
    self.password = password
    self.permissions = permissions
  }
}

/// A user known by its public key (FEATURES 3.252).
public struct NKeyUserOptions: Sendable, Equatable {
  /// `U...`
  public var nkey: String
  public var permissions: Permissions?
  public var allowedConnectionTypes: Set<ConnectionType> = []
  public var proxyRequired = false

  public init(nkey: String, permissions: Permissions? = nil) {
    self.nkey = nkey
    self.permissions = permissions
  }
}

/// Kinds of connections that a user may be limited to (FEATURES 3.254).
public enum ConnectionType: String, Sendable, Hashable, CaseIterable {
  case standard = "STANDARD"
  case webSocket = "WEBSOCKET"
  case leafNode = "LEAFNODE"
  case leafNodeWebSocket = "LEAFNODE_WS"
  case mqtt = "MQTT"
  case mqttWebSocket = "MQTT_WS"
  case inProcess = "IN_PROCESS"
}

/// What a user may publish and subscribe to (FEATURES 3.256 to 3.258).
public struct Permissions: Sendable, Equatable {
  /// `nil` allows everything that is not otherwise denied.
  public var publish: SubjectPermission?
  /// Entries may be `subject queue`.
  public var subscribe: SubjectPermission?
  /// Replies to received requests are allowed within these bounds although `publish` denies them.
  public var responses: ResponsePermission?

  public init() {}
}

public struct SubjectPermission: Sendable, Equatable {
  /// `nil`: everything that is not denied; empty: nothing.
  public var allow: [String]?
  public var deny: [String]

  public init(allow: [String]? = nil, deny: [String] = []) {
    self.allow = allow
    self.deny = deny
  }
}

/// `allow_responses` (FEATURES 3.258).
public struct ResponsePermission: Sendable, Equatable {
  /// -1 is unlimited.
  public var maxMessages = Defaults.responsePermissionMaxMessages
  /// Negative never expires.
  public var expiresNanoseconds: Int64 = Defaults.responsePermissionExpiresNanoseconds

  public init() {}
}

/// `auth_callout` (FEATURES 3.248).
public struct AuthCalloutOptions: Sendable, Equatable {
  /// Public account key that signs the answers.
  public var issuer = ""
  public var account = Defaults.globalAccount
  public var users: [String] = []
  /// Public curve key; empty: requests are not encrypted.
  public var xkey = ""
  /// Empty: all accounts are delegated.
  public var allowedAccounts: [String] = []

  public init() {}
}

/// Operators, trusted keys and the account resolver (FEATURES 3.087 to 3.093).
public struct OperatorOptions: Sendable, Equatable {
  /// Paths of operator JWT files, or JWTs.
  public var operators: [String] = []
  /// Public operator keys.
  public var trustedKeys: [String] = []
  public var defaultSentinel = ""
  public var resolver: ResolverOptions?
  public var resolverTLS: TLSOptions?
  /// Account key to JWT.
  public var preload: [String: String] = [:]
  public var pinnedAccounts: Set<String> = []

  public init() {}
}

/// Where account JWTs come from (FEATURES 3.090).
public enum ResolverOptions: Sendable, Equatable {
  case memory
  case url(String)
  case full(DirectoryResolverOptions)
  case cache(DirectoryResolverOptions)
}

public struct DirectoryResolverOptions: Sendable, Equatable {
  public var directory = ""
  public var allowDelete = false
  public var hardDelete = false
  /// Most JWTs kept; 0: the resolver's default.
  public var limit: Int64 = 0
  /// Cache only.
  public var ttlNanoseconds: Int64 = 0
  /// Full only: how often peers are asked for JWTs.
  public var syncIntervalNanoseconds: Int64 = 0
  public var timeoutNanoseconds: Int64 = 0

  public init() {}
}
