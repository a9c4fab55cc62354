/// The rules of subject syntax (FEATURES 2.001 to 2.003, 2.006), over raw bytes and without allocation.
/// Subjects are bytes, not text: upper and lower case differ, and any byte above space may stand in a token.
public enum Subject {
  /// Subjects under these prefixes carry the system's own traffic (FEATURES 2.006).
  public static let reservedPrefixes = [
    "$SYS.", "$JS.", "$KV.", "$O.", "$MQTT.", "$SRV.", "$NRG.", "$GNR.", "_INBOX.", "_R_.", "_GR_.",
  ]

  /// The queue name that clients may not use (FEATURES 2.004).
  public static let reservedQueueName = "_sys_"

  /// Whether the subject is valid in configuration, permissions and queue names: tokens are not empty, there is
  /// no space, tab, CR, LF or form feed, and `>` is the last token. Wildcards are allowed.
  public static func isValid(_ subject: UnsafeRawBufferPointer) -> Bool {
    for byte in subject where byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0C || byte == 0x0D {
      return false
    }
    return isWellFormed(subject)
  }

  /// Whether a subscription to it can be stored: tokens are not empty and `>` is the last token. This is all that
  /// is asked of the subject of a SUB (`Invalid Subject` otherwise), so a form feed passes.
  public static func isWellFormed(_ subject: UnsafeRawBufferPointer) -> Bool {
    var tailSeen = false
    for token in SubjectTokens(subject) {
      if token.isEmpty || tailSeen { return false }
      tailSeen = token.isTail
    }
    return true
  }

  /// Whether no token is a wildcard. `a*` and `>b` are literal tokens (FEATURES 2.002).
  public static func isLiteral(_ subject: UnsafeRawBufferPointer) -> Bool {
    var position = 0
    while position < subject.count {
      let byte = subject[position]
      if byte == starByte || byte == tailByte {
        let starts = position == 0 || subject[position &- 1] == separatorByte
        let ends = position &+ 1 == subject.count || subject[position &+ 1] == separatorByte
        if starts && ends { return false }
      }
      position &+= 1
    }
    return true
  }

  /// Whether some token is a wildcard.
  public static func hasWildcard(_ subject: UnsafeRawBufferPointer) -> Bool { !isLiteral(subject) }

  /// What pedantic connections may publish to: tokens are not empty and none is a wildcard, otherwise
  /// `Invalid Publish Subject` (FEATURES 2.003). Other connections are not checked.
  public static func isValidLiteral(_ subject: UnsafeRawBufferPointer) -> Bool {
    for token in SubjectTokens(subject) where token.isEmpty || token.isStar || token.isTail { return false }
    return true
  }

  /// Valid in configuration and literal.
  public static func isValidPublish(_ subject: UnsafeRawBufferPointer) -> Bool {
    isValid(subject) && isLiteral(subject)
  }

  /// Whether a queue name may stand in a permission entry: it follows the rules of subjects, wildcards
  /// included (FEATURES 2.005). The queue name of a SUB is not checked.
  public static func isValidQueueName(_ name: UnsafeRawBufferPointer) -> Bool { isValid(name) }

  /// The number of tokens; 0 for an empty subject.
  public static func tokenCount(_ subject: UnsafeRawBufferPointer) -> Int {
    if subject.isEmpty { return 0 }
    var count = 1
    for byte in subject where byte == separatorByte { count &+= 1 }
    return count
  }
}

extension Subject {
  /// `isValid` for a string.
  public static func isValid(_ subject: String) -> Bool { withBytes(subject) { isValid($0) } }
  /// `isValid` for an array.
  public static func isValid(_ subject: [UInt8]) -> Bool { subject.withUnsafeBytes { isValid($0) } }
  /// `isWellFormed` for a string.
  public static func isWellFormed(_ subject: String) -> Bool { withBytes(subject) { isWellFormed($0) } }
  /// `isLiteral` for a string.
  public static func isLiteral(_ subject: String) -> Bool { withBytes(subject) { isLiteral($0) } }
  /// `isLiteral` for an array.
  public static func isLiteral(_ subject: [UInt8]) -> Bool { subject.withUnsafeBytes { isLiteral($0) } }
  /// `hasWildcard` for a string.
  public static func hasWildcard(_ subject: String) -> Bool { !isLiteral(subject) }
  /// `hasWildcard` for an array.
  public static func hasWildcard(_ subject: [UInt8]) -> Bool { !isLiteral(subject) }
  /// `isValidLiteral` for a string.
  public static func isValidLiteral(_ subject: String) -> Bool { withBytes(subject) { isValidLiteral($0) } }
  /// `isValidPublish` for a string.
  public static func isValidPublish(_ subject: String) -> Bool { withBytes(subject) { isValidPublish($0) } }
  /// `isValidQueueName` for a string.
  public static func isValidQueueName(_ name: String) -> Bool { withBytes(name) { isValidQueueName($0) } }
  /// `tokenCount` for a string.
  public static func tokenCount(_ subject: String) -> Int { withBytes(subject) { tokenCount($0) } }

  static func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    var text = text
    return try text.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
  }
}
