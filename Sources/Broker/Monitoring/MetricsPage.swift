import HTTP
import JSON
import Metrics

/// `/metrics` in Prometheus' formats: the families that the exporter makes of the same endpoints, so that dashboards
/// work with either. `?prefix=nats` renames them as the exporter's flag does.
final class MetricsPage: @unchecked Sendable {
  // Invariant: made for one request; what it gathers is touched on the monitor's background thread only.
  private let monitor: Monitor
  private let format: Exposition.Format
  private let responder: HTTPResponder
  private var mapping: MetricMapping
  private var sets: [MetricSet] = []
  private var waiting: [MonitoringEndpoint] = [
    .varz, .connz, .subsz, .routez, .gatewayz, .leafz, .accstatz, .healthz, .jsz,
  ]

  /// - Parameter prefix: in place of those at the start of names; empty for these.
  init(_ monitor: Monitor, prefix: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
    self.monitor = monitor
    self.responder = responder
    format = Exposition.Format(accept: request.head.headers["Accept"])
    let info = monitor.server.info
    mapping = MetricMapping(serverID: info.serverID)
    mapping.serverName = info.serverName
    if !prefix.isEmpty { mapping.prefix = prefix }
  }

  /// Asks one endpoint after the other, then answers.
  func gather() {
    guard let endpoint = waiting.first else {
      let body = Exposition.bytes(sets, format: format)
      LongAnswer.send(HTTPResponse(headers: ["Content-Type": format.contentType], body: body), to: responder)
      return
    }
    waiting.removeFirst()
    ask(endpoint) { [self] outcome in
      monitor.background.submit { [self] in
        if case .answer(let answer) = outcome, let set = try? mapping.map(endpoint, answer.json()) { sets.append(set) }
        gather()
      }
    }
  }

  private func ask(_ endpoint: MonitoringEndpoint, _ done: @escaping Monitor.Completion) {
    switch endpoint {
    case .varz: done(.answer(monitor.varz()))
    case .connz, .connzDetailed: monitor.connz(ConnzOptions(), done)
    case .subsz: monitor.subsz(SubszOptions(), done)
    case .routez: done(.answer(monitor.routez()))
    case .gatewayz: done(.answer(monitor.gatewayz()))
    case .leafz: done(.answer(monitor.leafz()))
    case .accstatz:
      var options = AccountStatzOptions()
      options.includesUnused = true
      monitor.accountStatz(options, done)
    case .accountz: done(monitor.accountz(account: ""))
    case .healthz, .healthzJetStreamEnabledOnly, .healthzJetStreamServerOnly:
      monitor.healthz(HealthzOptions()) { done(.answer($0)) }
    case .jsz:
      var options = JszOptions()
      options.consumers = true
      options.configurations = true
      options.raftGroups = true
      monitor.jsz(options, done)
    }
  }
}
