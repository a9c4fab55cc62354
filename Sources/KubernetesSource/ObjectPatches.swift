import Bytes
import Controlling
import JSON
import Kubernetes
import Reconciliation

/// The changes that are made to custom resources, as merge patches. Each names the object's uid: a new object of an old
/// one's name is left alone.
extension CustomObject {
  /// Nil when the finalizer is as it is wanted. The list is replaced as a whole, so the version must be the current one.
  func finalizerPatch(_ isPresent: Bool) -> JSONValue? {
    guard hasFinalizer != isPresent else { return nil }
    let wanted = otherFinalizers + (isPresent ? [identity.kind.finalizer] : [])
    return .object([
      "metadata": .object([
        "uid": .string(uid), "resourceVersion": .string(resourceVersion),
        "finalizers": .array(wanted.map { .string($0) }),
      ])
    ])
  }

  /// Keeps the server's configuration; nil when it is kept already, and for kinds without.
  func statePatch(_ answer: JSONObject) -> JSONValue? {
    guard let annotation = identity.kind.stateAnnotation else { return nil }
    let kept = Self.withoutServer(answer)
    let text = String(decoding: JSONValue.object(kept).json(escapesHTML: false), as: UTF8.self)
    guard text.hashValue != stateHash else { return nil }
    return .object([
      "metadata": .object(["uid": .string(uid), "annotations": .object([annotation: .string(text)])])
    ])
  }

  /// Without what says which server answered: some answers have it and some do not, and an upgrade is no change.
  private static func withoutServer(_ answer: JSONObject) -> JSONObject {
    guard var metadata = answer["metadata"]?.object else { return answer }
    for name in ["_nats.ver", "_nats.level"] { metadata[name] = nil }
    var kept = answer
    kept["metadata"] = .object(metadata)
    return kept
  }

  /// Nil when the status says so already.
  ///
  /// Only a success moves `observedGeneration`, as in the original: a controller that takes over knows by it what was
  /// brought about.
  func statusPatch(_ status: ResourceStatus, now: Timestamp) -> JSONValue? {
    let generation = status.reason == .ready ? status.observedGeneration : observedGeneration
    if let ready, ready.status == status.condition, ready.reason == status.reason.rawValue,
      ready.message == status.message, generation == observedGeneration
    {
      return nil
    }
    // The time of the change of the status itself, not of its reason.
    let since = ready?.status == status.condition ? ready?.since ?? "" : ""
    let condition: JSONObject = [
      "type": .string("Ready"), "status": .string(status.condition), "reason": .string(status.reason.rawValue),
      "message": .string(status.message),
      "lastTransitionTime": .string(since.isEmpty ? RFC3339.string(now) : since),
    ]
    var members: JSONObject = ["conditions": .array(otherConditions + [.object(condition)])]
    if generation > 0 { members["observedGeneration"] = JSONValue(generation) }
    return .object(["metadata": .object(["uid": .string(uid)]), "status": .object(members)])
  }
}

extension ObjectEvent {
  init(_ object: CustomObject, _ event: ResourceEvent) {
    self.init(
      object.reference, event.severity == .warning ? .warning : .normal, reason: event.reason.rawValue,
      message: event.message)
  }
}
