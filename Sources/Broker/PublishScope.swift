import CSystem
import Subjects

/// What decides where a publish goes and whether it may: an account, seen with one set of publish permissions.
///
/// All connections of one user share a scope, so that one cached lookup answers permission, mapping and receivers
/// together. Identifiers are never reused; changed permissions or mappings make a new scope.
final class PublishScope: @unchecked Sendable {
  let account: Account
  /// nil: everything may be published.
  let permission: SubjectFilter?
  let state: PublishScopePointer

  private static let nextIdentifier = {
    let pointer = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    pointer.initialize(to: 1)
    return UInt(bitPattern: pointer)
  }()

  init(account: Account, permission: SubjectFilter?) {
    self.account = account
    self.permission = permission
    let identifier = csys_add32(UnsafeMutablePointer(bitPattern: Self.nextIdentifier)!, 2)
    state = .allocate(capacity: 1)
    state.initialize(
      to: PublishScopeState(
        identifier: identifier, seed: UInt64(identifier) &* 0x9E37_79B9_7F4A_7C15,
        exactGenerations: account.index.exactGenerations, wildcardGeneration: account.index.wildcardGenerationPointer,
        object: self))
  }

  deinit { state.deallocate() }
}

/// The part of a scope that the message path reads.
struct PublishScopeState {
  /// Odd; the even number after it names the same scope for subjects that mappings have already been applied to.
  let identifier: UInt32
  let seed: UInt64
  let exactGenerations: UnsafeMutablePointer<UInt64>
  let wildcardGeneration: UnsafeMutablePointer<UInt64>
  unowned(unsafe) let object: PublishScope
}

typealias PublishScopePointer = UnsafeMutablePointer<PublishScopeState>

extension UnsafeMutablePointer where Pointee == PublishScopeState {
  /// Changes whenever a subscription that may match a subject of this hash comes or goes.
  @inline(__always) func generation(_ subjectHash: UInt64) -> UInt64 {
    let bucket = Int(truncatingIfNeeded: subjectHash & UInt64(SubscriptionIndex.generationBuckets - 1))
    return csys_load64(pointee.exactGenerations + bucket) &+ csys_load64(pointee.wildcardGeneration)
  }
}
