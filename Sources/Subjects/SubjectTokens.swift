import Glibc

/// The tokens of a subject, in order, as windows into its bytes. A subject without a separator is one
/// token; an empty subject is one empty token; `a..b` holds an empty token in the middle.
@frozen public struct SubjectTokens: Sequence, IteratorProtocol {
  @usableFromInline var rest: UnsafeRawBufferPointer
  @usableFromInline var finished = false

  /// The bytes of `subject` must outlive the iteration.
  @inlinable public init(_ subject: UnsafeRawBufferPointer) { rest = subject }

  @inlinable public mutating func next() -> UnsafeRawBufferPointer? {
    if finished { return nil }
    var end = 0
    while end < rest.count && rest[end] != 0x2E { end &+= 1 }
    let token = UnsafeRawBufferPointer(rebasing: rest[0..<end])
    if end == rest.count {
      finished = true
    } else {
      rest = UnsafeRawBufferPointer(rebasing: rest[(end &+ 1)...])
    }
    return token
  }
}

extension UnsafeRawBufferPointer {
  /// A token that is `*` and nothing else.
  var isStar: Bool { count == 1 && self[0] == starByte }
  /// A token that is `>` and nothing else.
  var isTail: Bool { count == 1 && self[0] == tailByte }

  /// Byte equality.
  func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let left = baseAddress, let right = other.baseAddress else {
      return count == other.count
    }
    return memcmp(left, right, count) == 0
  }
}
