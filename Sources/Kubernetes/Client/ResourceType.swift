import HTTP

/// A kind of objects as its address names it.
public struct ResourceType: Sendable, Hashable {
  /// Empty for the core group.
  public var group: String
  public var version: String
  public var plural: String

  public init(group: String, version: String, plural: String) {
    self.group = group
    self.version = version
    self.plural = plural
  }

  public static let secrets = ResourceType(group: "", version: "v1", plural: "secrets")
  public static let events = ResourceType(group: "", version: "v1", plural: "events")
  public static let leases = ResourceType(group: "coordination.k8s.io", version: "v1", plural: "leases")

  /// `v1`, `coordination.k8s.io/v1`.
  public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

  /// - Parameter namespace: nil for all namespaces, and for kinds without.
  public func path(namespace: String? = nil, name: String? = nil, subresource: String? = nil) -> String {
    var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
    if let namespace { path += "/namespaces/" + PercentEncoding.encode(namespace) }
    path += "/" + plural
    if let name { path += "/" + PercentEncoding.encode(name) }
    if let subresource { path += "/" + subresource }
    return path
  }
}

/// Names one object of a kind.
public struct ObjectKey: Sendable, Hashable, CustomStringConvertible {
  /// Empty for kinds without namespaces.
  public var namespace: String
  public var name: String

  public init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  public var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}
