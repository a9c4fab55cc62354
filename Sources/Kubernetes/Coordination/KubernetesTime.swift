import Bytes

/// Times as the API writes them.
public enum KubernetesTime {
  /// `Time`: whole seconds.
  public static func seconds(_ time: Timestamp) -> String {
    RFC3339.string(Timestamp(seconds: time.seconds))
  }

  /// `MicroTime`: always six digits.
  public static func micro(_ time: Timestamp) -> String {
    let micros = String(time.nanoseconds / 1000)
    return seconds(time).dropLast() + "." + String(repeating: "0", count: 6 - micros.count) + micros + "Z"
  }
}
