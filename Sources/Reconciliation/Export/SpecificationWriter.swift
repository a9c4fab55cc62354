import Bytes
import JSON

/// From the server's configuration back to a spec, by the field table.
///
/// A field is written when leaving it out would say something else: the table's defaults (storage in memory, ackWait
/// 1ns) are not the server's.
struct SpecificationWriter {
  let now: Timestamp

  func specification(_ configuration: JSONObject, of kind: ResourceKind) -> JSONObject {
    var configuration = configuration
    configuration["metadata"] = metadata(configuration["metadata"])
    if let pause = configuration["pause_until"]?.string, let until = try? RFC3339.parse(pause), until <= now {
      configuration["pause_until"] = nil
    }
    for (member, word) in [("priority_policy", "none"), ("persist_mode", "default"), ("compression", "none")]
    where configuration[member]?.string == word {
      configuration[member] = nil
    }
    return specification(configuration, ResourceFields.fields(kind) ?? [])
  }

  /// Without marks: they are written anew by whoever owns the asset then.
  private func metadata(_ value: JSONValue?) -> JSONValue? {
    var kept = JSONObject()
    kept.members = (value?.object?.members ?? []).filter {
      !$0.key.hasPrefix("_nats.") && !Ownership.isOwnershipKey($0.key)
    }
    return kept.members.isEmpty ? nil : .object(kept)
  }

  private func specification(_ configuration: JSONObject, _ fields: [Field]) -> JSONObject {
    var result = JSONObject()
    for field in fields {
      guard let member = field.member else { continue }
      let parts = member.split(separator: ".").map(String.init)
      let value = parts.count == 2 ? configuration[parts[0]]?[parts[1]] : configuration[member]
      let implied = AssetConfiguration.mapped(JSONObject.defaults(of: field), [field])[parts[0]]
      if let written = written(value, field, implied: implied) { result[field.name] = written }
    }
    return result
  }

  private static let limits: Set<String> = [
    "max_consumers", "max_msgs", "max_bytes", "max_msgs_per_subject", "max_msg_size", "max_deliver",
  ]

  private func written(_ value: JSONValue?, _ field: Field, implied: JSONValue?) -> JSONValue? {
    let value = value.flatMap { isEmpty($0) ? nil : $0 }
    let usual = implied.flatMap { isEmpty($0) ? nil : $0 }
    if value == usual { return nil }
    if Self.limits.contains(field.member ?? ""), (value?.int64 ?? 0) <= 0, (usual?.int64 ?? 0) <= 0 { return nil }
    guard let value else { return nothing(field) }
    return specified(value, field)
  }

  private func isEmpty(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .bool(false), .string(""): true
    case .number(let text): text == "0"
    case .array(let elements): elements.isEmpty
    case .object(let object): object.members.isEmpty
    default: false
    }
  }

  /// Says that nothing is set, where a default would set something; nil where that cannot be said.
  private func nothing(_ field: Field) -> JSONValue? {
    switch field.shape {
    case .string(.choice(let choices)): choices.contains { $0.word.isEmpty } ? .string("") : nil
    case .integer where (field.minimum ?? 0) > 0: nil
    case .string: .string("")
    case .integer, .number: JSONValue(0)
    case .boolean: .bool(false)
    case .strings, .objects: .array([])
    case .object, .map: .object(JSONObject())
    }
  }

  private func specified(_ value: JSONValue, _ field: Field) -> JSONValue? {
    switch (field.shape, value) {
    case (.string(.duration), _): value.int64.map { .string(GoDuration.string(nanoseconds: $0)) }
    case (.string(.choice(let choices)), .string(let text)):
      .string(choices.first { $0.server == text }?.word ?? text)
    // A bucket's compression is a switch.
    case (.boolean, .string(let text)): text == "none" ? nil : .bool(true)
    case (.strings(.duration), .array(let elements)):
      .array(elements.compactMap(\.int64).map { .string(GoDuration.string(nanoseconds: $0)) })
    case (.object(let fields), .object(let object)):
      .object(specification(object, fields))
    case (.objects(let fields), .array(let elements)):
      .array(elements.map { .object(specification($0.object ?? JSONObject(), fields)) })
    default: value
    }
  }
}

extension JSONObject {
  /// A spec that has this field at its default, or not at all.
  fileprivate static func defaults(of field: Field) -> JSONObject {
    guard let value = field.defaultValue else { return JSONObject() }
    return [field.name: value]
  }
}
