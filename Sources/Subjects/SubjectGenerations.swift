import CSystem

/// Counters by which caches of match results notice changes without a lock. A result for a subject stays right as
/// long as `generation(forHash:)` of the subject's hash gives the value read before the match.
///
/// A raw value that refers to the index's memory: valid while the index lives.
@frozen public struct SubjectGenerations: @unchecked Sendable {
  /// 1024 counters for literal subjects, by the lower 10 bits of the subject's hash.
  public let exact: UnsafeMutablePointer<UInt64>
  /// Counts changes of wildcard subscriptions.
  public let wildcard: UnsafeMutablePointer<UInt64>

  @usableFromInline static let bucketMask: UInt64 = 1023

  @usableFromInline init(exact: UnsafeMutablePointer<UInt64>, wildcard: UnsafeMutablePointer<UInt64>) {
    self.exact = exact
    self.wildcard = wildcard
  }

  /// Both counters only grow, so an equal sum means that neither changed.
  @inlinable @inline(__always)
  public func generation(forHash hash: UInt64) -> UInt64 {
    csys_load64(exact + Int(truncatingIfNeeded: hash & 1023)) &+ csys_load64(wildcard)
  }

  /// Changes only under the index's lock.
  func exactChanged(_ hash: UInt64) {
    let counter = exact + Int(truncatingIfNeeded: hash & Self.bucketMask)
    csys_store64(counter, counter.pointee &+ 1)
  }

  func wildcardChanged() { csys_store64(wildcard, wildcard.pointee &+ 1) }
}
