import Bytes

/// An entry of a subscribe permission: a subject, and for entries that speak of queue subscriptions the queue
/// name, as in `"orders.* workers"` (FEATURES 2.005). Both may hold wildcards.
public struct SubjectQueue: Equatable, Sendable {
  public var subject: String
  /// `nil` for entries about all subscriptions.
  public var queue: String?

  /// An entry that is not one or two valid words: `invalid subject-queue "…"`.
  public struct Invalid: Error, Equatable, CustomStringConvertible {
    public var entry: String
    public var description: String { "invalid subject-queue \(GoString.quote(entry))" }
  }

  public init(subject: String, queue: String? = nil) {
    self.subject = subject
    self.queue = queue
  }

  /// Reads an entry: one or two words between white space, each with the syntax of a subject.
  public init(parsing entry: String) throws(Invalid) {
    let words = entry.unicodeScalars.split(whereSeparator: { $0.properties.isWhitespace }).map { String($0) }
    guard words.count == 1 || words.count == 2, words.allSatisfy({ Subject.isValid($0) }) else {
      throw Invalid(entry: entry)
    }
    subject = words[0]
    queue = words.count == 2 ? words[1] : nil
  }

  /// Whether the entry's queue name stands for `name`: equal, or a pattern that covers it.
  public func covers(queue name: UnsafeRawBufferPointer) -> Bool {
    guard let queue else { return false }
    return Subject.withBytes(queue) { own in
      own.equals(name) || (Subject.hasWildcard(own) && Subject.isSubset(name, of: own))
    }
  }
}
