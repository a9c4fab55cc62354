/// Takes a tar archive apart as it arrives: plain files with the extensions of POSIX (pax), as Go writes them.
struct TarReader {
  enum Event {
    case file(name: String, size: Int)
    /// Bytes of the file begun last.
    case data([UInt8])
    case endOfFile
  }

  private static let block = 512
  /// Of an extended header.
  private static let largestExtension = 64 << 10

  private var queue = ByteQueue()
  /// Of the current file.
  private var left = 0
  private var isInFile = false
  private var padding = 0
  private var zeroBlocks = 0
  private var extendedName: String?
  private var extendedSize: Int?
  /// Of an extended header that has not arrived.
  private var extensionBytes: Int?

  mutating func append(_ bytes: [UInt8]) {
    if zeroBlocks < 2 { queue.append(bytes) }
  }

  /// The archive may end here.
  var isAtBoundary: Bool { zeroBlocks >= 2 || (queue.isEmpty && !isInFile && extensionBytes == nil && padding == 0) }

  mutating func next() throws(BackupProblem) -> Event? {
    while zeroBlocks < 2 {
      if isInFile {
        if left == 0 {
          isInFile = false
          return .endOfFile
        }
        guard !queue.isEmpty else { return nil }
        let part = queue.take(min(left, queue.count))
        left -= part.count
        return .data(part)
      }
      padding -= queue.skip(padding)
      guard padding == 0 else { return nil }
      if let count = extensionBytes {
        guard queue.count >= count else { return nil }
        try readExtension(queue.take(count))
        extensionBytes = nil
        padding = Self.padding(count)
        continue
      }
      guard queue.count >= Self.block else { return nil }
      if let event = try readHeader(queue.take(Self.block)) { return event }
    }
    return nil
  }

  private static func padding(_ count: Int) -> Int { (block - count % block) % block }

  private static let invalid = BackupProblem("archive/tar: invalid tar header")

  private mutating func readHeader(_ header: [UInt8]) throws(BackupProblem) -> Event? {
    if header.allSatisfy({ $0 == 0 }) {
      zeroBlocks += 1
      return nil
    }
    guard zeroBlocks == 0, let checksum = Self.octal(header[148..<156]) else { throw Self.invalid }
    let sum = header.indices.reduce(0) { $0 + Int((148..<156).contains($1) ? 0x20 : header[$1]) }
    guard sum == checksum, let size = Self.number(header[124..<136]) else { throw Self.invalid }
    switch header[156] {
    case UInt8(ascii: "x"), UInt8(ascii: "g"):
      guard size <= Self.largestExtension else { throw Self.invalid }
      extensionBytes = size
      return nil
    case UInt8(ascii: "0"), 0:
      let name = extendedName ?? Self.name(header)
      left = extendedSize ?? size
      padding = Self.padding(left)
      isInFile = true
      extendedName = nil
      extendedSize = nil
      return .file(name: name, size: left)
    default: throw BackupProblem("unexpected content")
    }
  }

  private static func text(_ field: ArraySlice<UInt8>) -> String {
    String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
  }

  private static func name(_ header: [UInt8]) -> String {
    let prefix = text(header[345..<500])
    return prefix.isEmpty ? text(header[..<100]) : prefix + "/" + text(header[..<100])
  }

  private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
    let digits = text(field).filter { $0 != " " }
    return digits.isEmpty ? 0 : Int(digits, radix: 8)
  }

  /// Octal digits, or for large numbers bytes behind a first one of 0x80.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard field.first == 0x80 else { return octal(field).flatMap { $0 >= 0 ? $0 : nil } }
    var value: UInt64 = 0
    for byte in field.dropFirst() {
      guard value >> 55 == 0 else { return nil }
      value = value << 8 | UInt64(byte)
    }
    return Int(exactly: value)
  }

  /// Records of the form `LENGTH KEY=VALUE` with a line end.
  private mutating func readExtension(_ bytes: [UInt8]) throws(BackupProblem) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let digits = rest.prefix { $0 != UInt8(ascii: " ") }
      guard let length = Int(String(decoding: digits, as: UTF8.self)), length > digits.count + 1, length <= rest.count
      else { throw Self.invalid }
      let record = rest[(rest.startIndex + digits.count + 1)..<(rest.startIndex + length - 1)]
      rest = rest.dropFirst(length)
      let parts = record.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw Self.invalid }
      let value = String(decoding: parts[1], as: UTF8.self)
      switch String(decoding: parts[0], as: UTF8.self) {
      case "path": extendedName = value
      case "size":
        guard let size = Int(value), size >= 0 else { throw Self.invalid }
        extendedSize = size
      default: break
      }
    }
  }
}
