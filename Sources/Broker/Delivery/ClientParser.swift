import CSystem
import Glibc
import Wire

/// What a parse of received bytes led to.
enum ParseOutcome {
  /// So many bytes were used; the rest is the start of a frame. `needed` is that frame's full size when known.
  case consumed(Int, needed: Int)
  /// The connection is being closed; nothing more may be read from it.
  case closed
}

// Frames of a client connection. PUB in its plain form never leaves `parse`; everything else goes through
// `handleFrame`, which knows all of the protocol's liberties (case, spaces, tabs, bare LF).

extension Worker {
  /// Parses and executes what is in `base[0..<count]`, which has `Chunk.slack` readable bytes behind it.
  func parse(_ connection: ConnectionPointer, _ base: UnsafeRawPointer, _ count: Int) -> ParseOutcome {
    var position = 0
    var messages: UInt64 = 0
    var bytes: UInt64 = 0
    defer {
      connection.input.pointee.inMessages &+= messages
      connection.input.pointee.inBytes &+= bytes
      counters.add(.inMessages, messages)
      counters.add(.inBytes, bytes)
    }
    let maxPayload = connection.input.pointee.maxPayload >= 0 ? connection.input.pointee.maxPayload : Int.max
    let maxControlLine = connection.input.pointee.maxControlLine
    frames: while position < count {
      let word = base.loadUnaligned(fromByteOffset: position, as: UInt32.self)
      fast: if word == 0x2042_5550 || word == 0x2062_7570, connection.flags.isDisjoint(with: .careful) {
        // "PUB " or "pub ": subject [reply] size CR LF payload CR LF, single spaces.
        let scope = connection.input.pointee.scope
        let subject = base + position + 4
        let available = count &- position &- 4
        let entry: MatchEntryPointer
        let subjectLength: Int
        if let memo = connection.input.pointee.memo, memo.pointee.keyLength < available,
          memo.pointee.scope == scope.pointee.identifier,
          subject.load(fromByteOffset: memo.pointee.keyLength, as: UInt8.self) == 0x20,
          memo.pointee.generation == scope.generation(memo.pointee.subjectHash),
          equalBytes(subject, memo.pointee.key.unsafelyUnwrapped, memo.pointee.keyLength)
        {
          entry = memo
          subjectLength = memo.pointee.keyLength
        } else {
          var end = 0
          while end < available, subject.load(fromByteOffset: end, as: UInt8.self) > 0x20 { end &+= 1 }
          if end == 0 || end >= available || subject.load(fromByteOffset: end, as: UInt8.self) != 0x20 { break fast }
          subjectLength = end
          entry = match(scope, subject, end)
          connection.input.pointee.memo = entry
        }
        if !entry.pointee.flags.isEmpty { break fast }

        let tail = subject + subjectLength + 1
        let rest = available &- subjectLength &- 1
        var cursor = 0
        var size = 0
        var hasReply = false
        var digitsStart = 0
        while cursor < rest {
          let digit = tail.load(fromByteOffset: cursor, as: UInt8.self) &- 48
          if digit > 9 { break }
          size = size &* 10 &+ Int(digit)
          cursor &+= 1
        }
        if cursor >= rest { break fast }
        if tail.load(fromByteOffset: cursor, as: UInt8.self) != 0x0D {
          // A reply subject stands before the size.
          if isReservedReply(tail, rest) { break fast }
          while cursor < rest, tail.load(fromByteOffset: cursor, as: UInt8.self) > 0x20 { cursor &+= 1 }
          if cursor == 0 || cursor >= rest || tail.load(fromByteOffset: cursor, as: UInt8.self) != 0x20 { break fast }
          hasReply = true
          cursor &+= 1
          digitsStart = cursor
          size = 0
          while cursor < rest {
            let digit = tail.load(fromByteOffset: cursor, as: UInt8.self) &- 48
            if digit > 9 { break }
            size = size &* 10 &+ Int(digit)
            cursor &+= 1
          }
          if cursor == digitsStart || cursor >= rest || tail.load(fromByteOffset: cursor, as: UInt8.self) != 0x0D {
            break fast
          }
        } else if cursor == 0 {
          break fast
        }
        let lineLength = subjectLength &+ 1 &+ cursor
        if cursor &- digitsStart > ClientArguments.maxSizeDigits || size > maxPayload || lineLength > maxControlLine {
          break fast
        }
        let tailLength = cursor &+ 4 &+ size
        if tailLength > rest {
          // Incomplete: if the line is, and is a good one, the size tells how much to wait for.
          if cursor &+ 1 < rest, tail.load(fromByteOffset: cursor &+ 1, as: UInt8.self) == 0x0A {
            return .consumed(position, needed: 4 &+ subjectLength &+ 1 &+ tailLength)
          }
          break fast
        }
        if tail.load(fromByteOffset: cursor &+ 1, as: UInt8.self) != 0x0A
          || tail.loadUnaligned(fromByteOffset: tailLength &- 2, as: UInt16.self) != 0x0A0D
        {
          break fast
        }
        messages &+= 1
        bytes &+= UInt64(truncatingIfNeeded: size)
        if entry.pointee.rowCount > 0 {
          deliverVerbatim(entry, subject, subjectLength, tail, tailLength, size)
        } else if hasReply, connection.flags.contains(.noResponders) {
          sendNoResponders(connection, subject, subjectLength, tail)
        }
        position = position &+ 4 &+ subjectLength &+ 1 &+ tailLength
        continue frames
      }
      if word == 0x4255_5048 || word == 0x6275_7068, connection.flags.isDisjoint(with: .careful),
        base.load(fromByteOffset: position &+ 4, as: UInt8.self) == 0x20
      {
        // "HPUB " or "hpub "
        let used = publishWithHeaders(connection, base + position, count &- position)
        if used > 0 {
          position &+= used
          continue frames
        }
      }
      switch handleFrame(connection, base + position, count - position) {
      case .used(let length): position &+= length
      case .suspended(let length): return .consumed(position &+ length, needed: 0)
      case .incomplete(let needed): return .consumed(position, needed: needed)
      case .closed: return .closed
      }
    }
    return .consumed(position, needed: 0)
  }

  /// Replies that the server itself makes up: `_R_.`, `_GR_.`, `$GR.`, `$JS.ACK.` (FEATURES 1.047).
  @inline(__always)
  func isReservedReply(_ reply: UnsafeRawPointer, _ available: Int) -> Bool {
    let first = reply.loadUnaligned(as: UInt32.self)
    if first == 0x2E5F_525F { return available > 4 }  // "_R_."
    if first == 0x5F52_475F { return available > 5 && reply.load(fromByteOffset: 4, as: UInt8.self) == 0x2E }  // "_GR_"
    if first == 0x2E52_4724 { return available > 4 }  // "$GR."
    if first == 0x2E53_4A24 {  // "$JS."
      return available > 8 && reply.loadUnaligned(fromByteOffset: 4, as: UInt32.self) == 0x2E4B_4341  // "ACK."
    }
    return false
  }
}
