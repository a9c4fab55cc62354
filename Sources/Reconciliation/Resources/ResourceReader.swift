import Bytes
import JSON

/// Makes resources of manifests.
public enum ResourceReader {
  /// The resources of a file. Files of other API groups are passed over in silence: a folder may
  /// hold a whole deployment. Resources with an error are left out, the others stand.
  public static func read(
    _ bytes: [UInt8], file: String, namespace: String = "default"
  ) -> (resources: [Resource], diagnostics: [Diagnostic]) {
    var (manifests, diagnostics) = ManifestReader.manifests(bytes, file: file)
    var resources: [Resource] = []
    for manifest in manifests {
      let (resource, found) = resource(manifest, namespace: namespace)
      diagnostics += found
      if let resource { resources.append(resource) }
    }
    return (resources, diagnostics)
  }

  /// One manifest. Nil with errors, or for a manifest of another group.
  public static func resource(
    _ node: ManifestNode, namespace: String = "default"
  ) -> (resource: Resource?, diagnostics: [Diagnostic]) {
    var reader = FieldReader()
    guard case .mapping = node.value else {
      reader.report(node, "", "a manifest must be an object, is \(node.kindName)")
      return (nil, reader.diagnostics)
    }
    guard let version = node["apiVersion"]?.string else {
      reader.report(node["apiVersion"] ?? node, "apiVersion", "is missing")
      return (nil, reader.diagnostics)
    }
    let parts = version.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.first.map(String.init) == ResourceFields.group, parts.count == 2 else { return (nil, []) }
    guard let known = ResourceVersion(rawValue: String(parts[1])) else {
      reader.report(node["apiVersion"]!, "apiVersion", "unknown version \(parts[1]); right would be v1beta2")
      return (nil, reader.diagnostics)
    }
    guard let kind = node["kind"]?.string.flatMap(ResourceKind.init(rawValue:)),
      let fields = ResourceFields.fields(kind, known)
    else {
      let named = node["kind"]?.string.map { "\($0) is not a kind of \(version)" } ?? "is missing"
      reader.report(node["kind"] ?? node, "kind", named)
      return (nil, reader.diagnostics)
    }
    for case let member in members(node)
    where !["apiVersion", "kind", "metadata", "spec", "status"].contains(member.key) {
      reader.diagnostics.append(Diagnostic(at: member.keyPosition, path: member.key, "unknown field"))
    }
    let name = node["metadata"]?["name"]?.string ?? ""
    if name.isEmpty { reader.report(node["metadata"] ?? node, "metadata.name", "is missing") }
    let specification: JSONObject
    if let spec = node["spec"], !spec.isNull {
      specification = reader.object(spec, fields, path: "spec")
    } else {
      reader.report(node, "spec", "is missing")
      specification = JSONObject()
    }
    let resource = Resource(
      kind: kind, version: known, name: name, namespace: node["metadata"]?["namespace"]?.string ?? namespace,
      specification: specification, position: node.position)
    if !reader.hasErrors, let spec = node["spec"] {
      reader.diagnostics += CrossFieldRules.check(resource, spec)
    }
    return (reader.hasErrors ? nil : resource, reader.diagnostics)
  }

  private static func members(_ node: ManifestNode) -> [ManifestNode.Member] {
    if case .mapping(let members) = node.value { members } else { [] }
  }
}

extension FieldReader {
  var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// Rules that no single field can tell: what the server or the original's mapping would refuse.
enum CrossFieldRules {
  static func check(_ resource: Resource, _ spec: ManifestNode) -> [Diagnostic] {
    var rules = Rules(resource: resource, spec: spec)
    switch resource.kind {
    case .stream: rules.stream()
    case .consumer: rules.consumer()
    case .keyValue: rules.keyValue()
    case .objectStore: rules.bucketName()
    case .account: break
    }
    return rules.diagnostics
  }

  private struct Rules {
    let resource: Resource
    let spec: ManifestNode
    var diagnostics: [Diagnostic] = []

    func has(_ field: String) -> Bool {
      switch resource.specification[field] {
      case nil, .null: false
      case .bool(let flag): flag
      case .number(let text): text != "0"
      case .string(let text): !text.isEmpty
      case .array(let elements): !elements.isEmpty
      case .object(let object): !object.members.isEmpty
      }
    }

    mutating func refuse(_ field: String, _ message: String, _ severity: Diagnostic.Severity = .error) {
      let position = spec[field]?.position ?? spec.position
      diagnostics.append(Diagnostic(severity, at: position, path: "spec.\(field)", message))
    }

    /// FEATURES 5.012, 5.018, 5.019, 5.028, 5.035.
    mutating func stream() {
      if has("mirror") {
        for field in ["subjects", "sources", "firstSequence", "allowMsgCounter", "allowAtomicPublish", "allowBatched"]
        where has(field) {
          refuse(field, "cannot go with mirror")
        }
      }
      for field in ["mirror", "sources"] where has("allowMsgSchedules") && has(field) {
        refuse(field, "cannot go with allowMsgSchedules")
      }
      if has("allowRollup"), has("denyPurge") { refuse("allowRollup", "cannot go with denyPurge") }
      if has("discardPerSubject") {
        if resource.text("discard") != "new" { refuse("discardPerSubject", "needs discard: new") }
        if !has("maxMsgsPerSubject") { refuse("discardPerSubject", "needs maxMsgsPerSubject") }
      }
      if !["", "default", "async"].contains(resource.text("persistMode")) {
        refuse("persistMode", "must be default or async")
      }
      origins()
    }

    /// FEATURES 5.049, 5.050.
    mutating func origins() {
      let mirror = resource.specification["mirror"].map { [("mirror", $0)] } ?? []
      let sources = (resource.specification["sources"]?.array ?? []).enumerated().map { ("sources[\($0)]", $1) }
      for (name, origin) in mirror + sources {
        if let sequence = origin["optStartSeq"]?.int64, sequence > 0, origin["optStartTime"]?.string?.isEmpty == false {
          refuse(name, "cannot have both optStartSeq and optStartTime")
        }
        if origin["filterSubject"]?.string?.isEmpty == false, origin["subjectTransforms"]?.array?.isEmpty == false {
          refuse(name, "cannot have both filterSubject and subjectTransforms")
        }
      }
    }

    /// FEATURES 6.004, 6.007, 6.009, 6.081 and the original's own checks.
    mutating func consumer() {
      let stream = resource.text("streamName")
      if let problem = stream.isEmpty ? "must not be empty" : AssetName.problem(stream) {
        refuse("streamName", problem)
      }
      if has("filterSubject"), has("filterSubjects") { refuse("filterSubjects", "cannot go with filterSubject") }
      switch resource.text("deliverPolicy") {
      case "byStartSequence" where !has("optStartSeq"): refuse("deliverPolicy", "needs optStartSeq")
      case "byStartTime" where !has("optStartTime"): refuse("deliverPolicy", "needs optStartTime")
      default: break
      }
      let policy = resource.text("priorityPolicy")
      if !["", "none", "pinned_client", "overflow", "prioritized"].contains(policy) {
        refuse("priorityPolicy", "must be one of pinned_client, overflow, prioritized, none")
      } else if !["", "none"].contains(policy), !has("priorityGroups") {
        refuse("priorityPolicy", "needs priorityGroups")
      }
      let attempts = resource.specification["maxDeliver"]?.int64 ?? 0
      if let waits = resource.specification["backoff"]?.array, attempts > 0, attempts < waits.count {
        refuse("maxDeliver", "must be at least the number of backoff entries, \(waits.count)")
      }
      if !has("deliverSubject") {
        for field in ["deliverGroup", "flowControl", "heartbeatInterval", "rateLimitBps"] where has(field) {
          refuse(field, "needs deliverSubject")
        }
      }
      // The definition's default redelivers at once (FEATURES 13.027): kept, but said.
      if resource.text("ackPolicy") != "none", resource.text("ackWait") == "1ns", !has("backoff") {
        refuse("ackWait", "1ns, the default, redelivers every message at once; set it, to 30s for example", .warning)
      }
    }

    mutating func keyValue() {
      bucketName()
      let history = resource.specification["history"]?.int64 ?? 0
      if !(0...64).contains(history) { refuse("history", "must be 0 to 64, is \(history)") }
      origins()
    }

    mutating func bucketName() {
      let bucket = resource.text("bucket")
      let isValid = bucket.utf8.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45 || byte == 95
      }
      if bucket.isEmpty || !isValid {
        refuse("bucket", "must be letters, digits, '-' and '_', is \(GoString.quote(bucket))")
      }
    }
  }
}
