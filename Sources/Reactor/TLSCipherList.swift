import Crypto

/// The cipher suites and curves of a configuration in OpenSSL's words.
enum TLSCipherList {
  /// As in Go, the suites of TLS 1.3 are not up for choice.
  static let latest = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

  /// The suites of TLS 1.2 among `names`, in the order of preference that Go has, whatever the configured order.
  /// Empty when TLS 1.2 has none.
  static func ciphers(_ names: [String]) throws(TLSConfigurationError) -> String {
    let known = TLSCipherSuite.secure + TLSCipherSuite.insecure
    for name in names where !known.contains(name) { throw TLSConfigurationError("unrecognized cipher \(name)") }
    let wanted = names.isEmpty ? TLSCipherSuite.secure : known.filter(names.contains)
    return wanted.compactMap { openSSLCiphers[$0] }.joined(separator: ":")
  }

  static func groups(_ names: [String]) throws(TLSConfigurationError) -> String {
    for name in names where !TLSCurve.names.contains(name) {
      throw TLSConfigurationError("unrecognized curve preference \(name)")
    }
    let wanted = (names.isEmpty ? TLSCurve.supported : names).compactMap { openSSLGroups[$0] }
    guard !wanted.isEmpty else {
      throw TLSConfigurationError(
        "none of the curve preferences is supported, expected one of \(TLSCurve.supported.joined(separator: ", "))")
    }
    return wanted.joined(separator: ":")
  }

  private static let openSSLGroups = [
    "X25519": "X25519", "CurveP256": "P-256", "CurveP384": "P-384", "CurveP521": "P-521",
  ]

  /// Without the suites of TLS 1.3, and without RC4 and 3DES, which OpenSSL is built without.
  private static let openSSLCiphers = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
  ]
}
