// Metrics: from monitoring JSON to Prometheus families.
//
// Lives here: which endpoint gives which families, labels and types under which names (FEATURES 15.2, 15.3), and how a
// set of families is written as Prometheus text or OpenMetrics. The exporter and natsd's own `/metrics` share it.
// Does not live here: anything that fetches, waits or serves. Everything is a pure function of bytes.

/// Bounds that keep a scrape and the label cardinality of a time series database in check.
public enum MetricLimits {
  /// Series that one endpoint of one server may give; whole rows beyond are counted and left out.
  public static let seriesPerEndpoint = 500_000
  /// Bytes of one label value; longer ones are cut at a character border.
  public static let labelValueBytes = 1024
  /// Nesting of monitoring JSON; deeper is refused as garbage.
  static let depth = 64
}

/// What a family declares itself to be.
///
/// The inherited families keep the types of prometheus-nats-exporter: counters of the server are gauges there except
/// for connz, and some connz families have no type at all.
public enum MetricKind: Sendable {
  case gauge, counter, untyped
}
