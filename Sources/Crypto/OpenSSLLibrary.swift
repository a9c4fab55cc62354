import COpenSSL

/// The library's start: the host's `openssl.cnf` is never read, so that the same binary behaves the same everywhere.
public enum OpenSSLLibrary {
  /// Touch before the first call into OpenSSL.
  public static let ready: Void = {
    let started = OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil)
    precondition(started == 1, "OpenSSL does not start")
  }()
}
