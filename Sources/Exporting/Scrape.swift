import Metrics
import Reactor

/// One scrape: all servers, one deadline, one answer that is the truth about each endpoint.
///
/// Invariant: used on the exporter's loop only.
final class Scrape: @unchecked Sendable {
  /// The time in which it answers, on the monotonic clock.
  let deadline: Int64
  private let options: ExporterOptions
  private let loop: EventLoop
  private let logger: Logger
  private let started: Int64
  private let servers: [ServerScrape]
  private var unfinished: Int
  private var timer: TimerToken?
  private var completions: [([MetricSet]) -> Void] = []

  init(
    _ servers: [MonitoredServer], options: ExporterOptions, client: MonitoringClient, loop: EventLoop, logger: Logger,
    deadline: Int64
  ) {
    self.options = options
    self.loop = loop
    self.logger = logger
    self.deadline = deadline
    started = loop.clock.monotonicNanoseconds()
    unfinished = servers.count
    self.servers = servers.map {
      ServerScrape($0, options: options, client: client, clock: loop.clock, deadline: deadline)
    }
  }

  /// Calls back with the families when the scrape ends.
  func whenComplete(_ action: @escaping ([MetricSet]) -> Void) {
    completions.append(action)
  }

  func start() {
    timer = loop.schedule(afterNanoseconds: max(1, deadline - started)) { [self] in
      timer = nil
      for server in servers { server.expire() }
    }
    for server in servers {
      server.start { [self] in
        unfinished -= 1
        if unfinished == 0 { complete() }
      }
    }
  }

  private func complete() {
    if let timer { loop.cancel(timer) }
    timer = nil
    let now = loop.clock.monotonicNanoseconds()
    var own = MetricSet()
    var sets: [MetricSet] = []
    var ids: Set<String> = []
    for scrape in servers {
      let failures = scrape.outcomes.compactMapValues(\.failure)
      scrape.server.report(failures, now: now)
      // Two servers that tell the same name would give every series twice, which scrapers refuse.
      guard ids.insert(scrape.server.id).inserted else {
        logger.error("Two servers have the id \(scrape.server.id): \(scrape.server.target.id) is left out")
        continue
      }
      describe(scrape, in: &own)
      sets += options.endpoints.compactMap { scrape.outcomes[$0]?.set }
    }
    own.add(
      "nats_exporter_scrape_duration_seconds", help: "How long all servers took together.", [:],
      Double(now - started) / 1e9)
    own.add("nats_exporter_build_info", help: "Always 1.", ["version": Exporter.version], 1)
    sets.append(own)
    let actions = completions
    completions = []
    for action in actions { action(sets) }
  }

  private func describe(_ scrape: ServerScrape, in set: inout MetricSet) {
    let labels: LabelSet = ["server_id": scrape.server.id]
    let isUp = scrape.outcomes.values.contains { $0.failure == nil }
    set.add(
      "nats_exporter_server_up", help: "1 when at least one endpoint of the server answered.", labels, isUp ? 1 : 0)
    for endpoint in options.endpoints {
      guard let outcome = scrape.outcomes[endpoint] else { continue }
      let labels = labels.with(["endpoint": endpoint.rawValue])
      set.add(
        "nats_exporter_endpoint_up", help: "1 when the endpoint answered what it should.", labels,
        outcome.failure == nil ? 1 : 0)
      set.add(
        "nats_exporter_endpoint_duration_seconds", help: "Time from the scrape's start to the endpoint's last byte.",
        labels, outcome.seconds)
      set.add("nats_exporter_endpoint_response_bytes", help: "Bytes of the answer.", labels, Double(outcome.bytes))
      set.add(
        "nats_exporter_endpoint_dropped_series", help: "Series left out because of -max_series.", labels,
        Double(outcome.set?.droppedSeries ?? 0))
      guard let failure = outcome.failure else { continue }
      set.add(
        "nats_exporter_endpoint_failure", help: "Why the endpoint is down. Always 1.",
        labels.with(["reason": failure.rawValue]), 1)
    }
  }
}
