import HTTP

/// Why an endpoint gave nothing; `rawValue` is the label `reason`.
enum FetchFailure: String, Error, Sendable {
  /// The name of the server has no address.
  case lookup
  /// Nobody listens, or the connection could not be made.
  case unreachable
  case tls
  /// The scrape's time was over.
  case timeout
  /// The connection ended before the answer did.
  case disconnected
  /// No HTTP.
  case malformed
  /// An answer whose status is not 200.
  case status
  /// An answer that is not this endpoint's JSON.
  case garbage
  case tooLarge = "too_large"
  /// What the labels are made of, `/varz`, could not be had.
  case unnamed

  init(_ error: HTTPClientError) {
    self =
      switch error {
      case .lookup: .lookup
      case .connect: .unreachable
      case .tls: .tls
      case .timedOut, .tooManyRequests, .cancelled: .timeout
      case .disconnected: .disconnected
      case .malformedResponse: .malformed
      case .bodyTooLarge: .tooLarge
      }
  }
}
