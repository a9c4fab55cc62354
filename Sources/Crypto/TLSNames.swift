/// The names of cipher suites and curves that a configuration may hold: Go's names, which for cipher suites are
/// IANA's (FEATURES 3.267 to 3.269).
public enum TLSCipherSuite {
  /// Go's secure suites, in the order in which a server prefers them.
  public static let secure = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
  ]

  /// Suites that need `allow_insecure_cipher_suites`, in the order in which a server prefers them.
  public static let insecure = [
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_RC4_128_SHA",
  ]
}

/// Names of key exchange groups.
public enum TLSCurve {
  /// All names that a configuration may hold, in the order of the default.
  public static let names = [
    "X25519MLKEM768", "SecP384r1MLKEM1024", "SecP256r1MLKEM768", "X25519", "CurveP256", "CurveP384", "CurveP521",
  ]

  /// Those that OpenSSL 3.0 has; a configuration that names only others cannot be served.
  public static let supported = ["X25519", "CurveP256", "CurveP384", "CurveP521"]
}
