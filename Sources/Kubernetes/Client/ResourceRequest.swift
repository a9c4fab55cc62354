import HTTP
import JSON

/// One request to the API server.
public struct ResourceRequest: Sendable {
  public enum Patch: Sendable {
    /// RFC 7396. With `metadata.resourceVersion` in it, only that version is changed.
    case merge
    /// Server-side apply; the fields are ours from then on. `force` takes them from others.
    case apply(manager: String, force: Bool)
  }

  /// Which objects of a kind are meant.
  public struct Selection: Sendable, Equatable {
    /// Nil for all namespaces.
    public var namespace: String?
    /// `metadata.name=x`; empty for all.
    public var fields: String
    public var labels: String

    public init(namespace: String? = nil, fields: String = "", labels: String = "") {
      self.namespace = namespace
      self.fields = fields
      self.labels = labels
    }

    var query: [(name: String, value: String)] {
      [("fieldSelector", fields), ("labelSelector", labels)].filter { !$0.1.isEmpty }
    }
  }

  var method: String
  var path: String
  var query: [(name: String, value: String)] = []
  var contentType = "application/json"
  var body: [UInt8] = []
  /// Done twice it is done: what is made under a name of its own cannot be made twice.
  private(set) var isRepeatable: Bool
  /// For the whole request; nil for watches.
  public var timeoutNanoseconds: Int64? = 30_000_000_000
  /// Sent at once, whatever else waits.
  var isUrgent = false
  /// Attempts when the server cannot answer now (`RequestRetry`); 1 for none but the first.
  public var attempts = 5

  init(_ method: String, _ path: String) {
    self.method = method
    self.path = path
    isRepeatable = method != "POST"
  }

  public static func get(_ type: ResourceType, _ key: ObjectKey) -> ResourceRequest {
    ResourceRequest("GET", path(type, key))
  }

  /// The server names the object when it has `generateName` only.
  public static func create(_ type: ResourceType, namespace: String, _ object: JSONValue) -> ResourceRequest {
    var request = ResourceRequest("POST", type.path(namespace: namespace.isEmpty ? nil : namespace))
    request.isRepeatable = object["metadata"]?["name"]?.string != nil
    request.body = object.json(escapesHTML: false)
    return request
  }

  /// Replaces the object; its `metadata.resourceVersion` must be the current one.
  public static func update(
    _ type: ResourceType, _ key: ObjectKey, subresource: String? = nil, _ object: JSONValue
  ) -> ResourceRequest {
    var request = ResourceRequest("PUT", path(type, key, subresource))
    request.body = object.json(escapesHTML: false)
    return request
  }

  public static func patch(
    _ type: ResourceType, _ key: ObjectKey, subresource: String? = nil, as kind: Patch = .merge, _ patch: JSONValue
  ) -> ResourceRequest {
    var request = ResourceRequest("PATCH", path(type, key, subresource))
    request.body = patch.json(escapesHTML: false)
    switch kind {
    case .merge: request.contentType = "application/merge-patch+json"
    case .apply(let manager, let force):
      // JSON is YAML, and this is the only type that every version takes for apply.
      request.contentType = "application/apply-patch+yaml"
      request.query = [("fieldManager", manager), ("force", String(force))]
    }
    return request
  }

  /// - Parameter uid: deletes that very object only, not a later one of the name.
  public static func delete(_ type: ResourceType, _ key: ObjectKey, uid: String? = nil) -> ResourceRequest {
    var request = ResourceRequest("DELETE", path(type, key))
    if let uid {
      let options: JSONObject = [
        "kind": .string("DeleteOptions"), "apiVersion": .string("v1"),
        "preconditions": .object(["uid": .string(uid)]),
      ]
      request.body = JSONValue.object(options).json()
    }
    return request
  }

  /// One page of a list.
  ///
  /// - Parameters:
  ///   - limit: objects at most; 0 for all of them in one answer.
  ///   - continuation: where the page before said to go on; empty for the first page.
  public static func list(
    _ type: ResourceType, _ selection: Selection, limit: Int, continuation: String = ""
  ) -> ResourceRequest {
    var request = ResourceRequest("GET", type.path(namespace: selection.namespace))
    request.query = selection.query
    if limit > 0 { request.query.append(("limit", String(limit))) }
    if !continuation.isEmpty { request.query.append(("continue", continuation)) }
    request.attempts = 1
    return request
  }

  /// The changes after a version, with bookmarks.
  public static func watch(
    _ type: ResourceType, _ selection: Selection, after resourceVersion: String, seconds: Int
  ) -> ResourceRequest {
    var request = ResourceRequest("GET", type.path(namespace: selection.namespace))
    request.query =
      selection.query + [
        ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", resourceVersion),
        ("timeoutSeconds", String(seconds)),
      ]
    request.timeoutNanoseconds = nil
    request.attempts = 1
    request.isUrgent = true
    return request
  }

  private static func path(_ type: ResourceType, _ key: ObjectKey, _ subresource: String? = nil) -> String {
    type.path(namespace: key.namespace.isEmpty ? nil : key.namespace, name: key.name, subresource: subresource)
  }

  /// The target behind the server's prefix.
  var target: String {
    guard !query.isEmpty else { return path }
    let pairs = query.map { PercentEncoding.encode($0.name) + "=" + PercentEncoding.encode($0.value) }
    return path + "?" + pairs.joined(separator: "&")
  }
}
