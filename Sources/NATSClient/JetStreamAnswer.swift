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

/// Why a request to the JetStream API came to nothing.
public enum JetStreamError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No answer. After `disconnected` or `timedOut` it may have been carried out; after `noResponders` there is no
  /// JetStream for this account, or no leader.
  case client(ClientError)
  case api(APIError)
  /// The answer is not what the API promises.
  case malformed(String)

  public var description: String {
    switch self {
    case .client(let error): error.description
    case .api(let error): "\(error.description) (\(error.errorCode))"
    case .malformed(let text): "unexpected answer: \(text)"
    }
  }

  /// The number of an API error; nil for other errors.
  public var errorCode: Int? { if case .api(let error) = self { error.errorCode } else { nil } }
}

/// An answer of the JetStream API: an object, which may be about an error.
public enum JetStreamAnswer {
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
}
