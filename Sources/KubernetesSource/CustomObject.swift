import Bytes
import Controlling
import JSON
import Kubernetes
import Reconciliation

/// A custom resource as the API server has it: what is remembered of it between its changes. The manifest itself goes
/// to the engine.
struct CustomObject: Sendable, Equatable {
  /// The condition `Ready` as it is stored.
  struct Ready: Sendable, Equatable {
    var status: String
    var reason: String
    var message: String
    var since: String
  }

  var identity: ResourceIdentity
  var uid: String
  var resourceVersion: String
  var hasFinalizer: Bool
  var otherFinalizers: [String]
  var isDeleting: Bool
  var observedGeneration: Int64
  var ready: Ready?
  /// Conditions that others keep here.
  var otherConditions: [JSONValue]
  /// Stands for the state annotation; nil without one.
  var stateHash: Int?
  /// It is what a change of ours made, and the watch has not come to that yet.
  var isAhead = false

  /// Nil for what is no object of this kind.
  init?(_ kind: ResourceKind, _ object: JSONValue) {
    guard let metadata = object["metadata"], let name = metadata["name"]?.string, !name.isEmpty else { return nil }
    identity = ResourceIdentity(kind, namespace: metadata["namespace"]?.string ?? "default", name: name)
    uid = metadata["uid"]?.string ?? ""
    resourceVersion = metadata["resourceVersion"]?.string ?? ""
    let finalizers = metadata["finalizers"]?.array?.compactMap(\.string) ?? []
    hasFinalizer = finalizers.contains(kind.finalizer)
    otherFinalizers = finalizers.filter { $0 != kind.finalizer }
    isDeleting = metadata["deletionTimestamp"]?.string != nil
    let status = object["status"]
    observedGeneration = status?["observedGeneration"]?.int64 ?? 0
    let conditions = status?["conditions"]?.array ?? []
    otherConditions = conditions.filter { $0["type"]?.string != "Ready" }
    ready = conditions.first { $0["type"]?.string == "Ready" }.map { condition in
      Ready(
        status: condition["status"]?.string ?? "", reason: condition["reason"]?.string ?? "",
        message: condition["message"]?.string ?? "", since: condition["lastTransitionTime"]?.string ?? "")
    }
    stateHash = Self.state(kind, metadata)?.hashValue
  }

  /// What the engine gets.
  func delivered(_ object: JSONValue) -> DeliveredResource {
    var object = object
    // Objects in lists of some servers leave out what the list says already.
    if var members = object.object, members["kind"] == nil {
      members["apiVersion"] = .string(identity.kind.type.apiVersion)
      members["kind"] = .string(identity.kind.rawValue)
      object = .object(members)
    }
    let (resource, diagnostics) = ResourceReader.resource(ManifestNode(object), namespace: identity.namespace)
    var delivered = DeliveredResource(identity, resource, diagnostics: diagnostics)
    delivered.generation = object["metadata"]?["generation"]?.int64 ?? 0
    delivered.observedGeneration = observedGeneration
    delivered.isDeleting = isDeleting
    delivered.hasFinalizer = hasFinalizer
    if let text = object["metadata"].flatMap({ Self.state(identity.kind, $0) }) {
      delivered.storedAnswer = (try? JSONValue(parsing: text))?.object
    }
    return delivered
  }

  var key: ObjectKey { ObjectKey(namespace: identity.namespace, name: identity.name) }

  /// For Events about it.
  var reference: ObjectReference {
    ObjectReference(apiVersion: identity.kind.type.apiVersion, kind: identity.kind.rawValue, key: key, uid: uid)
  }

  private static func state(_ kind: ResourceKind, _ metadata: JSONValue) -> String? {
    kind.stateAnnotation.flatMap { metadata["annotations"]?[$0]?.string }
  }
}

/// What the original calls things. FEATURES 13.007, 13.012.
extension ResourceKind {
  var type: ResourceType { ResourceType(group: ResourceFields.group, version: "v1beta2", plural: plural) }

  var finalizer: String { prefix + ".nats.io/finalizer" }

  /// Nil for Accounts, which have no state.
  var stateAnnotation: String? { self == .account ? nil : prefix + ".nats.io/state" }

  private var prefix: String { self == .keyValue ? "kv" : singular }
}
