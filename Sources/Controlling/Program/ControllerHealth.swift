import HTTP

extension ControllerCommandLine {
  /// Where a controller that was started with these arguments tells whether it works (FEATURES 13.021).
  public static func healthPlace(
    _ arguments: [String], environment: (String) -> String?
  ) -> HealthCheck.Place {
    guard case .run(let options, _) = decide(arguments, program: "nack-controller", environment: environment) else {
      return .unknown(reason: "the controller's arguments cannot be read")
    }
    guard options.command == .run, !["", "0"].contains(options.healthAddress),
      let address = try? BindAddress.parse(options.healthAddress), address.port > 0
    else { return .none(reason: "the controller runs; its health probe is off, or its port is chosen by the system") }
    return .url(
      HealthCheck.url(isTLS: false, boundTo: address.host, port: address.port, target: "/healthz"))
  }
}
