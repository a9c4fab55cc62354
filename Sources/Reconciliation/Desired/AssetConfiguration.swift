import Bytes
import JSON

/// Turns a spec into the configuration that the server is sent.
enum AssetConfiguration {
  static let bucketPrefix = "KV_"
  static let objectPrefix = "OBJ_"

  static func make(_ resource: Resource) -> (AssetIdentity, JSONObject)? {
    guard let fields = ResourceFields.fields(resource.kind, resource.version) else { return nil }
    var configuration = mapped(resource.specification, fields)
    switch resource.kind {
    case .stream:
      return (.stream(resource.text("name")), configuration)
    case .consumer:
      let name = resource.text("durableName")
      configuration["name"] = .string(name)
      if ["", "none"].contains(resource.text("priorityPolicy")) {
        for member in ["priority_policy", "priority_groups", "priority_timeout"] { configuration[member] = nil }
      } else if resource.text("priorityPolicy") != "pinned_client" {
        configuration["priority_timeout"] = nil
      }
      return (.consumer(stream: resource.text("streamName"), name: name), configuration)
    case .keyValue:
      return bucket(resource.text("bucket"), configuration)
    case .objectStore:
      return objects(resource.text("bucket"), configuration)
    case .account: return nil
    }
  }

  /// FEATURES 8.010, 8.015, and the settings that clients give a bucket.
  private static func bucket(_ name: String, _ specified: JSONObject) -> (AssetIdentity, JSONObject) {
    var configuration = specified
    let stream = bucketPrefix + name
    configuration["name"] = .string(stream)
    if (configuration["max_msgs_per_subject"]?.int64 ?? 0) <= 0 {
      configuration["max_msgs_per_subject"] = JSONValue(1)
    }
    configuration["discard"] = .string("new")
    for member in ["deny_delete", "allow_rollup_hdrs", "allow_direct"] { configuration[member] = .bool(true) }
    let marker = configuration["subject_delete_marker_ttl"]?.int64 ?? 0
    if marker > 0 {
      configuration["allow_msg_ttl"] = .bool(true)
    } else {
      configuration["subject_delete_marker_ttl"] = nil
    }
    if let mirror = configuration["mirror"]?.object {
      var mirror = mirror
      mirror["name"] = .string(prefixed(mirror["name"]?.string ?? ""))
      configuration["mirror"] = .object(mirror)
      configuration["mirror_direct"] = .bool(true)
      return (.stream(stream), configuration)
    }
    configuration["subjects"] = .array([.string("$KV.\(name).>")])
    if let sources = configuration["sources"]?.array {
      configuration["sources"] = .array(sources.map { source(of: $0, bucket: name) })
    }
    return (.stream(stream), configuration)
  }

  /// A source's keys move from its bucket's subjects to this one's.
  private static func source(of value: JSONValue, bucket: String) -> JSONValue {
    guard var origin = value.object else { return value }
    let stream = prefixed(origin["name"]?.string ?? "")
    let other = String(stream.dropFirst(bucketPrefix.count))
    origin["name"] = .string(stream)
    if origin["external"] == nil || other != bucket {
      origin["subject_transforms"] = .array([
        .object(["src": .string("$KV.\(other).>"), "dest": .string("$KV.\(bucket).>")])
      ])
    }
    return .object(origin)
  }

  private static func prefixed(_ name: String) -> String {
    name.hasPrefix(bucketPrefix) ? name : bucketPrefix + name
  }

  /// FEATURES 8.019.
  private static func objects(_ name: String, _ specified: JSONObject) -> (AssetIdentity, JSONObject) {
    var configuration = specified
    let stream = objectPrefix + name
    configuration["name"] = .string(stream)
    configuration["subjects"] = .array([.string("$O.\(name).C.>"), .string("$O.\(name).M.>")])
    configuration["discard"] = .string("new")
    for member in ["allow_rollup_hdrs", "allow_direct"] { configuration[member] = .bool(true) }
    return (.stream(stream), configuration)
  }

  // MARK: - The field table, from spec to configuration

  /// Empty values are left out: to the server they say the same.
  static func mapped(_ specification: JSONObject, _ fields: [Field]) -> JSONObject {
    var result = JSONObject()
    for field in fields {
      guard let member = field.member, let value = specification[field.name], let sent = sent(value, field) else {
        continue
      }
      let parts = member.split(separator: ".").map(String.init)
      if parts.count == 2 {
        var inner = result[parts[0]]?.object ?? JSONObject()
        inner[parts[1]] = sent
        result[parts[0]] = .object(inner)
      } else {
        result[member] = sent
      }
    }
    return result
  }

  private static func sent(_ value: JSONValue, _ field: Field) -> JSONValue? {
    switch (field.shape, value) {
    case (_, .string("")): return nil
    case (.string(let format), .string(let text)): return sent(text, format)
    case (.boolean, .bool(let flag)) where field.name == "compression": return .string(flag ? "s2" : "none")
    case (.boolean, .bool(false)): return nil
    case (.strings(let format), .array(let elements)):
      return .array(elements.compactMap { $0.string.flatMap { sent($0, format) } })
    case (.object(let fields), .object(let object)): return .object(mapped(object, fields))
    case (.objects(let fields), .array(let elements)):
      return .array(elements.map { .object(mapped($0.object ?? JSONObject(), fields)) })
    default: return value
    }
  }

  private static func sent(_ text: String, _ format: Field.Format) -> JSONValue? {
    switch format {
    case .duration: (try? GoDuration.parse(text)).map { JSONValue($0) }
    case .choice(let choices): choices.first { $0.word == text }.map { .string($0.server) }
    default: .string(text)
    }
  }
}
