extension ServerOptions {
  /// What is wrong with `client_advertise` in Go's words: it has to be `host`, or `host:port` with a number.
  public var clientAdvertiseProblem: String? {
    let text = clientAdvertise
    guard !text.isEmpty else { return nil }
    switch HostPort.parts(text) {
    case .failure(.missingPort): return nil
    case .failure(let problem): return "address \(text): \(problem.description)"
    case .success(let parts):
      guard case .failure(let problem) = GoInteger.parse(parts.port) else { return nil }
      return "strconv.Atoi: parsing \(GoText.quoted(parts.port)): \(problem.text)"
    }
  }
}
