/// A request to create or update a consumer (FEATURES 6.037 to 6.040).
public struct ConsumerCreateRequest: RequestReadable, Sendable {
  /// What may happen (FEATURES 6.039).
  public enum Action: String, Sendable {
    case createOrUpdate = ""
    case create
    case update
  }

  public var stream = ""
  public var configuration = ConsumerConfiguration()
  public var action = Action.createOrUpdate
  /// Nothing is to be changed without a word (FEATURES 6.040).
  public var isPedantic = false

  public init() {}

  public static var typeName: StaticString { "CreateConsumerRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "stream_name": reader.read(&stream)
    case "config": try reader.read(&configuration)
    case "action": try reader.readWord(&action, refusal: "unknown consumer action: ")
    case "pedantic": reader.read(&isPedantic)
    default: return false
    }
    return true
  }

  /// Compares the request with the subject it came on, `$JS.API.CONSUMER.CREATE...` or `$JS.API.CONSUMER.DURABLE...`,
  /// and takes the consumer's name from there.
  /// - Parameter isSingleServer: there are no replicas then (error 10074).
  public mutating func bind(to subject: String, isSingleServer: Bool = true) throws(JetStreamError) {
    let tokens = subject.split(separator: ".", omittingEmptySubsequences: false)
    let isDurable = tokens.count > 5 && tokens[3] == "DURABLE"
    let isLegacyEphemeral = tokens.count == 5
    var streamToken = Substring()
    var consumer = ""
    var filter = ""
    if isLegacyEphemeral {
      streamToken = tokens[4]
      consumer = configuration.name
    } else if isDurable {
      guard tokens.count == 7 else { throw .consumerDurableNameNotInSubject }
      streamToken = tokens[5]
      consumer = String(tokens[6])
    } else if tokens.count > 5 {
      streamToken = tokens[4]
      consumer = String(tokens[5])
      filter = tokens[6...].joined(separator: ".")
    }
    guard streamToken == stream else { throw .streamMismatch }
    if consumer.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) {
      throw .consumerNameContainsPathSeparators
    }
    if isLegacyEphemeral {
      if !configuration.durableName.isEmpty { throw .consumerEphemeralWithDurableName }
    } else {
      if isDurable, configuration.durableName.isEmpty { throw .consumerDurableNameNotSet }
      if !configuration.durableName.isEmpty, configuration.durableName != consumer {
        throw .consumerDurableNameNotMatchSubject
      }
      configuration.name = consumer
    }
    if !filter.isEmpty {
      if !configuration.filterSubjects.isEmpty { throw .consumerMultipleFiltersNotAllowed }
      if configuration.filterSubject != filter { throw .consumerCreateFilterSubjectMismatch }
    }
    if isSingleServer, configuration.replicas > 1 { throw .streamReplicasNotSupported }
  }
}
