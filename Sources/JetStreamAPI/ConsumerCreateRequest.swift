import JSON
import Subjects

/// A request to create or update a consumer (FEATURES 6.037 to 6.040).
public struct ConsumerCreateRequest: Sendable {
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

  /// - Parameter isStrict: unknown members are refused (`jetstream.strict`, on unless turned off).
  public init(parsing payload: UnsafeRawBufferPointer, isStrict: Bool) throws(JetStreamError) {
    var request = ConsumerCreateRequest()
    try ConsumerDecoding.answering(isStrict: isStrict) { () throws(JSONError) in
      try ConsumerDecoding.decode(payload, root: "CreateConsumerRequest", isStrict: isStrict) {
        (decoding) throws(JSONError) in
        try decoding.object("CreateConsumerRequest") { (decoding) throws(JSONError) in
          if decoding.keyIs("stream_name") {
            try decoding.read(&request.stream)
          } else if decoding.keyIs("config") {
            if !decoding.reader.readNull() { try request.configuration.decode(&decoding) }
          } else if decoding.keyIs("action") {
            try decoding.read(&request.action, refusal: "unknown consumer action: ", isQuoted: false)
          } else if decoding.keyIs("pedantic") {
            try decoding.read(&request.isPedantic)
          } else {
            return false
          }
          return true
        }
      }
    }
    self = request
  }

  /// Compares the request with the subject it came on, `$JS.API.CONSUMER.CREATE...` or `$JS.API.CONSUMER.DURABLE...`,
  /// and takes the consumer's name from there.
  public mutating func bind(to subject: String) throws(JetStreamError) {
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
    guard !filter.isEmpty else { return }
    if !configuration.filterSubjects.isEmpty { throw .consumerMultipleFiltersNotAllowed }
    if configuration.filterSubject != filter { throw .consumerCreateFilterSubjectMismatch }
  }
}
