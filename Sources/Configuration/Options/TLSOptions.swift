/// A `tls` block (FEATURES 3.259 to 3.280): paths and names only. Loading the files is another room's work.
public struct TLSOptions: Sendable, Equatable {
  public var certificateFile = ""
  public var keyFile = ""
  public var caFile = ""
  /// Certificates chosen by SNI; excludes `certificateFile`.
  public var certificates: [TLSCertificatePair] = []
  /// Clients must present a certificate that the CA signed.
  public var verify = false
  /// The client certificate names the user; implies `verify`.
  public var verifyAndMap = false
  /// Clusters and gateways only: the peer's certificate must name one of the configured URLs.
  public var verifyAndCheckKnownURLs = false
  /// Connections that we open do not check the peer's certificate.
  public var insecure = false
  /// IANA names in order of preference, validated; empty: the library's choice.
  public var cipherSuites: [String] = []
  public var allowInsecureCipherSuites = false
  /// `CurveP256`, `CurveP384`, `CurveP521`, `X25519`, `X25519MLKEM768` ..., validated; empty: the library's choice.
  public var curvePreferences: [String] = []
  public var minimumVersion = TLSVersion.tls12
  /// Longest a handshake may take.
  public var timeoutNanoseconds: Int64 = Defaults.tlsTimeoutNanoseconds
  /// Handshakes a second; 0 is unlimited.
  public var connectionRateLimit: Int64 = 0
  /// Lower-case hex SHA-256 digests of the accepted certificates' SubjectPublicKeyInfo; empty: all.
  public var pinnedCertificates: Set<String> = []
  public var handshakeFirst = HandshakeFirst.off
  public var ocspPeer: OCSPPeerOptions?
  /// Windows certificate store; kept so that its use can be refused by name.
  public var certificateStore = ""
  public var certificateMatchBy = ""
  public var certificateMatch = ""
  public var certificateMatchSkipInvalid = false
  public var caCertificatesMatch: [String] = []

  /// Digest of the files' contents when the options were read: renewed certificates make other options.
  public var filesDigest = ""

  public init() {}
}

/// One certificate of `tls.certs`.
public struct TLSCertificatePair: Sendable, Equatable {
  public var certificateFile: String
  public var keyFile: String

  public init(certificateFile: String, keyFile: String) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
  }
}

public enum TLSVersion: String, Sendable, Equatable {
  case tls10 = "1.0"
  case tls11 = "1.1"
  case tls12 = "1.2"
  case tls13 = "1.3"
}

/// Whether the TLS handshake comes before INFO (FEATURES 3.274).
public enum HandshakeFirst: Sendable, Equatable {
  case off
  case on
  /// Wait this long for a handshake, then send INFO as ever.
  case auto(fallbackNanoseconds: Int64)
}

/// `ocsp` (FEATURES 3.078).
public struct OCSPOptions: Sendable, Equatable {
  public enum Mode: String, Sendable, Equatable {
    case auto, always, never, must
  }
  public var mode = Mode.auto
  public var overrideURLs: [String] = []

  public init() {}
}

/// `ocsp_cache` (FEATURES 3.079).
public struct OCSPCacheOptions: Sendable, Equatable {
  public enum Kind: String, Sendable, Equatable {
    case none, local
  }
  public var kind = Kind.local
  public var localStore = "_rc_"
  public var preserveRevoked = false
  public var saveIntervalNanoseconds: Int64 = 300 * Defaults.second

  public init() {}
}

/// `tls.ocsp_peer` (FEATURES 3.280).
public struct OCSPPeerOptions: Sendable, Equatable {
  public var verify = false
  public var caTimeoutNanoseconds: Int64 = 2 * Defaults.second
  public var allowedClockSkewNanoseconds: Int64 = 30 * Defaults.second
  public var warnOnly = false
  public var unknownIsGood = false
  public var allowWhenCAUnreachable = false
  public var cacheTTLWhenNextUpdateUnsetNanoseconds: Int64 = 3600 * Defaults.second

  public init() {}
}
