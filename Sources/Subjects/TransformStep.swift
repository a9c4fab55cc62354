/// One token of a destination, ready to be carried out. Tokens of the subject are named by position, from 0.
enum TransformStep: Equatable {
  /// A range of the transform's bytes.
  case literal(Range<Int>)
  /// The subject's remaining tokens.
  case tail
  case token(Int)
  /// A range of the transform's positions; empty for the whole subject.
  case partition(buckets: UInt32, Range<Int>)
  case splitFromLeft(Int, Int)
  case splitFromRight(Int, Int)
  case sliceFromLeft(Int, Int)
  case sliceFromRight(Int, Int)
  case left(Int, Int)
  case right(Int, Int)
  /// The delimiter is a range of the transform's bytes.
  case split(Int, Range<Int>)
  case random(Int)
}

/// Turns tokens as written into steps, and checks them against the source.
struct TransformCompiler {
  let source: PatternShape
  let strict: Bool
  private(set) var steps: [TransformStep] = []
  private(set) var bytes: [UInt8] = []
  private(set) var positions: [Int] = []
  private(set) var wildcardsUsed = 0

  init(source: PatternShape, strict: Bool) {
    self.source = source
    self.strict = strict
  }

  mutating func add(_ text: String) throws(SubjectTransformError) {
    let token = try TransformToken(parsing: text)
    if source.stars.isEmpty && !source.hasTail {
      try addWithoutWildcards(token, text)
      return
    }
    if strict {
      switch token {
      case .literal, .wildcard: break
      default: throw SubjectTransformError(.notSupportedForImport, in: text)
      }
    }
    steps.append(try step(token, text))
  }

  /// Of a literal source, functions can only use the whole subject (FEATURES 2.014, 2.015).
  private mutating func addWithoutWildcards(_ token: TransformToken, _ text: String) throws(SubjectTransformError) {
    switch token {
    case .literal: steps.append(.literal(keep(text.utf8)))
    case .partition(let buckets, _): steps.append(.partition(buckets: UInt32(bitPattern: buckets), 0..<0))
    case .random(let ceiling): steps.append(.random(Int(ceiling)))
    default: throw SubjectTransformError(.indexOutOfRange, in: text)
    }
  }

  private mutating func step(_ token: TransformToken, _ text: String) throws(SubjectTransformError) -> TransformStep {
    switch token {
    case .literal: return text == ">" ? .tail : .literal(keep(text.utf8))
    case .wildcard(let number): return .token(try position(number, text))
    case .partition(let buckets, let wildcards):
      let start = positions.count
      for number in wildcards { positions.append(try position(number, text)) }
      return .partition(buckets: UInt32(bitPattern: buckets), start..<positions.count)
    case .splitFromLeft(let number, let at): return .splitFromLeft(try position(number, text), Int(at))
    case .splitFromRight(let number, let at): return .splitFromRight(try position(number, text), Int(at))
    case .sliceFromLeft(let number, let size): return .sliceFromLeft(try position(number, text), Int(size))
    case .sliceFromRight(let number, let size): return .sliceFromRight(try position(number, text), Int(size))
    case .left(let number, let length): return .left(try position(number, text), Int(length))
    case .right(let number, let length): return .right(try position(number, text), Int(length))
    case .split(let number, let delimiter): return .split(try position(number, text), keep(delimiter))
    case .random(let ceiling): return .random(Int(ceiling))
    }
  }

  /// The token that wildcard `number` stands for. As in nats-server, numbers below 1 mean the first token.
  private mutating func position(_ number: Int, _ text: String) throws(SubjectTransformError) -> Int {
    if number > source.stars.count { throw SubjectTransformError(.indexOutOfRange, in: "\(text): [\(number)]") }
    wildcardsUsed += 1
    return number < 1 ? 0 : source.stars[number - 1]
  }

  private mutating func keep(_ part: some Sequence<UInt8>) -> Range<Int> {
    let start = bytes.count
    bytes.append(contentsOf: part)
    return start..<bytes.count
  }
}
