import Bytes
import JSON

/// Manifests for what a server has: reading them back gives a plan without changes.
///
/// Streams that are laid out as clients lay out buckets become KeyValue and ObjectStore. Left out are consumers without
/// a durable name, which come and go, and what only the server may set.
public struct ManifestExport: Sendable {
  public struct Manifest: Sendable {
    public var kind: ResourceKind
    public var name: String
    public var specification: JSONObject
  }

  public private(set) var manifests: [Manifest] = []
  /// What is left out, and what manifests cannot say.
  public private(set) var notes: [String] = []
  private let namespace: String?
  private var names: Set<String> = []

  /// - Parameters:
  ///   - namespace: written into the manifests; nil for none.
  ///   - now: pauses that are over are left out.
  public init(_ observed: ObservedState, namespace: String? = nil, now: Timestamp) {
    self.namespace = namespace
    let identities = observed.configurations.keys.sorted { $0.description < $1.description }
    for identity in identities where identity.isStream { addStream(identity, observed, now) }
    for identity in identities where !identity.isStream { addConsumer(identity, observed, now) }
  }

  // MARK: - Assets

  private mutating func addStream(_ identity: AssetIdentity, _ observed: ObservedState, _ now: Timestamp) {
    guard let configuration = observed.configurations[identity] else { return }
    let name = identity.stream
    let buckets: [(ResourceKind, String)] = [
      (.keyValue, AssetConfiguration.bucketPrefix), (.objectStore, AssetConfiguration.objectPrefix),
    ]
    for (kind, prefix) in buckets where name.hasPrefix(prefix) && name.utf8.count > prefix.utf8.count {
      let bucket = String(name.dropFirst(prefix.utf8.count))
      var specification: JSONObject = ["bucket": .string(bucket)]
      specification.members += SpecificationWriter(now: now).specification(configuration, of: kind).members
      Self.simplify(&specification, prefix)
      let manifest = Manifest(kind: kind, name: resourceName(bucket), specification: specification)
      if differences(manifest, identity, observed, now) == [] { return add(manifest) }
    }
    let specification = SpecificationWriter(now: now).specification(configuration, of: .stream)
    let manifest = Manifest(kind: .stream, name: resourceName(name), specification: specification)
    note(manifest, identity, observed, now)
    add(manifest)
  }

  private mutating func addConsumer(_ identity: AssetIdentity, _ observed: ObservedState, _ now: Timestamp) {
    guard let configuration = observed.configurations[identity], case .consumer(let stream, let name) = identity else {
      return
    }
    guard configuration["durable_name"]?.string?.isEmpty == false else {
      return notes.append("\(identity) is left out: it is not durable")
    }
    var specification: JSONObject = ["streamName": .string(stream)]
    specification.members += SpecificationWriter(now: now).specification(configuration, of: .consumer).members
    let manifest = Manifest(kind: .consumer, name: resourceName("\(stream)-\(name)"), specification: specification)
    note(manifest, identity, observed, now)
    add(manifest)
  }

  /// The layout of a bucket says the same anew.
  private static func simplify(_ specification: inout JSONObject, _ prefix: String) {
    func bucket(_ value: JSONValue) -> JSONValue {
      guard var origin = value.object else { return value }
      if let name = origin["name"]?.string, name.hasPrefix(prefix) {
        origin["name"] = .string(String(name.dropFirst(prefix.utf8.count)))
      }
      origin["subjectTransforms"] = nil
      return .object(origin)
    }
    if let mirror = specification["mirror"] { specification["mirror"] = bucket(mirror) }
    if let sources = specification["sources"]?.array {
      specification["sources"] = .array(sources.map { bucket($0) })
    }
  }

  private mutating func add(_ manifest: Manifest) {
    names.insert("\(manifest.kind.rawValue)/\(manifest.name)")
    manifests.append(manifest)
  }

  private mutating func note(
    _ manifest: Manifest, _ identity: AssetIdentity, _ observed: ObservedState, _ now: Timestamp
  ) {
    guard let left = differences(manifest, identity, observed, now) else {
      return notes.append("\(identity): the manifest would not be accepted")
    }
    if !left.isEmpty {
      notes.append("\(identity): a manifest cannot say all of it: \(left.joined(separator: ", "))")
    }
  }

  /// What a plan with the manifest would change; nil for a manifest that cannot be used.
  private func differences(
    _ manifest: Manifest, _ identity: AssetIdentity, _ observed: ObservedState, _ now: Timestamp
  ) -> [String]? {
    guard let resource = ResourceReader.resource(ManifestNode(document(manifest))).resource else { return nil }
    var desired = DesiredState()
    _ = desired.insert(resource)
    guard desired.assets[identity] != nil else { return nil }
    var there = ObservedState()
    for known in [identity, .stream(identity.stream)] { there.configurations[known] = observed.configurations[known] }
    switch Planner(now: now).plan(desired: desired, observed: there).steps.first?.outcome {
    case .update(let changes), .refused(_, let changes, _): return changes.map(\.description)
    default: return []
    }
  }

  // MARK: - Names

  /// A name that Kubernetes takes (RFC 1123), and that no other manifest of the kind has.
  private func resourceName(_ asset: String) -> String {
    let characters = asset.lowercased().utf8.map { byte in
      (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) ? byte : UInt8(ascii: "-")
    }
    var trimmed = characters.drop { $0 == UInt8(ascii: "-") }.prefix(200)
    while trimmed.last == UInt8(ascii: "-") { trimmed.removeLast() }
    let base = trimmed.isEmpty ? "asset" : String(decoding: trimmed, as: UTF8.self)
    let isTaken = { (name: String) in ResourceKind.allCases.contains { names.contains("\($0.rawValue)/\(name)") } }
    guard isTaken(base) else { return base }
    return (2...).lazy.map { "\(base)-\($0)" }.first { !isTaken($0) } ?? base
  }

  // MARK: - Text

  private func document(_ manifest: Manifest) -> JSONValue {
    var metadata: JSONObject = ["name": .string(manifest.name)]
    if let namespace { metadata["namespace"] = .string(namespace) }
    return .object([
      "apiVersion": .string("\(ResourceFields.group)/\(ResourceVersion.beta2.rawValue)"),
      "kind": .string(manifest.kind.rawValue), "metadata": .object(metadata), "spec": .object(manifest.specification),
    ])
  }

  /// A YAML document for each.
  public var yaml: String {
    manifests.map { YAMLText.document(document($0)) }.joined(separator: "---\n")
  }

  /// One `List` of all.
  public var json: String {
    let list: JSONValue = .object([
      "apiVersion": .string("v1"), "kind": .string("List"), "items": .array(manifests.map(document)),
    ])
    return String(decoding: list.json(style: .pretty, escapesHTML: false), as: UTF8.self) + "\n"
  }
}
