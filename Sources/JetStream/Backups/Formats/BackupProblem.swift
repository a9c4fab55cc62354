import JetStreamAPI
import S2

/// Why a backup cannot be restored.
struct BackupProblem: Error {
  /// What the client is answered.
  let error: JetStreamError
  /// The same without the words in front.
  let reason: String

  init(_ reason: String) {
    error = .streamRestore(reason)
    self.reason = reason
  }

  init(_ error: JetStreamError) {
    self.error = error
    reason = error.description
  }

  init(_ error: S2Error) { self.init("\(error)") }

  /// What is wrong with JSON, without the words that the API puts in front.
  static func reason(_ error: JetStreamError) -> String {
    let prefix = "invalid JSON: "
    let text = error.description
    let reason = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    return reason == "unexpected end of JSON input" ? "unexpected EOF" : reason
  }

  /// What nats-server says where the bytes of an archive make no sense.
  static var invalidArchive: BackupProblem { BackupProblem("archive: invalid archive stream") }
  static var endOfInput: BackupProblem { BackupProblem("EOF") }
  static var unexpectedEnd: BackupProblem { BackupProblem("unexpected EOF") }
}
