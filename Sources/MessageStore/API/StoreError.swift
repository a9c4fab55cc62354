import Glibc
import Reactor

/// Why a store could not do something.
public enum StoreError: Error, CustomStringConvertible {
  /// The record is there, but its bytes are not what was written. It is counted in `state.lost`.
  case damaged(sequence: UInt64)
  /// A read was refused, and not because of a bad place on the disk, which damages what lies there; or there have been too
  /// many of those (`StreamStore.mostUnreadable`). The record may be fine.
  case unreadable(SystemError)
  /// A write failed, now or earlier, and not for want of space alone (`StreamStore.shortage`). The store takes no more
  /// messages until it is opened again; reads go on.
  case failed(SystemError)
  /// The sequence is not above the last one.
  case outOfOrder(sequence: UInt64, last: UInt64)
  /// More than a record can hold: 65,535 bytes of subject, 16 MiB of header or 1 GiB of payload.
  case tooLarge

  public var description: String {
    switch self {
    case .damaged(let sequence): "message \(sequence) is damaged"
    case .unreadable(let error): "\(error)"
    case .failed(let error): "\(error)"
    case .outOfOrder(let sequence, let last): "sequence \(sequence) is not above \(last)"
    case .tooLarge: "message is too large to be stored"
    }
  }
}

extension SystemError {
  /// The disk, or what the user may have of it, is full.
  var isWantOfSpace: Bool { code == ENOSPC || code == EDQUOT }
  /// The disk cannot give back what was written there; other places may be fine.
  var isBadPlace: Bool { code == EIO || code == EBADMSG || code == EUCLEAN || code == EREMOTEIO }
}
