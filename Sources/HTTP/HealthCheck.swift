import Reactor
import Synchronization

/// What a program does when it is called by the name of a health check instead of its own: an image that holds nothing
/// but a program has no other way to look at it.
///
///     healthcheck          the program that runs beside us, by the port that its own arguments and configuration give
///     healthcheck URL      any health URL
///     wget -q -O - URL     the same: how health checks ask in images with a shell; flags are ignored
///
/// It prints the answer and exits with 0 when that is of the 200s, else with 1.
public enum HealthCheck {
  /// Whom to ask.
  public enum Place: Sendable, Equatable {
    case url(HTTPURL)
    /// The program serves no health page, or none that we may see: that it runs is all that can be known.
    case none(reason: String)
    /// The program would not start with these arguments.
    case unknown(reason: String)
  }

  /// Names that a program is a health check under.
  public static let names = ["healthcheck", "wget"]
  /// Less than the time that container engines wait by default (30 s), and enough for a server under load.
  static let timeoutNanoseconds: Int64 = 5_000_000_000
  /// Bytes of an answer that are printed.
  static let printedBytes = 4096

  public static var isWanted: Bool { names.contains(ProgramName.current) }

  /// What to print and to exit with. Runs an event loop of its own.
  ///
  /// - Parameter place: where the program answers that was started with these arguments.
  public static func run(
    _ arguments: [String], running: () -> [String]? = { ServingProcess.arguments(exceptNamed: names) },
    place: ([String]) -> Place
  ) -> (text: String, exitCode: Int32) {
    if !arguments.isEmpty {
      guard let url = url(in: arguments) else { return ("no HTTP URL among the arguments", 1) }
      return ask(url)
    }
    guard let started = running() else { return ("no server runs here", 1) }
    switch place(started) {
    case .url(let url): return ask(url)
    case .none(let reason): return (reason, 0)
    case .unknown(let reason): return (reason, 1)
    }
  }

  /// The first argument that is a URL; as with wget, `http://` may be left out.
  static func url(in arguments: [String]) -> HTTPURL? {
    for text in arguments where !text.hasPrefix("-") && (text.contains(":") || text.contains("/")) {
      if let url = HTTPURL(text) ?? HTTPURL("http://" + text) { return url }
    }
    return nil
  }

  /// The URL of a port of this machine, by the address that it was bound to.
  public static func url(isTLS: Bool, boundTo host: String, port: UInt16, target: String) -> HTTPURL {
    let local = ["", "0.0.0.0", "::", "[::]"].contains(host) ? (host.contains(":") ? "::1" : "127.0.0.1") : host
    return HTTPURL(isTLS: isTLS, host: local, port: port, target: target)
  }

  static func ask(_ url: HTTPURL) -> (text: String, exitCode: Int32) {
    let loops = LoopGroup(count: 1)
    var options = HTTPClient.Options()
    options.connectTimeoutNanoseconds = timeoutNanoseconds
    if url.isTLS {
      // We look at our own container: the certificate is made out to the name that others know.
      var parameters = TLSParameters()
      parameters.skipsServerVerification = true
      do { options.tls = try TLSContext(.client, parameters) } catch { return ("\(error)", 1) }
    }
    let client = HTTPClient(loop: loops.loops[0], options: options)
    let answer = Answer()
    client.send(HTTPClientRequest("GET", url, timeoutNanoseconds: timeoutNanoseconds)) { result in
      answer.result.withLock { $0 = result }
      loops.stop()
    }
    loops.run()
    switch answer.result.withLock({ $0 }) {
    case .success(let response):
      let text = String(decoding: response.body.prefix(printedBytes), as: UTF8.self)
      return (200..<300).contains(response.head.status) ? (text, 0) : ("\(response.head.status) \(text)", 1)
    case .failure(let error): return ("\(url): \(error)", 1)
    case nil: return ("\(url): no answer", 1)
    }
  }

  private final class Answer: Sendable {
    let result = Mutex<Result<HTTPClientResponse, HTTPClientError>?>(nil)
  }
}
