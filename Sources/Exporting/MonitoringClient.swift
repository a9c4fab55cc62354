import HTTP
import Reactor

/// Asks the monitoring ports. Invariant: used on its loop only.
final class MonitoringClient: @unchecked Sendable {
  struct Answer: Sendable {
    let status: Int
    let body: AnswerBytes
  }

  private let loop: EventLoop
  private var settings = HTTPClient.Options()
  private var client: HTTPClient
  private let maximumAnswerBytes: Int

  init(loop: EventLoop, options: ExporterOptions) throws {
    // One server is asked for a few things at a time, so that its slow ones do not hold up the others.
    settings.maximumConnectionsPerHost = 8
    settings.maximumWaiting = 64 * max(16, options.targets.count)
    settings.tls = try options.serverTLS()
    self.loop = loop
    client = HTTPClient(loop: loop, options: settings)
    maximumAnswerBytes = options.maximumAnswerBytes
  }

  /// Servers are verified by these authorities from the next connection on.
  func renew(tls: TLSContext) {
    client.closeIdleConnections()
    settings.tls = tls
    client = HTTPClient(loop: loop, options: settings)
  }

  /// Gets base path and target from the server. `completed` is called once, on the loop, unless the call is cancelled
  /// first; then it may be called or not.
  func get(
    _ target: String, from url: HTTPURL, timeoutNanoseconds: Int64,
    completed: @escaping @Sendable (Result<Answer, FetchFailure>) -> Void
  ) -> HTTPCall {
    var address = url
    address.target = url.target + target
    let request = HTTPClientRequest(
      "GET", address, headers: ["Accept": "application/json"], timeoutNanoseconds: timeoutNanoseconds)
    let collector = Collector(limit: maximumAnswerBytes, completed: completed)
    let call = client.start(request) { collector.receive($0) }
    collector.call = call
    return call
  }

  /// Invariant: used on the client's loop only.
  private final class Collector: @unchecked Sendable {
    weak var call: HTTPCall?
    private let limit: Int
    private let body = AnswerBytes()
    private var status = 0
    private var completed: (@Sendable (Result<Answer, FetchFailure>) -> Void)?

    init(limit: Int, completed: @escaping @Sendable (Result<Answer, FetchFailure>) -> Void) {
      self.limit = limit
      self.completed = completed
    }

    func receive(_ event: HTTPClientEvent) {
      switch event {
      case .head(let head): status = head.status
      case .body(let bytes):
        guard completed != nil else { return }
        guard body.count + bytes.count <= limit else {
          finish(.failure(.tooLarge))
          call?.cancel()
          return
        }
        body.append(bytes)
      case .end: finish(.success(Answer(status: status, body: body)))
      case .failed(let error): finish(.failure(FetchFailure(error)))
      }
    }

    private func finish(_ result: Result<Answer, FetchFailure>) {
      let action = completed
      completed = nil
      action?(result)
    }
  }
}
