import JSON

/// An error that JetStream answered (FEATURES 7.041 to 7.044).
public struct APIError: Error, Sendable, Equatable, CustomStringConvertible, Decodable {
  /// As HTTP's: 400, 404, 503...
  public let code: Int
  /// The number that names the error, such as 10059.
  public let errorCode: Int
  public let description: String

  public init(code: Int, errorCode: Int, description: String) {
    self.code = code
    self.errorCode = errorCode
    self.description = description
  }

  enum CodingKeys: String, CodingKey {
    case code, description
    case errorCode = "err_code"
  }

  /// No such stream.
  public static let streamNotFound = 10059
  /// No such consumer.
  public static let consumerNotFound = 10014
}

/// Why a JetStream call failed.
public enum JetStreamError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No answer. After `disconnected` or `timedOut` the call may have been carried out; after `noResponders` there is no
  /// JetStream for this account, or no leader.
  case client(ClientError)
  case api(APIError)
  /// The answer is not what the API promises.
  case malformed(String)
  /// A name that cannot be part of a subject.
  case invalidName(String)

  public var description: String {
    switch self {
    case .client(let error): error.description
    case .api(let error): "\(error.description) (\(error.errorCode))"
    case .malformed(let text): "unexpected answer: \(text)"
    case .invalidName(let name): "invalid name \"\(name)\""
    }
  }

  /// The number of an API error; nil for other errors.
  public var errorCode: Int? { if case .api(let error) = self { error.errorCode } else { nil } }
}

/// Calls of the JetStream API (FEATURES 7.001 to 7.031). Every call is sent once; `completed` comes on the client's
/// loop.
public struct JetStreamClient: Sendable {
  public typealias Completion<Value> = @Sendable (Result<Value, JetStreamError>) -> Void

  public static let defaultPrefix = "$JS.API"

  public let client: NATSClient
  /// What subjects begin with: `$JS.API`, `$JS.<domain>.API`, or what an account imports the API as.
  public let prefix: String
  public let timeoutNanoseconds: Int64

  /// - Parameters:
  ///   - prefix: goes before `domain`.
  ///   - domain: of another JetStream, behind a leaf node.
  public init(
    _ client: NATSClient, prefix: String? = nil, domain: String? = nil,
    timeoutNanoseconds: Int64 = NATSClient.defaultTimeoutNanoseconds
  ) {
    self.client = client
    self.prefix = prefix ?? domain.map { "$JS.\($0).API" } ?? Self.defaultPrefix
    self.timeoutNanoseconds = timeoutNanoseconds
  }

  /// Any call.
  ///
  /// - Parameters:
  ///   - subject: without the prefix, such as `STREAM.INFO.orders`.
  ///   - body: nil sends none.
  public func call(_ subject: String, _ body: JSONValue? = nil, completed: @escaping Completion<JSONValue>) {
    var writer = JSONWriter(escapesHTML: false)
    if let body { writer.value(body) }
    client.request("\(prefix).\(subject)", writer.bytes, timeoutNanoseconds: timeoutNanoseconds) { answer in
      completed(Self.read(answer))
    }
  }

  /// The same, with the answer as a type.
  public func call<Value: Decodable & Sendable>(
    _ subject: String, _ body: JSONValue? = nil, as type: Value.Type, completed: @escaping Completion<Value>
  ) {
    call(subject, body) { answer in
      completed(
        answer.flatMap { value in
          do {
            return .success(try JSONCoding.decode(type, from: value))
          } catch {
            return .failure(.malformed("\(error)"))
          }
        })
    }
  }

  /// What an answer of the API says.
  public static func read(_ answer: Result<ClientMessage, ClientError>) -> Result<JSONValue, JetStreamError> {
    let message: ClientMessage
    switch answer {
    case .failure(let error): return .failure(.client(error))
    case .success(let answered): message = answered
    }
    guard let value = try? JSONValue(parsing: message.payload), value.object != nil else {
      return .failure(.malformed(String(message.text.prefix(256))))
    }
    guard let error = value["error"], error.object != nil else { return .success(value) }
    guard let decoded = try? JSONCoding.decode(APIError.self, from: error) else { return .failure(.malformed("error")) }
    return .failure(.api(decoded))
  }

  // MARK: - Names

  /// Whether a stream or consumer may be called that, as far as subjects go.
  static func isName(_ name: String) -> Bool {
    SubjectForm.isWord(name) && !name.contains { ".*>/\\".contains($0) }
  }

  /// Makes a call whose subject ends with names.
  func call(
    _ subject: String, names: [String], _ body: JSONValue? = nil, completed: @escaping Completion<JSONValue>
  ) {
    if let bad = names.first(where: { !Self.isName($0) }) { return completed(.failure(.invalidName(bad))) }
    call(([subject] + names).joined(separator: "."), body, completed: completed)
  }

  /// Whether the answer says `success`.
  static func success(_ completed: @escaping Completion<Void>) -> Completion<JSONValue> {
    { answer in
      completed(
        answer.flatMap { $0["success"]?.bool == true ? .success(()) : .failure(.malformed("no success")) })
    }
  }
}
