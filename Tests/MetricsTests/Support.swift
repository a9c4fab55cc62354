import JSON
import Metrics

/// The lines of samples that a document gives, without declarations.
func samples(
  _ endpoint: MonitoringEndpoint, _ json: String, _ configure: (inout MetricMapping) -> Void = { _ in }
) throws -> [String] {
  var mapping = MetricMapping(serverID: "S")
  mapping.serverName = "n1"
  configure(&mapping)
  return lines([try mapping.map(endpoint, Array(json.utf8))])
}

func lines(_ sets: [MetricSet], _ format: Exposition.Format = .text, declarations: Bool = false) -> [String] {
  String(decoding: Exposition.bytes(sets, format: format), as: UTF8.self).split(separator: "\n").map(String.init)
    .filter { declarations || !$0.hasPrefix("#") }
}
