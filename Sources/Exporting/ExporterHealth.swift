import HTTP

extension ExporterCommandLine {
  /// Where an exporter that was started with these arguments tells that it runs.
  public static func healthPlace(_ arguments: [String]) -> HealthCheck.Place {
    guard case .run(let options, _) = decide(arguments) else {
      return .unknown(reason: "the exporter's arguments cannot be read")
    }
    guard options.port > 0 else { return .none(reason: "the exporter runs; its port is chosen by the system") }
    guard options.authorityFile.isEmpty else { return .none(reason: "the exporter runs; it asks for certificates") }
    let isTLS = !options.certificateFile.isEmpty
    return .url(
      HealthCheck.url(isTLS: isTLS, boundTo: options.address, port: options.port, target: "/healthz"))
  }
}
