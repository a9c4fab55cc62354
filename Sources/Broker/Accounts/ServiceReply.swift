import Configuration

/// An answer that an exporting account owes: what is published to `subject` there goes to `to` in the account that asked
/// (FEATURES 4.028 to 4.030).
///
/// Invariant for `@unchecked Sendable`: the variables belong to the lock of the `ServiceReplies` that hold it.
final class ServiceReply: @unchecked Sendable {
  /// Length of the part of a reply subject that is drawn for each request.
  static let tokenLength = 6

  /// From the account that owes it to the account that asked.
  let hop: ServiceHop
  /// `_R_.<account>.<token>`, with the server's hash and `.T` behind it when measured.
  let subject: PaddedBytes
  let token: UInt64
  /// The reply subject of the request.
  let to: PaddedBytes
  /// What to report when the answer comes, or does not.
  let measurement: LatencyMeasurement?
  /// When it was made or last used (monotonic nanoseconds).
  var lastUsed: Int64
  /// The answer has been measured.
  var isMeasured = false

  init(
    hop: ServiceHop, subject: PaddedBytes, token: UInt64, to: PaddedBytes, measurement: LatencyMeasurement?, now: Int64
  ) {
    self.hop = hop
    self.subject = subject
    self.token = token
    self.to = to
    self.measurement = measurement
    lastUsed = now
  }

  var isSingle: Bool { hop.export.plan.responseType == .singleton }

  /// Why an answer is not awaited any more.
  enum End {
    case done
    /// Nobody got the request.
    case noDelivery
    /// `response_threshold` has passed.
    case timeout
    /// Nobody listens for the answer any more.
    case interestLost
  }
}
