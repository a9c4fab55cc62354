import JSON

/// `/healthz` in its variants. FEATURES 15.029.
extension MetricMapping {
  func mapHealth(
    _ endpoint: MonitoringEndpoint, _ reader: inout JSONReader, into set: inout MetricSet
  ) throws(JSONError) {
    var status = ""
    try reader.eachMember { reader throws(JSONError) in
      if reader.keyIs("status") { status = try reader.text() } else { try reader.skipValue() }
    }
    addHealth(endpoint, status: status, into: &set)
  }

  /// - Parameter status: what the server said; nil when it could not be asked.
  func addHealth(_ endpoint: MonitoringEndpoint, status: String?, into set: inout MetricSet) {
    let isHealthy = status == "ok"
    set.add(
      coreName(endpoint.rawValue, "status"), help: "0 when the server is healthy, 1 when it is not or cannot be asked.",
      serverLabels, isHealthy ? 0 : 1)
    set.add(
      coreName(endpoint.rawValue, "status_value"), help: "The server's health in its own words. 1 when it is healthy.",
      serverLabels.with(["value": status ?? "unreachable"]), isHealthy ? 1 : 0)
  }
}
