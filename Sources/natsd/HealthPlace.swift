import Configuration
import HTTP

/// Where a server that was started with these arguments tells whether it is healthy.
///
/// Like a liveness probe it asks only whether JetStream works where it is enabled: a server that catches up with its
/// cluster must not be stopped for it.
func healthPlace(_ arguments: [String]) -> HealthCheck.Place {
  guard case .run(let plan) = Launch.decide(arguments) else {
    return .unknown(reason: "the server's configuration cannot be read any more")
  }
  let monitoring = plan.options.monitoring
  let isTLS = monitoring.port == 0
  guard let port = UInt16(exactly: isTLS ? monitoring.tlsPort : monitoring.port), port > 0 else {
    return .none(reason: "the server runs; its monitoring port is off, or chosen by the system")
  }
  let host = monitoring.host.isEmpty ? plan.options.host : monitoring.host
  let base = monitoring.normalizedBasePath
  return .url(
    HealthCheck.url(
      isTLS: isTLS, boundTo: host, port: port,
      target: (base == "/" ? "" : base) + "/healthz?js-enabled-only=true"))
}
