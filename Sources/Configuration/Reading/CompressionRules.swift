extension CompressionOptions {
  /// From fast to slow: thresholds between no compression and the best.
  static let defaultRoundTripThresholds: [Int64] = [10_000_000, 50_000_000, 100_000_000]

  /// Turns the mode's name into the mode and puts the thresholds in order (FEATURES 3.316, 3.317).
  ///
  /// - Returns: what is wrong, in nats-server's words.
  mutating func normalize(whenOn: Mode) -> String? {
    guard !modeText.isEmpty else { return nil }
    var name = modeText.lowercased()
    if ["on", "enabled", "true"].contains(name) { name = whenOn.rawValue }
    switch name {
    case "not supported", "not_supported": mode = .notSupported
    case "disabled", "off", "false": mode = .off
    case "accept": mode = .accept
    case "fast", "s2_fast": mode = .fast
    case "better", "s2_better": mode = .better
    case "best", "s2_best": mode = .best
    case "auto", "s2_auto":
      if let problem = normalizeThresholds() { return problem }
      mode = .automatic
    default: return "unsupported compression mode \(GoText.quoted(modeText))"
    }
    if let mode { modeText = mode.rawValue }
    return nil
  }

  /// Ascending, though 0 leaves a level out; at most four; at least one that is not 0.
  private mutating func normalizeThresholds() -> String? {
    let given = roundTripThresholdsNanoseconds
    guard !given.isEmpty else {
      roundTripThresholdsNanoseconds = Self.defaultRoundTripThresholds
      return nil
    }
    let shown = GoText.list(given.map { GoText.duration($0) })
    var thresholds: [Int64] = []
    for value in given.map({ max($0, 0) }) {
      if value != 0, let highest = thresholds.max(), value < highest {
        return "RTT threshold values \(shown) should be in ascending order"
      }
      thresholds.append(value)
    }
    while thresholds.last == 0 { thresholds.removeLast() }
    if thresholds.count > 4 {
      return "compression mode \(GoText.quoted(modeText)) should have no more than 4 RTT thresholds: \(shown)"
    }
    if thresholds.isEmpty {
      return "compression mode \(GoText.quoted(modeText)) requires at least one RTT threshold"
    }
    roundTripThresholdsNanoseconds = thresholds
    return nil
  }
}
