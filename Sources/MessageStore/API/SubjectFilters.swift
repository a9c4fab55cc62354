import Glibc
import Subjects

/// Which subjects somebody wants: everything, or those that match one of several subjects with or without wildcards.
/// Compiled once; cheap to copy.
public struct SubjectFilters: Sendable {
  /// Every subject.
  public static let everything = SubjectFilters(bytes: [])

  let compiled: CompiledFilters

  /// No subject, an empty one or `>` among them: everything.
  public init(bytes subjects: [[UInt8]]) { compiled = CompiledFilters(subjects) }
  public init(_ subjects: [String]) { self.init(bytes: subjects.map { Array($0.utf8) }) }
  public init(_ subject: String) { self.init([subject]) }

  public var isEverything: Bool { compiled.filters.isEmpty }
  /// The one subject wanted, when it is one without wildcards.
  public var literal: [UInt8]? {
    compiled.filters.count == 1 && compiled.filters[0].isLiteral ? compiled.filters[0].text : nil
  }

  /// Whether a message on `subject` is wanted.
  public func matches(_ subject: UnsafeRawBufferPointer) -> Bool { compiled.matches(subject) }
}

/// One subject of a filter.
struct CompiledFilter: Sendable {
  let text: [UInt8]
  let isLiteral: Bool

  @inline(__always) func matches(_ subject: UnsafeRawBufferPointer) -> Bool {
    if isLiteral, text.count != subject.count { return false }
    return text.withUnsafeBytes { text in
      if isLiteral {
        return text.count == subject.count && memcmp(text.baseAddress!, subject.baseAddress!, text.count) == 0
      }
      return Subject.matches(pattern: text, literal: subject)
    }
  }
}

/// Immutable, shared by the copies of a `SubjectFilters`.
final class CompiledFilters: Sendable {
  let filters: [CompiledFilter]
  /// None has a wildcard.
  let areLiteral: Bool
  /// Every subject once, in the order of their bytes.
  let sortedTexts: [[UInt8]]

  func matches(_ subject: UnsafeRawBufferPointer) -> Bool {
    if filters.isEmpty { return true }
    for filter in filters where filter.matches(subject) { return true }
    return false
  }

  init(_ subjects: [[UInt8]]) {
    let texts = Set(subjects).sorted { $0.lexicographicallyPrecedes($1) }
    let isEverything = texts.contains { $0.isEmpty || $0 == [0x3E] }
    filters = isEverything ? [] : texts.map { CompiledFilter(text: $0, isLiteral: Subject.isLiteral($0)) }
    sortedTexts = isEverything ? [] : texts
    areLiteral = filters.allSatisfy(\.isLiteral)
  }
}
