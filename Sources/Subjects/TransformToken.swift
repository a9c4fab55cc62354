/// What one token of a transform's destination asks for, as written: wildcards by their number in the source,
/// counted from 1 (FEATURES 2.012 to 2.020).
enum TransformToken: Equatable {
  case literal
  case wildcard(Int)
  /// Without wildcards: over the whole subject.
  case partition(Int32, wildcards: [Int])
  case splitFromLeft(Int, Int32)
  case splitFromRight(Int, Int32)
  case sliceFromLeft(Int, Int32)
  case sliceFromRight(Int, Int32)
  case left(Int, Int32)
  case right(Int, Int32)
  case split(Int, delimiter: [UInt8])
  case random(Int32)

  /// Reads a token. `$N` and `{{function(arguments)}}` are placeholders, anything else is literal, also `$` with
  /// what is not a number, because other subjects begin with it.
  init(parsing text: String) throws(SubjectTransformError) {
    let token = [UInt8](text.utf8)
    if token.count > 1 && token[0] == UInt8(ascii: "$") {
      self = Int(text.dropFirst()).map { .wildcard($0) } ?? .literal
    } else if Self.looksLikeFunction(token) {
      try self.init(function: token, text)
    } else {
      self = .literal
    }
  }

  /// Longer than `{{}}`, and in such braces.
  static func looksLikeFunction(_ token: [UInt8]) -> Bool {
    token.count > 4 && token.starts(with: openBraces) && token.suffix(2) == closeBraces
  }

  /// In the order in which they are looked for.
  private enum Function: CaseIterable {
    case wildcard, partition, splitFromLeft, splitFromRight, sliceFromLeft, sliceFromRight, right, left, split, random

    /// Each word of a name may begin with either case; the rest is as written here (FEATURES 2.020).
    var words: [StaticString] {
      switch self {
      case .wildcard: ["wildcard"]
      case .partition: ["partition"]
      case .splitFromLeft: ["split", "from", "left"]
      case .splitFromRight: ["split", "from", "right"]
      case .sliceFromLeft: ["slice", "from", "left"]
      case .sliceFromRight: ["slice", "from", "right"]
      case .right: ["right"]
      case .left: ["left"]
      case .split: ["split"]
      case .random: ["random"]
      }
    }
  }

  private init(function token: [UInt8], _ text: String) throws(SubjectTransformError) {
    for function in Function.allCases {
      guard let arguments = Self.arguments(of: function.words, in: token) else { continue }
      switch function {
      case .wildcard: self = try Self.makeWildcard(arguments, text)
      case .partition: self = try Self.makePartition(arguments, text)
      case .splitFromLeft: self = try Self.pair(arguments, text, Self.splitFromLeft)
      case .splitFromRight: self = try Self.pair(arguments, text, Self.splitFromRight)
      case .sliceFromLeft: self = try Self.pair(arguments, text, Self.sliceFromLeft)
      case .sliceFromRight: self = try Self.pair(arguments, text, Self.sliceFromRight)
      case .right: self = try Self.pair(arguments, text, Self.right)
      case .left: self = try Self.pair(arguments, text, Self.left)
      case .split: self = try Self.makeSplit(arguments, text)
      case .random: self = try Self.makeRandom(arguments, text)
      }
      return
    }
    throw SubjectTransformError(.unknownFunction, in: text)
  }
}

// MARK: Arguments

extension TransformToken {
  private static func makeWildcard(_ arguments: [[UInt8]], _ text: String) throws(SubjectTransformError) -> Self {
    if arguments == [[]] { throw SubjectTransformError(.notEnoughArguments, in: text) }
    if arguments.count > 1 { throw SubjectTransformError(.tooManyArguments, in: text) }
    return .wildcard(try integer(arguments[0], text))
  }

  private static func makePartition(_ arguments: [[UInt8]], _ text: String) throws(SubjectTransformError) -> Self {
    let buckets = try boundedInteger(arguments[0], text)
    var wildcards: [Int] = []
    for argument in arguments.dropFirst() { wildcards.append(try integer(argument, text)) }
    return .partition(buckets, wildcards: wildcards)
  }

  private static func makeRandom(_ arguments: [[UInt8]], _ text: String) throws(SubjectTransformError) -> Self {
    // nats-server has this text for too many arguments, too.
    if arguments.count != 1 { throw SubjectTransformError(.notEnoughArguments, in: text) }
    return .random(try boundedInteger(arguments[0], text))
  }

  private static func makeSplit(_ arguments: [[UInt8]], _ text: String) throws(SubjectTransformError) -> Self {
    try expectTwo(arguments, text)
    let wildcard = try integer(arguments[0], text)
    if arguments[1].contains(0x20) || arguments[1].contains(separatorByte) {
      throw SubjectTransformError(.invalidArgument, in: text)
    }
    return .split(wildcard, delimiter: arguments[1])
  }

  private static func pair(
    _ arguments: [[UInt8]], _ text: String, _ make: (Int, Int32) -> Self
  ) throws(SubjectTransformError) -> Self {
    try expectTwo(arguments, text)
    let wildcard = try integer(arguments[0], text)
    guard let number = Int32(exactly: try integer(arguments[1], text)) else {
      throw SubjectTransformError(.invalidArgument, in: text)
    }
    return make(wildcard, number)
  }

  private static func expectTwo(_ arguments: [[UInt8]], _ text: String) throws(SubjectTransformError) {
    if arguments.count < 2 { throw SubjectTransformError(.notEnoughArguments, in: text) }
    if arguments.count > 2 { throw SubjectTransformError(.tooManyArguments, in: text) }
  }

  /// Counts of partitions: up to 2^31 - 1; below zero they wrap to 32 bits.
  private static func boundedInteger(_ argument: [UInt8], _ text: String) throws(SubjectTransformError) -> Int32 {
    let number = try integer(argument, text)
    if number > Int(Int32.max) { throw SubjectTransformError(.invalidArgument, in: text) }
    return Int32(truncatingIfNeeded: number)
  }

  private static func integer(_ argument: [UInt8], _ text: String) throws(SubjectTransformError) -> Int {
    let trimmed = argument.drop { $0 == 0x20 }
    let end = trimmed.lastIndex { $0 != 0x20 } ?? trimmed.startIndex - 1
    guard let number = Int(String(decoding: trimmed[trimmed.startIndex..<(end + 1)], as: UTF8.self)) else {
      throw SubjectTransformError(.invalidArgument, in: text)
    }
    return number
  }
}

// MARK: Call syntax

private let openBraces: [UInt8] = [0x7B, 0x7B]
private let closeBraces: [UInt8] = [0x7D, 0x7D]

extension TransformToken {
  /// The arguments, if the token holds a call of this function: `{{`, name, `(`, arguments, `)`, `}}`, with white
  /// space between. The call may stand anywhere in the token, the last fitting `)` ends the arguments.
  static func arguments(of words: [StaticString], in token: [UInt8]) -> [[UInt8]]? {
    for start in token.indices where token[start...].starts(with: openBraces) {
      var position = skipSpace(token, start + 2)
      guard let nameEnd = matchName(words, token, position) else { continue }
      position = skipSpace(token, nameEnd)
      guard position < token.count, token[position] == UInt8(ascii: "(") else { continue }
      if let end = argumentsEnd(token, position + 1) { return separated(token[(position + 1)..<end]) }
    }
    return nil
  }

  private static func matchName(_ words: [StaticString], _ token: [UInt8], _ start: Int) -> Int? {
    var position = start
    for word in words {
      for index in 0..<word.utf8CodeUnitCount {
        let wanted = word.utf8Start[index]
        guard position < token.count else { return nil }
        let upper = index == 0 && token[position] == wanted - 0x20
        if token[position] != wanted && !upper { return nil }
        position += 1
      }
    }
    return position
  }

  private static func argumentsEnd(_ token: [UInt8], _ start: Int) -> Int? {
    var found: Int?
    for position in start..<max(start, token.count) {
      if token[position] == 0x0A { break }
      if token[position] != UInt8(ascii: ")") { continue }
      if token[skipSpace(token, position + 1)...].starts(with: closeBraces) { found = position }
    }
    return found
  }

  /// Splits at commas and drops white space behind them.
  private static func separated(_ arguments: ArraySlice<UInt8>) -> [[UInt8]] {
    let parts = arguments.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    return parts.enumerated().map { index, part in index == 0 ? Array(part) : Array(part.drop(while: isSpace)) }
  }

  private static func skipSpace(_ token: [UInt8], _ start: Int) -> Int {
    var position = start
    while position < token.count && isSpace(token[position]) { position += 1 }
    return position
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0C || byte == 0x0D
  }
}
