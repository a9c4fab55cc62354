// JSON as nats-server speaks it, that is, as Go's encoding/json does: HTML characters escaped, keys matched without
// regard to case, the last duplicate wins, invalid UTF-8 replaced, Go's error texts.
//
// Lives here: `JSONReader` and `JSONWriter`, byte-level and without allocation, for the objects of the hot path
// (CONNECT, INFO, PubAck, pull requests, advisories); `JSONValue`, a tree for cold code; `JSONCoding`, `Codable` on
// top of the tree for the many API types.
// Does not live here: the objects themselves, and times and durations (`Bytes`).

/// Limits that hold for every document.
public enum JSONLimits {
  /// Open objects and arrays; deeper is refused with `exceeded max depth`. The value of Go's encoding/json.
  public static let depth = 10_000
  /// The same for trees (`JSONValue`, `JSONCoding`), which are built and torn down by recursion.
  public static let treeDepth = 1000
}
