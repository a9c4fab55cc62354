/// Versions that tools and peers ask for, in one place.
public enum Version {
  /// The nats-server release that we stand in for: INFO `version`, `natsd -v`, `/varz`.
  public static let compatibleServer = "2.15.1"
  /// JetStream API level that goes with it.
  public static let apiLevel = 5
  /// Our own version.
  public static let natsd = "0.1.0"
}
