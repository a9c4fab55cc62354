import Reactor

extension ExporterOptions {
  /// FEATURES 15.004. Throws when the log cannot be opened.
  public func makeLogger() throws -> Logger {
    var settings = Logger.Settings()
    settings.debug = debug
    settings.trace = trace
    switch log {
    case .standardError: break
    case .syslog: settings.destination = .syslog
    case .remoteSyslog(let address): settings.destination = .remoteSyslog(address)
    case .file(let path): settings.destination = .file(path: path, sizeLimit: 0, maxFiles: 0)
    }
    return try Logger(settings)
  }
}
