import Glibc

/// The verbs a client may send. INFO, +OK and -ERR are accepted and mean nothing, as with nats-server.
public enum ClientVerb: Sendable, Equatable {
  case publish, publishWithHeaders, subscribe, unsubscribe, ping, pong, connect, info, ok, error
}

/// What the bytes at the start of a frame are, as far as they go.
public enum ClientLineScan: Sendable, Equatable {
  /// A whole control line. Arguments are `[start, end)`, without the line end; the frame goes on at `next`.
  case line(ClientVerb, argumentStart: Int, argumentEnd: Int, next: Int)
  /// The line is good so far; `argumentCount` bytes of its arguments are here.
  case incomplete(argumentCount: Int)
  /// No verb starts like this. It is told as soon as it is certain, before the line has ended.
  case unknown
}

/// Finds control lines of a client (FEATURES 1.001: any case, spaces and tabs in runs, LF ends a line).
public enum ClientLine {
  /// How a verb goes on: what must stand between it and its arguments.
  private enum Gap {
    /// At least one space or tab.
    case required
    /// Any number of spaces or tabs, also none.
    case optional
    /// Everything up to the end of the line is ignored.
    case ignored
  }

  private static let verbs: [(name: StaticString, verb: ClientVerb, gap: Gap)] = [
    ("PUB", .publish, .required), ("HPUB", .publishWithHeaders, .required), ("SUB", .subscribe, .required),
    ("UNSUB", .unsubscribe, .required), ("PING", .ping, .ignored), ("PONG", .pong, .ignored),
    ("CONNECT", .connect, .optional), ("INFO", .info, .optional), ("+OK", .ok, .ignored), ("-ERR", .error, .required),
  ]

  /// Looks at the first `count` bytes of a frame.
  public static func scan(_ base: UnsafeRawPointer, _ count: Int) -> ClientLineScan {
    var isPrefix = false
    for candidate in verbs {
      switch compare(candidate.name, base, count) {
      case .different: continue
      case .prefix: isPrefix = true
      case .equal: return finish(candidate.verb, candidate.gap, candidate.name.utf8CodeUnitCount, base, count)
      }
    }
    return isPrefix ? .incomplete(argumentCount: 0) : .unknown
  }

  private enum Comparison { case equal, prefix, different }

  /// The verb without regard to case; `prefix` when the bytes end before it does.
  private static func compare(_ name: StaticString, _ base: UnsafeRawPointer, _ count: Int) -> Comparison {
    let length = name.utf8CodeUnitCount
    for i in 0..<min(length, count) {
      var byte = base.load(fromByteOffset: i, as: UInt8.self)
      if byte >= 0x61, byte <= 0x7A { byte &-= 0x20 }
      if byte != name.utf8Start[i] { return .different }
    }
    return count >= length ? .equal : .prefix
  }

  private static func finish(_ verb: ClientVerb, _ gap: Gap, _ length: Int, _ base: UnsafeRawPointer, _ count: Int)
    -> ClientLineScan
  {
    var start = length
    switch gap {
    case .required:
      if start == count { return .incomplete(argumentCount: 0) }
      guard isBlank(base.load(fromByteOffset: start, as: UInt8.self)) else { return .unknown }
    case .optional, .ignored: break
    }
    if gap == .ignored {
      guard let end = memchr(base + start, 0x0A, count - start) else {
        return .incomplete(argumentCount: count - start)
      }
      let next = base.distance(to: UnsafeRawPointer(end)) + 1
      return .line(verb, argumentStart: start, argumentEnd: start, next: next)
    }
    while start < count, isBlank(base.load(fromByteOffset: start, as: UInt8.self)) { start += 1 }
    // The first byte of the arguments is taken as it comes, even a line end.
    guard start + 1 < count, let newline = memchr(base + start + 1, 0x0A, count - start - 1) else {
      return .incomplete(argumentCount: count - start)
    }
    let lineEnd = base.distance(to: UnsafeRawPointer(newline))
    let hasReturn = lineEnd > start + 1 && memchr(base + start + 1, 0x0D, lineEnd - start - 1) != nil
    return .line(verb, argumentStart: start, argumentEnd: hasReturn ? lineEnd - 1 : lineEnd, next: lineEnd + 1)
  }

  @inline(__always) static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}

/// A run of bytes inside a line.
public struct Field: Sendable, Equatable {
  public var start: Int
  public var count: Int
  public init(start: Int, count: Int) {
    self.start = start
    self.count = count
  }
}

/// Splits arguments and reads sizes as nats-server does.
public enum ClientArguments {
  /// Fields between spaces and tabs (and, for SUB and UNSUB, stray line ends); at most five are kept, which is
  /// one more than any verb takes.
  public struct Fields: Sendable {
    public var count = 0
    public var first = Field(start: 0, count: 0)
    public var second = Field(start: 0, count: 0)
    public var third = Field(start: 0, count: 0)
    public var fourth = Field(start: 0, count: 0)

    mutating func append(_ field: Field) {
      switch count {
      case 0: first = field
      case 1: second = field
      case 2: third = field
      case 3: fourth = field
      default: break
      }
      count += 1
    }
  }

  public static func split(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, lineEndsSeparate: Bool) -> Fields {
    var fields = Fields()
    var fieldStart = -1
    var i = start
    while i < end {
      let byte = base.load(fromByteOffset: i, as: UInt8.self)
      let separates = ClientLine.isBlank(byte) || (lineEndsSeparate && (byte == 0x0D || byte == 0x0A))
      if separates {
        if fieldStart >= 0 { fields.append(Field(start: fieldStart, count: i - fieldStart)) }
        fieldStart = -1
      } else if fieldStart < 0 {
        fieldStart = i
      }
      i += 1
    }
    if fieldStart >= 0 { fields.append(Field(start: fieldStart, count: end - fieldStart)) }
    return fields
  }

  /// Longest size field; ten digits are refused whatever they say, as nats-server does.
  public static let maxSizeDigits = 9

  /// A size in decimal digits; nil when it is empty, too long or holds anything else.
  public static func size(_ base: UnsafeRawPointer, _ field: Field) -> Int? {
    guard field.count > 0, field.count <= maxSizeDigits else { return nil }
    var value = 0
    for i in field.start..<field.start + field.count {
      let digit = base.load(fromByteOffset: i, as: UInt8.self) &- 48
      guard digit <= 9 else { return nil }
      value = value * 10 + Int(digit)
    }
    return value
  }
}
