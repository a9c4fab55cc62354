import Configuration
import Subjects

/// A stream that an account imports, bound to the account that exports it (FEATURES 4.027). Never changes.
final class StreamImport: Sendable {
  let plan: AccountLinkPlan.StreamImport
  let exporter: Account
  private let from: [UInt8]
  private let to: [UInt8]

  init(_ plan: AccountLinkPlan.StreamImport, exporter: Account) {
    self.plan = plan
    self.exporter = exporter
    from = Array(plan.from.utf8)
    to = Array(plan.to.utf8)
  }

  /// How the importer sees a message that the exporter published to `subject`; nil when under the same subject.
  func localSubject(of subject: UnsafeRawBufferPointer) -> [UInt8]? {
    if let transform = plan.transform { return transform.transformed(subject, random: 0) }
    if plan.keepsSubject || to.elementsEqual(subject) { return nil }
    return to
  }

  /// What a subscription of the importer to `subject` must listen to at the exporter; nil when nothing of this import
  /// can reach it.
  func sourceSubject(for subject: UnsafeRawBufferPointer) -> [UInt8]? {
    if to.elementsEqual(subject) { return from }
    return to.withUnsafeBytes { to in
      if Subject.isSubset(subject, of: to) { return source(of: subject, isNarrowed: false) }
      guard Subject.hasWildcard(subject) else { return nil }
      if Subject.isSubset(to, of: subject) { return from }
      let narrowed = Self.narrowed(subject, by: to)
      return narrowed.withUnsafeBytes { narrowed in
        Subject.isSubset(narrowed, of: to) ? source(of: narrowed, isNarrowed: true) : nil
      }
    }
  }

  /// The exporter's subjects that arrive as a part of `to`.
  private func source(of part: UnsafeRawBufferPointer, isNarrowed: Bool) -> [UInt8]? {
    if plan.transform != nil { return plan.reverse?.transformed(part, random: 0) }
    return plan.keepsSubject || isNarrowed ? Array(part) : from
  }

  /// The subject with its wildcards replaced by what `pattern` has in their place.
  private static func narrowed(_ subject: UnsafeRawBufferPointer, by pattern: UnsafeRawBufferPointer) -> [UInt8] {
    var tokens = Array(SubjectTokens(subject))
    let others = Array(SubjectTokens(pattern))
    for position in 0..<min(tokens.count, others.count)
    where tokens[position].elementsEqual("*".utf8) && !others[position].elementsEqual(">".utf8) {
      tokens[position] = others[position]
    }
    let last = tokens.count - 1
    if tokens[last].elementsEqual(">".utf8), others.count >= tokens.count {
      tokens.replaceSubrange(last..., with: others[last...])
    }
    return Array(tokens.joined(separator: [0x2E]))
  }
}
