import CYAML
import JSON

/// Reads a file of YAML documents, or of JSON, which YAML contains.
public enum ManifestReader {
  /// The documents of a file; empty ones are left out. All that is wrong is reported: a syntax error ends the file,
  /// the documents before it stand.
  public static func read(_ bytes: [UInt8], file: String) -> (documents: [ManifestNode], diagnostics: [Diagnostic]) {
    guard bytes.count <= ManifestLimits.fileSize else {
      let message = "the file is larger than \(ManifestLimits.fileSize) bytes"
      return ([], [Diagnostic(at: SourcePosition(file: file, line: 1, column: 1), message)])
    }
    let bytes = SurrogatePairs.joined(bytes)
    return bytes.withUnsafeBufferPointer { input in
      var builder = YAMLTreeBuilder(input: input, file: file)
      return builder.documents()
    }
  }

  /// The same, with `List` objects opened.
  public static func manifests(
    _ bytes: [UInt8], file: String
  ) -> (manifests: [ManifestNode], diagnostics: [Diagnostic]) {
    let (documents, diagnostics) = read(bytes, file: file)
    return (documents.flatMap(opened), diagnostics)
  }

  private static func opened(_ node: ManifestNode) -> [ManifestNode] {
    guard node["kind"]?.string == "List", case .list(let items)? = node["items"]?.value else { return [node] }
    return items.flatMap(opened)
  }
}

/// Feeds on libyaml's events. The parser lives as long as one call of `documents`.
private struct YAMLTreeBuilder {
  let input: UnsafeBufferPointer<UInt8>
  let file: String
  var anchors: [String: (node: ManifestNode, size: Int)] = [:]
  var nodes = 0
  var diagnostics: [Diagnostic] = []

  init(input: UnsafeBufferPointer<UInt8>, file: String) {
    self.input = input
    self.file = file
  }

  /// Ends the file; the text is in `diagnostics`.
  struct Stop: Error {}

  mutating func documents() -> ([ManifestNode], [Diagnostic]) {
    // On the heap: the parser keeps the address of its own members.
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else {
      return ([], [Diagnostic(at: position(yaml_mark_t()), "out of memory")])
    }
    defer { yaml_parser_delete(parser) }
    yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    var documents: [ManifestNode] = []
    do {
      try readDocuments(parser, into: &documents)
    } catch {}
    return (documents, diagnostics)
  }

  private mutating func readDocuments(
    _ parser: UnsafeMutablePointer<yaml_parser_t>, into documents: inout [ManifestNode]
  ) throws(Stop) {
    while true {
      var event = try next(parser)
      defer { yaml_event_delete(&event) }
      switch event.type {
      case YAML_STREAM_END_EVENT: return
      case YAML_DOCUMENT_START_EVENT:
        anchors = [:]
        var first = try next(parser)
        defer { yaml_event_delete(&first) }
        let node = try node(first, parser, depth: 0)
        if !node.isNull { documents.append(node) }
      default: break
      }
    }
  }

  private mutating func next(_ parser: UnsafeMutablePointer<yaml_parser_t>) throws(Stop) -> yaml_event_t {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else {
      let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not YAML"
      let context = parser.pointee.context.map { String(cString: $0) + ": " } ?? ""
      diagnostics.append(Diagnostic(at: position(parser.pointee.problem_mark), context + problem))
      throw Stop()
    }
    return event
  }

  private mutating func node(
    _ event: yaml_event_t, _ parser: UnsafeMutablePointer<yaml_parser_t>, depth: Int
  ) throws(Stop) -> ManifestNode {
    let place = position(event.start_mark)
    guard depth < ManifestLimits.depth else { throw stop(at: place, "nested deeper than \(ManifestLimits.depth)") }
    let before = nodes
    try count(1, at: place)
    switch event.type {
    case YAML_ALIAS_EVENT:
      let name = text(event.data.alias.anchor)
      guard let known = anchors[name] else { throw stop(at: place, "no anchor &\(name) before this alias") }
      try count(known.size, at: place)
      return known.node
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      let content = String(decoding: bytes, as: UTF8.self)
      let isText = scalar.style != YAML_PLAIN_SCALAR_STYLE || scalar.tag.map { text($0) } == "tag:yaml.org,2002:str"
      let node = ManifestNode(isText ? .string(content) : PlainScalar.value(content), at: place)
      remember(node, scalar.anchor, since: before)
      return node
    case YAML_SEQUENCE_START_EVENT:
      let node = ManifestNode(.list(try elements(parser, depth: depth)), at: place)
      remember(node, event.data.sequence_start.anchor, since: before)
      return node
    case YAML_MAPPING_START_EVENT:
      let node = ManifestNode(.mapping(try members(parser, depth: depth)), at: place)
      remember(node, event.data.mapping_start.anchor, since: before)
      return node
    default: throw stop(at: place, "a value is missing")
    }
  }

  private mutating func elements(
    _ parser: UnsafeMutablePointer<yaml_parser_t>, depth: Int
  ) throws(Stop) -> [ManifestNode] {
    var elements: [ManifestNode] = []
    while true {
      var event = try next(parser)
      defer { yaml_event_delete(&event) }
      if event.type == YAML_SEQUENCE_END_EVENT { return elements }
      elements.append(try node(event, parser, depth: depth + 1))
    }
  }

  private mutating func members(
    _ parser: UnsafeMutablePointer<yaml_parser_t>, depth: Int
  ) throws(Stop) -> [ManifestNode.Member] {
    var members: [ManifestNode.Member] = []
    var merged: [ManifestNode.Member] = []
    var names: Set<String> = []
    while true {
      var event = try next(parser)
      defer { yaml_event_delete(&event) }
      if event.type == YAML_MAPPING_END_EVENT { break }
      let place = position(event.start_mark)
      guard event.type == YAML_SCALAR_EVENT else { throw stop(at: place, "a key must be a string") }
      let isPlain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
      let key = text(event.data.scalar.value)
      var valueEvent = try next(parser)
      defer { yaml_event_delete(&valueEvent) }
      let value = try node(valueEvent, parser, depth: depth + 1)
      if key == "<<", isPlain {
        merged += mergeMembers(value)
      } else if names.insert(key).inserted {
        members.append(ManifestNode.Member(key: key, keyPosition: place, value: value))
      } else {
        diagnostics.append(Diagnostic(at: place, "the key \(key) stands twice in one object"))
      }
    }
    // The mapping's own keys win over merged ones, earlier merged ones over later.
    return members + merged.filter { names.insert($0.key).inserted }
  }

  private mutating func mergeMembers(_ node: ManifestNode) -> [ManifestNode.Member] {
    switch node.value {
    case .mapping(let members): return members
    case .list(let elements): return elements.flatMap { mergeMembers($0) }
    default:
      diagnostics.append(Diagnostic(at: node.position, "only an object can be merged with <<"))
      return []
    }
  }

  private mutating func remember(_ node: ManifestNode, _ anchor: UnsafeMutablePointer<yaml_char_t>?, since: Int) {
    guard let anchor else { return }
    anchors[text(anchor)] = (node, nodes - since)
  }

  private mutating func count(_ more: Int, at place: SourcePosition) throws(Stop) {
    nodes += more
    guard nodes <= ManifestLimits.nodes else { throw stop(at: place, "more than \(ManifestLimits.nodes) values") }
  }

  private mutating func stop(at place: SourcePosition, _ message: String) -> Stop {
    diagnostics.append(Diagnostic(at: place, message))
    return Stop()
  }

  private func text(_ characters: UnsafeMutablePointer<yaml_char_t>?) -> String {
    characters.map { String(decodingCString: UnsafePointer($0), as: UTF8.self) } ?? ""
  }

  private func position(_ mark: yaml_mark_t) -> SourcePosition {
    SourcePosition(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }
}

/// What an unquoted word means, by the core schema of YAML 1.2.
enum PlainScalar {
  static func value(_ text: String) -> ManifestNode.Value {
    switch text {
    case "", "~", "null", "Null", "NULL": .null
    case "true", "True", "TRUE": .boolean(true)
    case "false", "False", "FALSE": .boolean(false)
    default: number(text).map { .number($0) } ?? .string(text)
    }
  }

  /// The number as JSON spells it.
  private static func number(_ text: String) -> String? {
    let digits = text.hasPrefix("+") ? String(text.dropFirst()) : text
    if digits.hasPrefix("0x") { return UInt64(digits.dropFirst(2), radix: 16).map { String($0) } }
    if digits.hasPrefix("0o") { return UInt64(digits.dropFirst(2), radix: 8).map { String($0) } }
    guard let first = digits.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first) else { return nil }
    guard case .number(let number)? = try? JSONValue(parsing: digits) else { return nil }
    return number
  }
}

/// JSON writes characters beyond 16 bits as two escapes, which YAML does not know: they are joined to its `\U`.
enum SurrogatePairs {
  static func joined(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.first(where: { $0 > 32 }) == UInt8(ascii: "{") else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count else {
        result.append(bytes[index])
        index += 1
        continue
      }
      if let high = unit(bytes, index), (0xD800..<0xDC00).contains(high), let low = unit(bytes, index + 6),
        (0xDC00..<0xE000).contains(low)
      {
        let digits = String(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), radix: 16)
        result += Array(("\\U" + String(repeating: "0", count: 8 - digits.count) + digits).utf8)
        index += 12
      } else {
        result += bytes[index...index + 1]
        index += 2
      }
    }
    return result
  }

  private static func unit(_ bytes: [UInt8], _ index: Int) -> UInt32? {
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
      return nil
    }
    return UInt32(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16)
  }
}
