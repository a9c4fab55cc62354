// Which combinations of members a request for messages may have (FEATURES 5.098, 8.001 to 8.009).

/// An answer without message to a direct get: the status line of its header.
public enum DirectGetStatus: Error, Equatable, Sendable {
  case emptyRequest, malformedRequest, badRequest
  case messageNotFound, noResults, tooManyResults, requiredAPILevel

  /// The header block.
  public var header: StaticString {
    switch self {
    case .emptyRequest: "NATS/1.0 408 Empty Request\r\n\r\n"
    case .malformedRequest: "NATS/1.0 408 Malformed Request\r\n\r\n"
    case .badRequest: "NATS/1.0 408 Bad Request\r\n\r\n"
    case .messageNotFound: "NATS/1.0 404 Message Not Found\r\n\r\n"
    case .noResults: "NATS/1.0 404 No Results\r\n\r\n"
    case .tooManyResults: "NATS/1.0 413 Too Many Results\r\n\r\n"
    case .requiredAPILevel: "NATS/1.0 412 Required Api Level\r\n\r\n"
    }
  }
}

extension MessageGetRequest {
  /// The most subjects of one multi-last request.
  public static let maximumMultiLast = 1024

  /// Checks a STREAM.MSG.GET, which knows no batches.
  public func validate() throws(JetStreamError) {
    let choices = sequence > 0 || !lastBySubject.isEmpty || !nextBySubject.isEmpty || startTime != nil
    let conflicts =
      (sequence > 0 && !lastBySubject.isEmpty) || (sequence > 0 && startTime != nil)
      || (startTime != nil && !lastBySubject.isEmpty) || (!lastBySubject.isEmpty && !nextBySubject.isEmpty)
    if batch > 0 || maximumBytes > 0 || !choices || conflicts { throw .badRequest }
  }

  /// The request of a direct get; members it does not know are skipped, whatever the server's strictness.
  public static func direct(_ bytes: UnsafeRawBufferPointer) throws(DirectGetStatus) -> MessageGetRequest {
    if bytes.isEmpty { throw .emptyRequest }
    let request = try lenient(bytes)
    if request.sequence == 0, request.lastBySubject.isEmpty, request.nextBySubject.isEmpty,
      request.multiLast.isEmpty, request.startTime == nil
    {
      throw .emptyRequest
    }
    let hasLast = !request.lastBySubject.isEmpty
    let hasNext = !request.nextBySubject.isEmpty
    let hasMulti = !request.multiLast.isEmpty
    let conflicts =
      (request.sequence > 0 && (hasLast || request.startTime != nil))
      || (hasLast && (request.startTime != nil || hasNext || request.batch > 0 || hasMulti))
      || (hasNext && hasMulti) || (request.upToSequence > 0 && request.upToTime != nil)
    if conflicts { throw .badRequest }
    return request
  }

  /// The request of a direct get whose subject names the message's subject.
  public static func direct(
    subject: String, _ bytes: UnsafeRawBufferPointer
  ) throws(DirectGetStatus) -> MessageGetRequest {
    var request = bytes.isEmpty ? MessageGetRequest() : try lenient(bytes)
    let isPlain =
      request.lastBySubject.isEmpty && request.nextBySubject.isEmpty && request.multiLast.isEmpty
      && request.sequence == 0 && request.batch == 0 && request.startTime == nil && request.upToSequence == 0
      && request.upToTime == nil
    if subject.isEmpty || !isPlain { throw .badRequest }
    request.lastBySubject = subject
    return request
  }

  private static func lenient(_ bytes: UnsafeRawBufferPointer) throws(DirectGetStatus) -> MessageGetRequest {
    var request = MessageGetRequest()
    do throws(RequestRefusal) {
      try RequestReader.readLeniently(into: &request, from: bytes)
    } catch {
      throw .malformedRequest
    }
    return request
  }
}
