extension SubjectTransform {
  /// Writes the new subject of a subject that `matches`, without allocating. Returns its length; if that is more
  /// than `output` holds, the rest is cut off: call again with more room.
  ///
  /// `random` is what `{{random(n)}}` chooses by; equal numbers give equal choices.
  public func apply(
    to subject: UnsafeRawBufferPointer, random: UInt64, into output: UnsafeMutableRawBufferPointer
  ) -> Int {
    var writer = TransformWriter(output)
    var random = random
    var first = true
    for step in steps {
      if !first { writer.append(separatorByte) }
      first = false
      carryOut(step, subject, &random, &writer)
    }
    return writer.count
  }

  private func carryOut(
    _ step: TransformStep, _ subject: UnsafeRawBufferPointer, _ random: inout UInt64, _ writer: inout TransformWriter
  ) {
    switch step {
    case .literal(let range): append(range, to: &writer)
    case .tail: writer.append(Self.tail(of: subject, from: sourceTokenCount - 1))
    case .token(let position): writer.append(Self.token(position, of: subject))
    case .partition(let buckets, let range): writer.append(decimal: partition(subject, buckets, range))
    case .splitFromLeft(let position, let at):
      let token = Self.token(position, of: subject)
      writer.append(token, cutAt: at > 0 && at < token.count ? at : token.count)
    case .splitFromRight(let position, let at):
      let token = Self.token(position, of: subject)
      writer.append(token, cutAt: at > 0 && at < token.count ? token.count - at : token.count)
    case .sliceFromLeft(let position, let size):
      let token = Self.token(position, of: subject)
      writer.append(token, first: size, each: size)
    case .sliceFromRight(let position, let size):
      let token = Self.token(position, of: subject)
      let remainder = size > 0 ? token.count % size : 0
      writer.append(token, first: remainder == 0 ? size : remainder, each: size)
    case .left(let position, let length):
      let token = Self.token(position, of: subject)
      let count = length > 0 && length < token.count ? length : token.count
      writer.append(UnsafeRawBufferPointer(rebasing: token[0..<count]))
    case .right(let position, let length):
      let token = Self.token(position, of: subject)
      let count = length > 0 && length < token.count ? length : token.count
      writer.append(UnsafeRawBufferPointer(rebasing: token[(token.count - count)...]))
    case .split(let position, let delimiter):
      bytes.withUnsafeBytes { bytes in
        let delimiter = UnsafeRawBufferPointer(rebasing: bytes[delimiter])
        writer.append(Self.token(position, of: subject), splitAt: delimiter)
      }
    case .random(let ceiling):
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      writer.append(decimal: ceiling == 0 ? 0 : UInt32(Int(random &>> 33) % ceiling))
    }
  }

  private func append(_ range: Range<Int>, to writer: inout TransformWriter) {
    bytes.withUnsafeBytes { writer.append(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  /// FNV-1a, 32 bits, over the chosen tokens one after the other, or over the whole subject (FEATURES 2.013, 2.014).
  private func partition(_ subject: UnsafeRawBufferPointer, _ buckets: UInt32, _ range: Range<Int>) -> UInt32 {
    if buckets == 0 { return 0 }
    var hash: UInt32 = 2_166_136_261
    func add(_ part: UnsafeRawBufferPointer) {
      for byte in part { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    }
    if range.isEmpty {
      add(subject)
    } else {
      for index in range { add(Self.token(positions[index], of: subject)) }
    }
    return hash % buckets
  }

  /// A token by position; empty if there are not so many.
  private static func token(_ position: Int, of subject: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let rest = tail(of: subject, from: position)
    let end = rest.firstIndex(of: separatorByte) ?? rest.count
    return UnsafeRawBufferPointer(rebasing: rest[0..<end])
  }

  /// The tokens from a position on; empty if there are not so many.
  private static func tail(of subject: UnsafeRawBufferPointer, from position: Int) -> UnsafeRawBufferPointer {
    var start = 0
    var left = position
    while left > 0 {
      while start < subject.count && subject[start] != separatorByte { start &+= 1 }
      if start == subject.count { return UnsafeRawBufferPointer(start: nil, count: 0) }
      start &+= 1
      left &-= 1
    }
    return UnsafeRawBufferPointer(rebasing: subject[start...])
  }
}

/// Writes into a buffer as far as it goes, and counts on.
struct TransformWriter {
  private let output: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(_ output: UnsafeMutableRawBufferPointer) { self.output = output }

  mutating func append(_ byte: UInt8) {
    if count < output.count { output[count] = byte }
    count &+= 1
  }

  mutating func append(_ part: UnsafeRawBufferPointer) {
    let fitting = min(part.count, max(0, output.count - count))
    if fitting > 0 {
      UnsafeMutableRawBufferPointer(rebasing: output[count..<(count + fitting)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: part[0..<fitting]))
    }
    count &+= part.count
  }

  mutating func append(decimal number: UInt32) {
    var divisor: UInt32 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  /// The part with a separator before position `at`; none if that is its end.
  mutating func append(_ part: UnsafeRawBufferPointer, cutAt at: Int) {
    append(UnsafeRawBufferPointer(rebasing: part[0..<at]))
    if at == part.count { return }
    append(separatorByte)
    append(UnsafeRawBufferPointer(rebasing: part[at...]))
  }

  /// The part in slices: the first of length `first`, the following of length `each`, the last what is left.
  /// In one piece if `each` is not positive or reaches its end.
  mutating func append(_ part: UnsafeRawBufferPointer, first: Int, each: Int) {
    if each <= 0 || each >= part.count { return append(part) }
    var start = 0
    var end = first
    while true {
      append(UnsafeRawBufferPointer(rebasing: part[start..<end]))
      if end == part.count { return }
      append(separatorByte)
      start = end
      end = min(end + each, part.count)
    }
  }

  /// The part's pieces between delimiters as tokens. Empty pieces are left out, but as in nats-server two
  /// delimiters at the beginning leave a separator there. An empty delimiter splits into characters.
  mutating func append(_ part: UnsafeRawBufferPointer, splitAt delimiter: UnsafeRawBufferPointer) {
    var rest = part
    var index = 0
    while true {
      let end = Self.pieceEnd(rest, delimiter)
      append(UnsafeRawBufferPointer(rebasing: rest[0..<end]))
      let emptyFirst = index == 0 && end == 0
      let next = end + delimiter.count
      if next > rest.count || (delimiter.isEmpty && next == rest.count) { return }
      rest = UnsafeRawBufferPointer(rebasing: rest[next...])
      if Self.pieceEnd(rest, delimiter) > 0 && !emptyFirst { append(separatorByte) }
      index += 1
    }
  }

  /// The length of the piece that a text begins with; all of it when no delimiter follows.
  private static func pieceEnd(_ text: UnsafeRawBufferPointer, _ delimiter: UnsafeRawBufferPointer) -> Int {
    if delimiter.isEmpty { return characterLength(text) }
    var end = 0
    while end + delimiter.count <= text.count {
      if UnsafeRawBufferPointer(rebasing: text[end..<(end + delimiter.count)]).equals(delimiter) { return end }
      end += 1
    }
    return text.count
  }

  /// The length of the UTF-8 character that a text begins with; 1 for what is none.
  private static func characterLength(_ text: UnsafeRawBufferPointer) -> Int {
    guard let first = text.first else { return 0 }
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
    guard length <= text.count, text[1..<length].allSatisfy({ $0 & 0xC0 == 0x80 }) else { return 1 }
    return length
  }
}
