import JSON

/// Prints the custom resource definition of a kind from the field table: structural, without rules that Kubernetes 1.20
/// does not know. `deploy/crds` holds what this prints. FEATURES 13.001, 13.2.
public struct ResourceDefinition {
  private var lines: [String] = []

  /// The definition as a YAML document.
  public static func yaml(_ kind: ResourceKind) -> String {
    var definition = ResourceDefinition()
    definition.write(kind)
    return definition.lines.joined(separator: "\n") + "\n"
  }

  private mutating func write(_ kind: ResourceKind) {
    line(0, "apiVersion: apiextensions.k8s.io/v1")
    line(0, "kind: CustomResourceDefinition")
    line(0, "metadata:")
    line(1, "name: \(kind.plural).\(ResourceFields.group)")
    line(0, "spec:")
    line(1, "group: \(ResourceFields.group)")
    line(1, "scope: Namespaced")
    line(1, "names:")
    line(2, "kind: \(kind.rawValue)")
    line(2, "listKind: \(kind.rawValue)List")
    line(2, "singular: \(kind.singular)")
    line(2, "plural: \(kind.plural)")
    if kind == .keyValue {
      line(2, "shortNames:")
      line(2, "- kv")
    }
    line(1, "versions:")
    for version in [ResourceVersion.beta2, .beta1] {
      if let fields = ResourceFields.fields(kind, version) { write(kind, version, fields) }
    }
  }

  private mutating func write(_ kind: ResourceKind, _ version: ResourceVersion, _ fields: [Field]) {
    line(1, "- name: \(version.rawValue)")
    line(2, "served: \(version == .beta2)")
    line(2, "storage: \(version == .beta2)")
    line(2, "subresources:")
    line(3, "status: {}")
    line(2, "schema:")
    line(3, "openAPIV3Schema:")
    line(4, "type: object")
    line(4, "properties:")
    line(5, "spec:")
    line(6, "type: object")
    write(fields, at: 6)
    status()
    let columns = Self.columns(kind)
    guard !columns.isEmpty else { return }
    line(2, "additionalPrinterColumns:")
    for column in columns {
      line(2, "- name: \(column.name)")
      line(3, "type: string")
      line(3, "jsonPath: \(column.path)")
    }
  }

  /// FEATURES 13.2.1-13.2.5.
  private static func columns(_ kind: ResourceKind) -> [(name: String, path: String)] {
    let state = ("State", ".status.conditions[?(@.type == 'Ready')].reason")
    return switch kind {
    case .stream: [state, ("Stream Name", ".spec.name"), ("Subjects", ".spec.subjects")]
    case .consumer:
      [
        state, ("Stream", ".spec.streamName"), ("Consumer", ".spec.durableName"), ("Ack Policy", ".spec.ackPolicy"),
      ]
    case .keyValue: [state, ("KV Store Name", ".spec.bucket")]
    case .objectStore: [state, ("Object Store Name", ".spec.bucket")]
    case .account: []
    }
  }

  private mutating func write(_ fields: [Field], at depth: Int) {
    line(depth, "properties:")
    for field in fields {
      line(depth + 1, "\(field.name):")
      line(depth + 2, "description: \(Self.quoted(field.summary))")
      write(field, at: depth + 2)
    }
  }

  private mutating func write(_ field: Field, at depth: Int) {
    switch field.shape {
    case .string(let format):
      line(depth, "type: string")
      write(format, at: depth)
      if let length = field.minimumLength { line(depth, "minLength: \(length)") }
    case .integer: line(depth, "type: integer")
    case .number: line(depth, "type: number")
    case .boolean: line(depth, "type: boolean")
    case .strings(let format):
      line(depth, "type: array")
      line(depth, "items:")
      line(depth + 1, "type: string")
      write(format, at: depth + 1)
      if let length = field.minimumLength { line(depth + 1, "minLength: \(length)") }
    case .object(let fields):
      line(depth, "type: object")
      write(fields, at: depth)
    case .objects(let fields):
      line(depth, "type: array")
      line(depth, "items:")
      line(depth + 1, "type: object")
      write(fields, at: depth + 1)
    case .map:
      line(depth, "type: object")
      line(depth, "additionalProperties:")
      line(depth + 1, "type: string")
    }
    // The original's schema has no bound on the first sequence.
    if let minimum = field.minimum, field.name != "firstSequence" { line(depth, "minimum: \(minimum)") }
    if let maximum = field.maximum { line(depth, "maximum: \(maximum)") }
    // An empty text as a default says nothing, and API servers are known that take it for null and refuse it.
    if let value = field.defaultValue, value != .string("") { line(depth, "default: \(Self.text(value))") }
  }

  private mutating func write(_ format: Field.Format, at depth: Int) {
    switch format {
    case .choice(let choices):
      line(depth, "enum:")
      for choice in choices { line(depth, "- \(Self.quoted(choice.word))") }
    case .name: line(depth, "pattern: '^[^.*>]*$'")
    case .filledName: line(depth, "pattern: '^[^.*>]+$'")
    case .plain, .duration, .time, .percentage: break
    }
  }

  /// FEATURES 13.003.
  private mutating func status() {
    line(5, "status:")
    line(6, "type: object")
    line(6, "properties:")
    line(7, "observedGeneration:")
    line(8, "type: integer")
    line(7, "conditions:")
    line(8, "type: array")
    line(8, "items:")
    line(9, "type: object")
    line(9, "properties:")
    for name in ["type", "status", "lastTransitionTime", "reason", "message"] {
      line(10, "\(name):")
      line(11, "type: string")
    }
  }

  private static func text(_ value: JSONValue) -> String {
    if let text = value.string { return quoted(text) }
    return String(decoding: value.json(), as: UTF8.self)
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }

  private mutating func line(_ depth: Int, _ text: String) {
    lines.append(String(repeating: "  ", count: depth) + text)
  }
}
