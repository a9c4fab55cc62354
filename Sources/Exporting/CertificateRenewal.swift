import HTTP
import Reactor

/// Certificates and authorities are replaced while the exporter runs: new connections get what the files hold now. What
/// cannot be used is told, and the old stays.
///
/// Invariant: used on the exporter's loop only.
final class CertificateRenewal: @unchecked Sendable {
  private var watcher: FileWatcher?

  /// - Parameter renew: reads the files.
  init(of options: ExporterOptions, loop: EventLoop, logger: Logger, renew: @escaping () throws -> Void) {
    let files = [options.certificateFile, options.keyFile, options.authorityFile, options.serverAuthorityFile]
      .filter { !$0.isEmpty }
    guard !files.isEmpty else { return }
    let watcher = FileWatcher(loop: loop) {
      do {
        try renew()
        logger.info("The certificates have been read again")
      } catch {
        logger.error("The new certificates cannot be used: \(error)")
      }
    }
    watcher.watch(files)
    self.watcher = watcher
  }

  func stop() { watcher?.stop() }
}

extension ExporterOptions {
  /// Of the scrape port; nil for plain HTTP.
  func scrapeTLS() throws -> TLSContext? {
    guard !certificateFile.isEmpty else { return nil }
    var parameters = TLSParameters()
    parameters.certificateFile = certificateFile
    parameters.keyFile = keyFile
    parameters.authorityFile = authorityFile
    parameters.verifiesClients = !authorityFile.isEmpty
    return try TLSContext(.server, parameters)
  }

  /// For servers with certificates of authorities of one's own; nil for the system's.
  func serverTLS() throws -> TLSContext? {
    guard !serverAuthorityFile.isEmpty else { return nil }
    var parameters = TLSParameters()
    parameters.authorityFile = serverAuthorityFile
    return try TLSContext(.client, parameters)
  }
}
