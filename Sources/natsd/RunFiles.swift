import Configuration
import Glibc
import JSON
import Reactor

/// The files that tell others where the server runs (FEATURES 3.027, 3.028).
struct RunFiles {
  let disk: any Disk
  let options: ServerOptions

  private var portsPath: String { "\(options.portsFileDirectory)/\(ProgramName.current)_\(getpid()).ports" }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Writes the pid file: the number, no newline.
  func writePid() throws(Failure) {
    guard !options.pidFile.isEmpty else { return }
    do {
      try disk.write(Array(String(getpid()).utf8), to: options.pidFile, mode: 0o600)
    } catch {
      throw Failure(description: "Could not write pidfile: \(error)")
    }
  }

  /// Writes the ports file: URLs by kind of listener.
  func writePorts(clientURLs: [String], monitoringURLs: [String], profileURLs: [String], _ logger: Logger) {
    guard !options.portsFileDirectory.isEmpty else { return }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("nats", clientURLs, omitEmpty: true)
    writer.field("monitoring", monitoringURLs, omitEmpty: true)
    writer.field("profile", profileURLs, omitEmpty: true)
    writer.endObject()
    do {
      try disk.write(writer.bytes, to: portsPath, mode: 0o644)
    } catch {
      logger.error("Error writing ports file (\(portsPath)): \(error)")
    }
  }

  /// The pid file stays, the ports file goes, as with nats-server.
  func removePorts(_ logger: Logger) {
    guard !options.portsFileDirectory.isEmpty else { return }
    do {
      try disk.remove(portsPath)
    } catch {
      logger.error("Error cleaning up ports file \(portsPath): \(error)")
    }
  }
}
