/// A rule that rewrites subjects: what matches `source` becomes `destination`, in which placeholders stand for tokens
/// of the subject or for functions of them (FEATURES 2.012 to 2.024). Made once, applied to bytes.
public struct SubjectTransform: Equatable, Sendable {
  /// The pattern that subjects must match.
  public let source: String
  /// What they become, as written.
  public let destination: String

  let steps: [TransformStep]
  /// Literal tokens and delimiters that the steps refer to.
  let bytes: [UInt8]
  /// Positions of tokens that partition steps refer to.
  let positions: [Int]
  let sourceTokenCount: Int
  private let sourceBytes: [UInt8]

  /// - Parameters:
  ///   - source: an empty source stands for `>`.
  ///   - strict: for imports, which must be reversible: only wildcards as placeholders, and all of them
  ///     (FEATURES 2.022). Otherwise wildcards may be dropped (FEATURES 2.023).
  public init(source: String, destination: String, strict: Bool = false) throws(SubjectTransformError) {
    let source = source.isEmpty ? ">" : source
    guard let from = PatternShape(source), let to = PatternShape(destination),
      to.stars.isEmpty, from.hasTail == to.hasTail
    else { throw SubjectTransformError(.invalidSubject) }
    var compiler = TransformCompiler(source: from, strict: strict)
    for token in to.tokens { try compiler.add(token) }
    if strict && compiler.wildcardsUsed < from.stars.count {
      throw SubjectTransformError(.notUsingAllWildcards, in: destination)
    }
    self.source = source
    self.destination = destination
    steps = compiler.steps
    bytes = compiler.bytes
    positions = compiler.positions
    sourceTokenCount = from.tokens.count
    sourceBytes = [UInt8](source.utf8)
  }

  /// Whether the transform is for this subject.
  public func matches(_ subject: UnsafeRawBufferPointer) -> Bool {
    sourceBytes.withUnsafeBytes { Subject.isSubset(subject, of: $0) }
  }

  /// The new subject of a published one, or `nil` if the subject is not literal or does not match.
  public func transform(_ subject: String, random: UInt64 = 0) -> String? {
    var subject = subject
    return subject.withUTF8 { bytes -> String? in
      let bytes = UnsafeRawBufferPointer(bytes)
      if source == ">" && destination == ">" { return String(decoding: bytes, as: UTF8.self) }
      guard Subject.isValidLiteral(bytes), matches(bytes) else { return nil }
      return String(decoding: transformed(bytes, random: random), as: UTF8.self)
    }
  }

  /// The new subject of one that matches.
  public func transformed(_ subject: UnsafeRawBufferPointer, random: UInt64) -> [UInt8] {
    var capacity = max(64, subject.count * 2 + destination.utf8.count)
    while true {
      var needed = 0
      let result = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        needed = apply(to: subject, random: random, into: UnsafeMutableRawBufferPointer(buffer))
        count = min(needed, capacity)
      }
      if needed <= capacity { return result }
      capacity = needed
    }
  }

  /// The transform back, for imports: `nil` if there is none.
  public func reversed() -> SubjectTransform? {
    let shape = Self.withoutPlaceholders(destination)
    var left = shape.placeholders[...]
    var tokens: [String] = []
    for token in source.split(separator: ".", omittingEmptySubsequences: false) {
      if token == "*" {
        guard let placeholder = left.popFirst() else { return nil }
        tokens.append(placeholder)
      } else {
        tokens.append(String(token))
      }
    }
    return try? SubjectTransform(source: shape.pattern, destination: tokens.joined(separator: "."), strict: true)
  }

  /// A pattern as a destination: `foo.*.*` becomes `foo.$1.$2`.
  public static func withPlaceholders(_ pattern: String) -> String {
    var number = 0
    return pattern.split(separator: ".", omittingEmptySubsequences: false).map { token in
      if token != "*" { return String(token) }
      number += 1
      return "$\(number)"
    }.joined(separator: ".")
  }

  /// A destination as a pattern, with its placeholders in order: `foo.$2.{{wildcard(1)}}` becomes `foo.*.*` and
  /// `$2`, `{{wildcard(1)}}`.
  public static func withoutPlaceholders(_ destination: String) -> (pattern: String, placeholders: [String]) {
    var placeholders: [String] = []
    let tokens = destination.split(separator: ".", omittingEmptySubsequences: false).map { token in
      let bytes = [UInt8](token.utf8)
      let numbered =
        bytes.count > 1 && bytes[0] == UInt8(ascii: "$") && (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[1])
      let arguments = TransformToken.arguments(of: ["wildcard"], in: bytes)
      guard numbered || (arguments?.count == 1 && arguments != [[]]) else { return String(token) }
      placeholders.append(String(token))
      return "*"
    }
    return (tokens.joined(separator: "."), placeholders)
  }

  /// What is asked of the destination of an account mapping beyond what `init` asks: no white space outside of
  /// functions. An empty destination passes.
  public static func validateMapping(source: String, destination: String) throws(SubjectTransformError) {
    if destination.isEmpty { return }
    var tailSeen = false
    for token in destination.split(separator: ".", omittingEmptySubsequences: false) {
      if token.isEmpty || tailSeen { throw SubjectTransformError(.invalidTransform, in: String(token)) }
      if TransformToken.looksLikeFunction([UInt8](token.utf8)) {
        try checkFunctionName(String(token))
      } else if token == ">" {
        tailSeen = true
      } else if token.utf8.contains(where: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0C || $0 == 0x0D }) {
        throw SubjectTransformError(.invalidTransform)
      }
    }
    _ = try SubjectTransform(source: source, destination: destination)
  }

  private static func checkFunctionName(_ token: String) throws(SubjectTransformError) {
    do throws(SubjectTransformError) {
      _ = try TransformToken(parsing: token)
    } catch  where error.reason == .unknownFunction {
      throw error
    } catch {
      // Wrong arguments are reported later, in the order in which nats-server finds them.
    }
  }
}

/// The tokens of a pattern, and which are wildcards.
struct PatternShape {
  var tokens: [String] = []
  /// Positions of `*`.
  var stars: [Int] = []
  var hasTail = false

  /// `nil` if a token is empty or follows `>`.
  init?(_ pattern: String) {
    for token in pattern.split(separator: ".", omittingEmptySubsequences: false) {
      if token.isEmpty || hasTail { return nil }
      if token == "*" { stars.append(tokens.count) }
      hasTail = token == ">"
      tokens.append(String(token))
    }
  }
}
