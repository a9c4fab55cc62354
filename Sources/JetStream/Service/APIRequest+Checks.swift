import JetStreamAPI

// What nats-server looks at before it looks for the stream that a request is about. Where the stream is there, its loop
// does the same in the same order; so this is asked only for requests that are refused.

extension APIRequest {
  /// Why the request is refused whether or not there is such a stream; nil: it is not.
  func refusalBeforeStream(isStrict: Bool) -> JetStreamError? {
    do throws(JetStreamError) {
      try checkBeforeStream(isStrict)
    } catch {
      return error
    }
    return nil
  }

  private func checkBeforeStream(_ isStrict: Bool) throws(JetStreamError) {
    switch subject.operation {
    case .consumerCreate, .durableCreate:
      var wanted = try ConsumerCreateRequest.decode(payload, isStrict: isStrict)
      try checkLevel()
      try wanted.bind(to: plainSubject)
    case .consumerPause:
      _ = try decoded { (bytes) throws(JetStreamError) in
        try ConsumerPauseRequest.decodePause(bytes, isStrict: isStrict)
      }
      try checkLevel()
    case .consumerInfo:
      if !isEmpty { throw .notEmptyRequest }
      try checkLevel()
    default:
      try checkLevel()
      try checkBody(isStrict)
    }
  }

  private func checkLevel() throws(JetStreamError) {
    if refusesLevel { throw .requiredApiLevel }
  }

  private func checkBody(_ isStrict: Bool) throws(JetStreamError) {
    switch subject.operation {
    case .consumerDelete:
      if !isEmpty { throw .notEmptyRequest }
    case .messageDelete:
      if isEmpty { throw .badRequest }
      _ = try MessageDeleteRequest.decode(payload, isStrict: isStrict)
    case .messageGet:
      if isEmpty { throw .badRequest }
      try MessageGetRequest.decode(payload, isStrict: isStrict).validate()
    case .streamSnapshot:
      if isEmpty { throw .badRequest }
    case .streamInfo:
      if hasJSON { _ = try StreamInfoRequest.decode(payload, isStrict: isStrict) }
    case .streamPurge:
      _ = try decoded { (bytes) throws(JetStreamError) in
        try StreamPurgeRequest.decodePurge(bytes, isStrict: isStrict)
      }
    case .consumerNames, .consumerList:
      if hasJSON { _ = try ConsumerListRequest.decode(payload, isStrict: isStrict) }
    case .consumerUnpin:
      _ = try decoded { (bytes) throws(JetStreamError) in try ConsumerUnpinRequest.decodeUnpin(bytes) }
    default: break
    }
  }
}
