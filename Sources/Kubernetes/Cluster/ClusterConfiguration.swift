import HTTP
import Reactor

/// Bytes that a configuration carries itself, or names as a file.
public enum FileOrData: Sendable, Equatable {
  /// Read again every minute, so that a rotated file is found.
  case file(String)
  case data([UInt8])
}

/// Where an API server is and how to log in: one context of a kubeconfig, resolved.
public struct ClusterConfiguration: Sendable, Equatable {
  public enum Login: Sendable, Equatable {
    case anonymous
    case token(String)
    /// Read again every minute: service account tokens are replaced while they are in use.
    case tokenFile(String)
    case exec(ExecPlugin)
  }

  public struct ClientCertificate: Sendable, Equatable {
    public var certificate: FileOrData
    public var key: FileOrData

    public init(certificate: FileOrData, key: FileOrData) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// The target is what goes before every path: `/`, or the prefix of a proxy.
  public var server: HTTPURL
  /// Nil for the system's authorities.
  public var authorities: FileOrData?
  public var skipsServerVerification = false
  /// The name that the certificate must be for; nil for the server's host.
  public var tlsServerName: String?
  public var clientCertificate: ClientCertificate?
  public var login = Login.anonymous
  /// Sent as `Impersonate-...` headers; empty for none.
  public var impersonatedUser = ""
  public var impersonatedGroups: [String] = []
  /// Where namespaced things go that say nothing else.
  public var namespace = "default"

  public init(server: HTTPURL) {
    self.server = server
  }

  /// A plain URL, as of `kubectl proxy`: `http://127.0.0.1:8001`.
  public init(url: String) throws(ConfigurationProblem) {
    guard let server = HTTPURL(url) else {
      throw ConfigurationProblem("the API server's address must be http://HOST[:PORT] or https://..., is \(url)")
    }
    self.server = server
    if let user = server.user { throw ConfigurationProblem("log in with a token, not as \(user) in the URL") }
  }

  /// Files in it are read again from time to time.
  var namesFiles: Bool {
    [authorities, clientCertificate?.certificate, clientCertificate?.key].contains {
      if case .file = $0 { true } else { false }
    }
  }

  /// What a TLS connection is made of, with the contents of all files; nil for plain HTTP.
  func tlsParameters(certificate: ClientCertificate?) throws(ConfigurationProblem) -> TLSParameters? {
    guard server.isTLS else { return nil }
    var parameters = TLSParameters()
    parameters.skipsServerVerification = skipsServerVerification
    if let authorities {
      (parameters.authorityFile, parameters.givenFiles["certificate-authority-data"]) =
        ("certificate-authority-data", try authorities.contents())
    }
    if let certificate {
      (parameters.certificateFile, parameters.givenFiles["client-certificate-data"]) =
        ("client-certificate-data", try certificate.certificate.contents())
      (parameters.keyFile, parameters.givenFiles["client-key-data"]) =
        ("client-key-data", try certificate.key.contents())
    }
    return parameters
  }
}

extension FileOrData {
  func contents() throws(ConfigurationProblem) -> [UInt8] {
    switch self {
    case .file(let path): try ConfigurationFile.read(path)
    case .data(let bytes): bytes
    }
  }
}

/// Why a cluster's configuration cannot be used, in words for the user.
public struct ConfigurationProblem: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }
}
