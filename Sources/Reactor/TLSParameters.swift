import Crypto

/// A version of the protocol; the raw value is its number on the wire.
public enum TLSVersion: Int32, Sendable {
  case tls12 = 0x0303
  case tls13 = 0x0304
}

/// Everything a `TLSContext` is made of: the meaning of a `tls {}` block (FEATURES 3.259 to 3.270).
public struct TLSParameters: Sendable, Equatable {
  /// A certificate chain with its key, as paths of PEM files.
  public struct CertificatePair: Sendable, Equatable {
    public var certificateFile: String
    public var keyFile: String

    public init(certificateFile: String, keyFile: String) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
    }
  }

  /// `cert_file`; empty for none.
  public var certificateFile = ""
  /// `key_file`; empty for none.
  public var keyFile = ""
  /// `certs`: several pairs, chosen by the client's server name. Ignored when `certificateFile` is set.
  public var certificates: [CertificatePair] = []
  /// `ca_file`: who may have signed the peer; empty for the system's authorities.
  public var authorityFile = ""
  /// `verify`, servers: clients must present a certificate that the authorities signed for client use.
  public var verifiesClients = false
  /// `insecure`, clients: the server's certificate is not looked at.
  public var skipsServerVerification = false
  /// `min_version`.
  public var minimumVersion = TLSVersion.tls12
  /// `cipher_suites` by Go's names, for TLS 1.2; TLS 1.3 always has its three, as in Go. Empty for the default.
  public var cipherSuites: [String] = []
  /// `curve_preferences` by Go's names; empty for the default.
  public var curvePreferences: [String] = []
  /// Files that are given here instead of read: contents by the names that stand above.
  public var givenFiles: [String: [UInt8]] = [:]

  public init() {}
}

/// Why a `TLSContext` cannot be made. The texts are nats-server's.
public struct TLSConfigurationError: Error, Equatable, CustomStringConvertible {
  public let description: String
  /// The file at fault, where the text does not name it already.
  public let file: String?

  init(_ description: String, file: String? = nil) {
    self.description = description
    self.file = file
  }
}
