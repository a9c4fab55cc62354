import Bytes
import JSON

/// Checks a spec against the field table and fills in defaults; reports everything at once.
struct FieldReader {
  var diagnostics: [Diagnostic] = []

  mutating func object(_ node: ManifestNode, _ fields: [Field], path: String) -> JSONObject {
    guard case .mapping(let members) = node.value else {
      report(node, path, "must be an object, is \(node.kindName)")
      return JSONObject()
    }
    for member in members where !fields.contains(where: { $0.name == member.key }) {
      let near = fields.first { $0.name.lowercased() == member.key.lowercased() }
      let hint = near.map { "; did you mean \($0.name)?" } ?? ""
      diagnostics.append(
        Diagnostic(
          at: member.keyPosition ?? member.value.position, path: "\(path).\(member.key)", "unknown field\(hint)"))
    }
    var result = JSONObject()
    for field in fields {
      let place = "\(path).\(field.name)"
      let value = node[field.name].flatMap { $0.isNull ? nil : $0 }
      if let value, let read = read(value, field, path: place) {
        result[field.name] = read
      } else if let defaultValue = field.defaultValue {
        result[field.name] = defaultValue
      }
      if value == nil, field.isRequired { report(node, place, "is missing") }
    }
    return result
  }

  private mutating func read(_ node: ManifestNode, _ field: Field, path: String) -> JSONValue? {
    switch (field.shape, node.value) {
    case (.string(let format), .string(let text)):
      return check(text, field, format, node, path) ? .string(text) : nil
    case (.integer, .number(let text)), (.number, .number(let text)):
      return integer(text, field, node, path)
    case (.boolean, .boolean(let flag)): return .bool(flag)
    case (.boolean, .string(let text)) where ["yes", "on"].contains(text.lowercased()): return .bool(true)
    case (.boolean, .string(let text)) where ["no", "off"].contains(text.lowercased()): return .bool(false)
    case (.strings(let format), .list(let elements)): return strings(elements, field, format, path)
    case (.object(let fields), .mapping): return .object(object(node, fields, path: path))
    case (.objects(let fields), .list(let elements)):
      return .array(elements.enumerated().map { .object(object($1, fields, path: "\(path)[\($0)]")) })
    case (.map, .mapping(let members)): return map(members, path)
    default:
      report(node, path, "must be \(field.shape.article), is \(node.kindName)\(quotingHint(field, node))")
      return nil
    }
  }

  private func quotingHint(_ field: Field, _ node: ManifestNode) -> String {
    switch (field.shape, node.value) {
    case (.string, .number), (.string, .boolean): "; put it in quotes"
    default: ""
    }
  }

  private mutating func integer(_ text: String, _ field: Field, _ node: ManifestNode, _ path: String) -> JSONValue? {
    let value = JSONValue.number(text)
    // 1e3 and 5.0 are whole numbers too.
    let whole = value.int64 ?? value.double.flatMap { Int64(exactly: $0) }
    guard let whole else {
      report(node, path, "must be a whole number of 64 bits, is \(text)")
      return nil
    }
    if let minimum = field.minimum, whole < minimum { report(node, path, "must be at least \(minimum), is \(whole)") }
    if let maximum = field.maximum, whole > maximum { report(node, path, "must be at most \(maximum), is \(whole)") }
    return JSONValue(whole)
  }

  private mutating func strings(
    _ elements: [ManifestNode], _ field: Field, _ format: Field.Format, _ path: String
  ) -> JSONValue {
    var texts: [JSONValue] = []
    for (index, element) in elements.enumerated() {
      let place = "\(path)[\(index)]"
      guard let text = element.string else {
        report(element, place, "must be a string, is \(element.kindName)")
        continue
      }
      if check(text, field, format, element, place) { texts.append(.string(text)) }
    }
    return .array(texts)
  }

  private mutating func map(_ members: [ManifestNode.Member], _ path: String) -> JSONValue {
    var result = JSONObject()
    for member in members {
      guard let text = member.value.string else {
        report(member.value, "\(path).\(member.key)", "must be a string, is \(member.value.kindName); put it in quotes")
        continue
      }
      result[member.key] = .string(text)
    }
    return .object(result)
  }

  private mutating func check(
    _ text: String, _ field: Field, _ format: Field.Format, _ node: ManifestNode, _ path: String
  ) -> Bool {
    let before = diagnostics.count
    if let length = field.minimumLength, text.utf8.count < length { report(node, path, "must not be empty") }
    switch format {
    case .plain: break
    case .duration:
      guard !text.isEmpty else { break }
      do throws(GoDuration.ParseError) {
        if try GoDuration.parse(text) < 0 { report(node, path, "must not be negative, is \(text)") }
      } catch {
        report(node, path, "\(error.description); right would be 30s, 5m or 24h")
      }
    case .time:
      guard !text.isEmpty else { break }
      if (try? RFC3339.parse(text)) == nil {
        report(node, path, "not a time: \(GoString.quote(text)); right would be 2026-01-31T12:00:00Z")
      }
    case .choice(let choices):
      guard !choices.contains(where: { $0.word == text }) else { break }
      let words = choices.map { $0.word.isEmpty ? "\"\"" : $0.word }.joined(separator: ", ")
      report(node, path, "must be one of \(words), is \(GoString.quote(text))")
    case .name, .filledName:
      if let problem = AssetName.problem(text) { report(node, path, problem) }
    case .percentage:
      guard !text.isEmpty else { break }
      let digits = text.hasSuffix("%") ? text.dropLast() : text[...]
      if Int(digits).map({ (0...100).contains($0) }) != true {
        report(node, path, "must be a percentage of 0 to 100, is \(GoString.quote(text))")
      }
    }
    return diagnostics.count == before
  }

  mutating func report(_ node: ManifestNode, _ path: String, _ message: String) {
    diagnostics.append(Diagnostic(at: node.position, path: path, message))
  }
}

/// What streams and consumers may be called, as far as subjects go: the rest is the server's to say.
enum AssetName {
  /// Nil for a name that can be a word of a subject, and for none.
  static func problem(_ name: String) -> String? {
    if name.contains(where: { ".*>".contains($0) }) {
      return "must not contain '.', '*' or '>', is \(GoString.quote(name))"
    }
    guard name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      return "must not contain white space or control characters, is \(GoString.quote(name))"
    }
    return nil
  }
}

extension Field.Shape {
  fileprivate var article: String {
    switch self {
    case .string: "a string"
    case .integer, .number: "a whole number"
    case .boolean: "true or false"
    case .strings: "a list of strings"
    case .object, .map: "an object"
    case .objects: "a list of objects"
    }
  }
}
