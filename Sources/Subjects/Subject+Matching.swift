// How two subjects relate. Three relations, because three questions are asked: does a message reach a
// subscription, does one pattern cover another, could some message reach both.

extension Subject {
  /// Whether a subscription to `pattern` receives a message published to `literal`. Wildcards in `literal` are
  /// ordinary tokens there (FEATURES 2.003); a published subject with an empty token reaches nobody.
  public static func matches(pattern: UnsafeRawBufferPointer, literal: UnsafeRawBufferPointer) -> Bool {
    if hasEmptyToken(literal) { return false }
    var patternTokens = SubjectTokens(pattern)
    var literalTokens = SubjectTokens(literal)
    while let wanted = patternTokens.next() {
      guard let token = literalTokens.next() else { return false }
      if wanted.isTail { return patternTokens.finished }
      if !wanted.isStar && !wanted.equals(token) { return false }
    }
    return literalTokens.finished
  }

  /// Whether everything that `subject` (which may hold wildcards) stands for is covered by `other`: `foo.*` is
  /// a subset of `>`, `*.*` and `foo.*`, but not of `foo.bar`.
  ///
  /// As in nats-server, a longer token of `other` that begins with `*` (`a.*x`) covers any literal token.
  public static func isSubset(_ subject: UnsafeRawBufferPointer, of other: UnsafeRawBufferPointer) -> Bool {
    var subjectTokens = SubjectTokens(subject)
    var otherTokens = SubjectTokens(other)
    while let cover = otherTokens.next() {
      guard let token = subjectTokens.next(), !cover.isEmpty else { return false }
      if cover.isTail { return true }
      if token.isEmpty || token.isTail { return false }
      if token.isStar {
        if !cover.isStar { return false }
      } else if cover[0] != starByte && !cover.equals(token) {
        return false
      }
    }
    return subjectTokens.finished
  }

  /// Whether some message could reach subscriptions to both subjects.
  ///
  /// As in nats-server, when both hold wildcards a token that only begins with `*` or `>` counts as one.
  public static func collide(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    if left.equals(right) { return true }
    let leftLiteral = isLiteral(left)
    let rightLiteral = isLiteral(right)
    if leftLiteral && rightLiteral { return false }
    if leftLiteral { return isSubset(left, of: right) }
    if rightLiteral { return isSubset(right, of: left) }
    let leftCount = tokenCount(left)
    let rightCount = tokenCount(right)
    if leftCount != rightCount {
      let shorter = leftCount < rightCount ? left : right
      if !hasTailToken(shorter) { return false }
    }
    var leftTokens = SubjectTokens(left)
    var rightTokens = SubjectTokens(right)
    while let one = leftTokens.next(), let two = rightTokens.next() {
      if one.isEmpty || two.isEmpty { return false }
      let wild =
        one[0] == starByte || one[0] == tailByte || two[0] == starByte || two[0] == tailByte
      if !wild && !one.equals(two) { return false }
    }
    return true
  }

  /// `matches` for strings.
  public static func matches(pattern: String, literal: String) -> Bool {
    withBytes(pattern) { pattern in withBytes(literal) { matches(pattern: pattern, literal: $0) } }
  }

  /// `isSubset` for strings.
  public static func isSubset(_ subject: String, of other: String) -> Bool {
    withBytes(subject) { subject in withBytes(other) { isSubset(subject, of: $0) } }
  }

  /// `collide` for strings.
  public static func collide(_ left: String, _ right: String) -> Bool {
    withBytes(left) { left in withBytes(right) { collide(left, $0) } }
  }

  /// Whether some token is empty, the empty subject included.
  static func hasEmptyToken(_ subject: UnsafeRawBufferPointer) -> Bool {
    var previous = separatorByte
    for byte in subject {
      if byte == separatorByte && previous == separatorByte { return true }
      previous = byte
    }
    return previous == separatorByte
  }

  private static func hasTailToken(_ subject: UnsafeRawBufferPointer) -> Bool {
    for token in SubjectTokens(subject) where token.isTail { return true }
    return false
  }
}
