import Bytes
import JSON

/// A request, or a part of one, that is read member by member.
public protocol RequestReadable {
  init()
  /// The type in Go's error texts, as `StreamConfigRequest`.
  static var typeName: StaticString { get }
  /// Reads the value of the member `name` (folded to lower case), or returns false if there is no such member.
  mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool
}

extension RequestReadable {
  /// The request in a message. An empty message is a request with nothing set (FEATURES 7.042, 5.043).
  ///
  /// - Parameter isStrict: refuse what is unknown; otherwise only what cannot be understood is refused.
  /// - Throws: error 10025 with the text of nats-server.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, isStrict: Bool = true
  ) throws(JetStreamError) -> Self {
    var request = Self()
    do {
      try RequestReader.readAll(into: &request, from: bytes)
    } catch {
      if isStrict { throw .invalidJSON(error.description) }
      do {
        try RequestReader.readLeniently(into: &request, from: bytes)
      } catch {
        throw .invalidJSON(error.description)
      }
    }
    return request
  }

  public static func decode(_ bytes: [UInt8], isStrict: Bool = true) throws(JetStreamError) -> Self {
    try bytes.withUnsafeBytes { bytes in
      Result { () throws(JetStreamError) in try decode(bytes, isStrict: isStrict) }
    }.get()
  }
}

/// Why a request cannot be read, in nats-server's words.
public struct RequestRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }

  /// What Go says of a value that a type's own rules refuse.
  static func unmarshal(_ raw: UnsafeRawBufferPointer) -> Self {
    Self("can not unmarshal \(GoString.quote(raw))")
  }
}

/// Reads a request as nats-server does, which is as Go's encoding/json does with unknown members forbidden:
/// syntax errors go before all others; a value of the wrong type or an unknown member is remembered and reading goes
/// on, the first of them is reported; a value that its type's own rules refuse ends reading at once; `null` leaves
/// the target as it was; several documents may follow each other, all read into the same request.
public struct RequestReader {
  private var json: JSONReader
  private let root: StaticString
  private let refusesUnknown: Bool
  private var path: [JSONError.PathElement] = []
  private var firstProblem: String?

  private init(_ bytes: UnsafeRawBufferPointer, root: StaticString, refusesUnknown: Bool) {
    json = JSONReader(bytes, maximumDepth: JSONLimits.treeDepth)
    self.root = root
    self.refusesUnknown = refusesUnknown
  }

  static func readAll<Request: RequestReadable>(
    into request: inout Request, from bytes: UnsafeRawBufferPointer
  ) throws(RequestRefusal) {
    var reader = RequestReader(bytes, root: Request.typeName, refusesUnknown: true)
    while !reader.isAtEnd(bytes) {
      do throws(JSONError) {
        var probe = reader.json
        try probe.skipValue()
      } catch {
        throw RequestRefusal(error.strictDescription)
      }
      try reader.readRoot(&request)
      if let problem = reader.firstProblem { throw RequestRefusal(problem) }
    }
  }

  static func readLeniently<Request: RequestReadable>(
    into request: inout Request, from bytes: UnsafeRawBufferPointer
  ) throws(RequestRefusal) {
    do throws(JSONError) {
      try JSONReader.validate(bytes)
    } catch {
      throw RequestRefusal(error.description)
    }
    var reader = RequestReader(bytes, root: Request.typeName, refusesUnknown: false)
    try reader.readRoot(&request)
    if let problem = reader.firstProblem { throw RequestRefusal(problem) }
  }

  /// What a type refused counts only if nothing was wrong before.
  private mutating func readRoot<Request: RequestReadable>(_ request: inout Request) throws(RequestRefusal) {
    do {
      try read(&request)
    } catch {
      throw firstProblem.map { RequestRefusal($0) } ?? error
    }
  }

  private func isAtEnd(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes[json.position...].allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
  }

  // MARK: - Objects

  /// The next value as an object; `null` leaves `target` as it is.
  public mutating func read<Value: RequestReadable>(_ target: inout Value) throws(RequestRefusal) {
    if json.readNull() { return }
    guard attempt(wanting: { "server.\(Value.typeName)" }, { json throws(JSONError) in try json.beginObject() }) != nil
    else { return }
    while let name = nextKey() {
      path.append(.member(name))
      if try !target.read(JSONKey.folded(name), from: &self) { skipUnknown(name) }
      path.removeLast()
    }
  }

  /// The same for a part that may be absent; `null` makes it absent.
  public mutating func read<Value: RequestReadable>(_ target: inout Value?) throws(RequestRefusal) {
    if json.readNull() {
      target = nil
      return
    }
    var value = target ?? Value()
    let problems = firstProblem
    try read(&value)
    if firstProblem == problems || target != nil { target = value }
  }

  /// An array of objects; `type` is Go's name for an element with what stands before it, as `[]*server.StreamSource`.
  public mutating func read<Value: RequestReadable>(
    _ target: inout [Value], type: @autoclosure () -> String
  ) throws(RequestRefusal) {
    try readElements(into: &target, type: type) { reader throws(RequestRefusal) in
      var value = Value()
      try reader.read(&value)
      return value
    }
  }

  // MARK: - Scalars

  public mutating func read(_ target: inout String) {
    readScalar(&target, "string") { json throws(JSONError) in try json.readString() }
  }

  public mutating func read(_ target: inout Bool) {
    readScalar(&target, "bool") { json throws(JSONError) in try json.readBool() }
  }

  /// A whole number; `type` is Go's name for the type.
  public mutating func read<Integer: FixedWidthInteger>(_ target: inout Integer, _ type: StaticString) {
    readScalar(&target, type) { json throws(JSONError) in try json.readInteger("") }
  }

  /// Nanoseconds.
  public mutating func readDuration(_ target: inout Int64) {
    read(&target, "time.Duration")
  }

  /// A time that may be absent.
  public mutating func read(_ target: inout Timestamp?) throws(RequestRefusal) {
    if json.readNull() {
      target = nil
      return
    }
    var text = ""
    let problems = firstProblem
    readScalar(&text, "time.Time") { json throws(JSONError) in try json.readString() }
    guard firstProblem == problems else { return }
    do {
      target = try RFC3339.parse(text)
    } catch {
      throw RequestRefusal(error.description)
    }
  }

  public mutating func read(_ target: inout [String]) throws(RequestRefusal) {
    try readElements(into: &target, type: { "[]string" }) { reader throws(RequestRefusal) in
      var text = ""
      reader.read(&text)
      return text
    }
  }

  /// Whole numbers in an array; `type` is Go's name for one.
  public mutating func read(_ target: inout [Int64], _ type: StaticString) throws(RequestRefusal) {
    try readElements(into: &target, type: { "[]\(type)" }) { reader throws(RequestRefusal) in
      var value: Int64 = 0
      reader.read(&value, type)
      return value
    }
  }

  /// Texts by name. Members add to those that are there.
  public mutating func read(_ target: inout [String: String]) throws(RequestRefusal) {
    if json.readNull() {
      target = [:]
      return
    }
    guard
      attempt(wanting: { "map[string]string" }, { json throws(JSONError) in try json.beginObject() }) != nil
    else { return }
    while let name = nextKey() {
      path.append(.member(name))
      var text = ""
      read(&text)
      target[name] = text
      path.removeLast()
    }
  }

  /// Any value as it stands, for types with rules of their own. These rules see `null` too.
  public mutating func readRaw() -> UnsafeRawBufferPointer {
    attempt(wanting: { "" }, { json throws(JSONError) in try json.readRaw() })
      ?? UnsafeRawBufferPointer(start: nil, count: 0)
  }

  // MARK: - Steps

  private mutating func readScalar<Value>(
    _ target: inout Value, _ type: StaticString, _ body: (inout JSONReader) throws(JSONError) -> Value
  ) {
    if json.readNull() { return }
    if let value = attempt(wanting: { "\(type)" }, body) { target = value }
  }

  private mutating func readElements<Value>(
    into target: inout [Value], type: () -> String,
    _ element: (inout RequestReader) throws(RequestRefusal) -> Value
  ) throws(RequestRefusal) {
    if json.readNull() {
      target = []
      return
    }
    guard attempt(wanting: type, { json throws(JSONError) in try json.beginArray() }) != nil else { return }
    target = []
    while attempt(wanting: { "" }, { json throws(JSONError) in try json.nextElement() }) == true {
      path.append(.element(target.count))
      target.append(try element(&self))
      path.removeLast()
    }
  }

  private mutating func nextKey() -> String? {
    let found = attempt(wanting: { "" }, { json throws(JSONError) in try json.nextKey() })
    return found == true ? json.key : nil
  }

  private mutating func skipUnknown(_ name: String) {
    if refusesUnknown { remember("json: unknown field \(GoString.quote(name))") }
    _ = attempt(wanting: { "" }, { json throws(JSONError) in try json.skipValue() })
  }

  private mutating func remember(_ problem: String) {
    if firstProblem == nil { firstProblem = problem }
  }

  /// The syntax has been checked, so what can fail is the type of a value; it is skipped then.
  private mutating func attempt<Value>(
    wanting type: () -> String, _ body: (inout JSONReader) throws(JSONError) -> Value
  ) -> Value? {
    do throws(JSONError) {
      return try body(&json)
    } catch {
      if firstProblem == nil { firstProblem = text(of: error, wanting: type()) }
      return nil
    }
  }

  private func text(of error: JSONError, wanting type: String) -> String {
    guard case .mismatch(var mismatch) = error.kind else { return error.description }
    mismatch.root = "\(root)"
    mismatch.path = path
    mismatch.type = type
    return mismatch.description
  }
}
