// What is said through `$JS.API`: configurations of streams and consumers with their defaults, validation and rules of
// change; requests and answers, advisories, errors; all as JSON, spelled as nats-server spells it. No state, no time,
// no network: those are JetStream's.

/// What this server's JetStream is able to do (FEATURES 7.001, 5.037).
public enum APILevel {
  /// The level of nats-server 2.15.
  public static let current = 5
}
