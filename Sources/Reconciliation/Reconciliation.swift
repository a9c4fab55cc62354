// JetStream from manifests, the pure part: what the files or custom resources say, what the server should therefore
// have, what it has, and what to ask of it.
//
//   Manifests   YAML and JSON -> `ManifestNode`, a tree that knows file, line and column
//   Fields      `ResourceFields`, the one table of every spec field: type, default, validation, place in the server's
//               configuration; the custom resource definitions are printed from it
//   Resources   `Resource`, a validated manifest
//   Desired     `DesiredState`, the configuration of every asset, in the server's terms
//   Planning    `Planner`, desired and observed -> `Plan`, and the requests that carry it out
//   Export      `ManifestExport`, observed -> manifests
//
// Does not live here: reading folders, watching, connections, time, Kubernetes. Nothing here does I/O.

/// Limits that hold for every manifest.
public enum ManifestLimits {
  /// Nested lists and mappings.
  public static let depth = 100
  /// Nodes in one file, those that aliases repeat counted each time: a file of a few bytes cannot grow without bound.
  public static let nodes = 200_000
  /// A file's size in bytes.
  public static let fileSize = 16 << 20
}
