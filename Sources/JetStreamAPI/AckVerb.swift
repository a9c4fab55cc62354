import Bytes
import JSON

/// What a client says about a delivered message (FEATURES 6.049 to 6.054).
public enum AckVerb: Equatable, Sendable {
  /// `+ACK`, `+OK` or nothing.
  case acknowledge
  /// `-NAK`: deliver it again, at once.
  case again
  /// `-NAK` with a delay in nanoseconds.
  case againAfter(Int64)
  /// `-NAK` with something behind it that is no delay: taken as `again`, and worth a warning.
  case againUnclear
  /// `+WPI`: still at work.
  case inProgress
  /// `+NXT`: acknowledged, and send more; the pull request starts at this byte of the payload.
  case next(requestStart: Int)
  /// `+TERM` with the text behind it.
  case terminate(reason: String)

  /// nil for what is none of them: nats-server ignores it.
  public init?(parsing payload: UnsafeRawBufferPointer) {
    if payload.isEmpty || Self.equals(payload, "+ACK") || Self.equals(payload, "+OK") {
      self = .acknowledge
    } else if Self.starts(payload, "+NXT") {
      self = .next(requestStart: 4)
    } else if Self.starts(payload, "-NAK") {
      self = Self.again(Self.trimmed(payload[4...]))
    } else if Self.equals(payload, "+WPI") {
      self = .inProgress
    } else if Self.starts(payload, "+TERM") {
      self = .terminate(reason: String(decoding: Self.trimmed(payload[5...]), as: UTF8.self))
    } else {
      return nil
    }
  }

  /// `{"delay": nanoseconds}` or a duration as Go writes it.
  private static func again(_ argument: UnsafeRawBufferPointer) -> AckVerb {
    guard let first = argument.first else { return .again }
    if first == UInt8(ascii: "{") {
      do {
        var delay: Int64 = 0
        var reader = JSONReader(argument)
        try reader.beginObject()
        while try reader.nextKey() {
          if reader.keyIs("delay") {
            if !reader.readNull() { delay = try reader.readInteger("time.Duration") }
          } else {
            try reader.skipValue()
          }
        }
        try reader.finish()
        return .againAfter(delay)
      } catch {
        return .againUnclear
      }
    }
    guard let delay = try? GoDuration.parse(String(decoding: argument, as: UTF8.self)) else { return .againUnclear }
    return .againAfter(delay)
  }

  static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer {
    var bytes = bytes
    while let first = bytes.first, isSpace(first) { bytes = bytes.dropFirst() }
    while let last = bytes.last, isSpace(last) { bytes = bytes.dropLast() }
    return UnsafeRawBufferPointer(rebasing: bytes)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

  private static func starts(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.count >= text.utf8CodeUnitCount
      && UnsafeRawBufferPointer(rebasing: bytes[..<text.utf8CodeUnitCount])
        .elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.count == text.utf8CodeUnitCount && starts(bytes, text)
  }
}
