import Bytes

/// Why an export or import is refused, in nats-server's words.
enum LinkReason: Error, Equatable, CustomStringConvertible {
  case invalidSubject
  case noSystemAccount
  case badPublishSubject
  case badServiceType
  case streamNotAuthorized
  case serviceNotAuthorized
  case badPrefix
  case streamDuplicate
  case serviceDuplicate(String, account: String, subject: String)
  case cycle
  case depthExhausted
  case notFound
  case badTransform(kind: String, from: String, to: String, reason: String)

  /// Most accounts that a chain of imports may lead through.
  static let searchDepth = 1024

  static func badTransform(_ kind: String, _ from: String, _ to: String, _ reason: String) -> LinkReason {
    .badTransform(kind: kind, from: from, to: to, reason: reason)
  }

  static func serviceDuplicate(_ from: String, _ account: String, _ subject: String) -> LinkReason {
    .serviceDuplicate(from, account: account, subject: subject)
  }

  var description: String {
    switch self {
    case .invalidSubject: "sublist: invalid subject"
    case .noSystemAccount: "system account not setup"
    case .badPublishSubject: "invalid publish subject"
    case .badServiceType: "bad service response type"
    case .streamNotAuthorized: "stream import not authorized"
    case .serviceNotAuthorized: "service import not authorized"
    case .badPrefix: "stream import prefix can not contain wildcard tokens"
    case .streamDuplicate: "stream import already exists"
    case .serviceDuplicate(let from, let account, let subject):
      "duplicate service import subject \(GoString.quote(from)), previously used in import for account "
        + "\(GoString.quote(account)), subject \(GoString.quote(subject))"
    case .cycle: "import forms a cycle"
    case .depthExhausted: "search cycle depth exhausted"
    case .notFound: "service import not found"
    case .badTransform(let kind, let from, let to, let reason):
      "failed to create mapping transform for \(kind) import subject from \(GoString.quote(from)) to "
        + "\(GoString.quote(to)): \(reason)"
    }
  }
}
