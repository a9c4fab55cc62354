import Bytes
import CSystem
import Subjects

/// What decides where a publish goes and whether it may: an account, seen with one set of publish permissions.
///
/// All connections of one user share a scope, so that one cached lookup answers permission, mapping and receivers
/// together. Identifiers are never reused; changed permissions or mappings make a new scope.
final class PublishScope: @unchecked Sendable {
  /// Outlives the scope: whoever holds a scope holds its account, and the account holds its open one.
  @Uncounted var account: Account
  /// nil: everything may be published.
  let permission: SubjectFilter?
  let state: PublishScopePointer

  private nonisolated(unsafe) static let nextIdentifier = {
    let pointer = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    pointer.initialize(to: 4)
    return pointer
  }()

  init(account: Account, permission: SubjectFilter?) {
    _account = Uncounted(wrappedValue: account)
    self.permission = permission
    let identifier = csys_add32(Self.nextIdentifier, 4)
    state = .allocate(capacity: 1)
    state.initialize(
      to: PublishScopeState(
        identifier: identifier, seed: UInt64(identifier) &* 0x9E37_79B9_7F4A_7C15,
        generations: account.index.generations, traceFlag: account.traceFlag, object: self))
  }

  deinit { state.deallocate() }

  /// Whether publishing to the subject is refused: by permission, or because only the server may (FEATURES 1.047).
  func refuses(_ subject: UnsafeRawBufferPointer, ignoringPermission: Bool) -> Bool {
    if !ignoringPermission, let permission, !permission.allows(subject) { return true }
    // Few subjects have a second letter that makes a closer look necessary.
    guard subject.count > 3, subject[1] == UInt8(ascii: "G") || subject[1] == UInt8(ascii: "N") else { return false }
    return isReservedForRouting(subject) || (!account.isSystem && subject.starts(with: "$NRG.".utf8))
  }

  /// Replies routed between clusters: `_GR_.` and the older `$GR.`.
  private func isReservedForRouting(_ subject: UnsafeRawBufferPointer) -> Bool {
    subject.starts(with: "_GR_.".utf8) || subject.starts(with: "$GR.".utf8)
  }
}

/// The part of a scope that the message path reads.
struct PublishScopeState {
  /// A multiple of four; the numbers after it name the variants of `MatchVariant`.
  let identifier: UInt32
  let seed: UInt64
  let generations: SubjectGenerations
  /// The account's: see `tracesByHeader`.
  let traceFlag: UnsafePointer<UInt32>
  @Uncounted var object: PublishScope
}

typealias PublishScopePointer = UnsafeMutablePointer<PublishScopeState>

extension UnsafeMutablePointer where Pointee == PublishScopeState {
  /// Changes whenever a subscription that may match a subject of this hash comes or goes.
  @inline(__always) func generation(_ subjectHash: UInt64) -> UInt64 {
    pointee.generations.generation(forHash: subjectHash)
  }

  /// Any header block may ask for a trace (`msg_trace` with W3C trace context), so each is looked at.
  @inline(__always) var tracesByHeader: Bool { csys_load32_relaxed(pointee.traceFlag) != 0 }
}
