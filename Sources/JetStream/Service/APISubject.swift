/// What a request asks for, read from its subject (FEATURES 7.001 to 7.037, 8.001, 8.002).
enum APIOperation: Equatable {
  case accountInfo
  case streamCreate, streamUpdate, streamNames, streamList, streamInfo, streamDelete, streamPurge
  case streamSnapshot, streamRestore
  case messageDelete, messageGet
  case streamRemovePeer, streamEvacuatePeer, streamCancelMove, streamStepDown
  /// The filter that the subject names, or empty.
  case consumerCreate(filter: String)
  case durableCreate
  case consumerNames, consumerList, consumerInfo, consumerDelete, consumerPause, consumerReset, consumerUnpin
  case consumerStepDown
  case metaStepDown, serverRemove, serverEvacuate, metaRescue
  case accountPurge, accountStreamMove, accountStreamCancelMove
}

/// A request's subject taken apart.
struct APISubject: Equatable {
  var operation: APIOperation
  /// The name of a stream, or of an account for requests about accounts.
  var stream = ""
  var consumer = ""

  /// - Parameter rest: what follows `$JS.API.`; nil when it is no request that is known.
  init?(_ rest: UnsafeRawBufferPointer) {
    let tokens = rest.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    func text(_ position: Int) -> String { String(decoding: tokens[position], as: UTF8.self) }
    func joined(from position: Int) -> String {
      tokens[position...].map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }
    guard tokens.count >= 1, tokens.allSatisfy({ !$0.isEmpty }) else { return nil }
    let count = tokens.count
    switch (text(0), count) {
    case ("INFO", 1): self.init(.accountInfo)
    case ("STREAM", 2...): self.init(stream: tokens.map { String(decoding: $0, as: UTF8.self) })
    case ("CONSUMER", 3...):
      if text(1) == "CREATE", count >= 4 {
        self.init(.consumerCreate(filter: joined(from: 4)), text(2), text(3))
      } else {
        self.init(consumer: tokens.map { String(decoding: $0, as: UTF8.self) })
      }
    case ("META", 3) where text(1) == "LEADER" && text(2) == "STEPDOWN": self.init(.metaStepDown)
    case ("META", 2) where text(1) == "RESCUE": self.init(.metaRescue)
    case ("SERVER", 2) where text(1) == "REMOVE": self.init(.serverRemove)
    case ("SERVER", 2) where text(1) == "EVACUATE": self.init(.serverEvacuate)
    case ("ACCOUNT", 3) where text(1) == "PURGE": self.init(.accountPurge, text(2))
    case ("ACCOUNT", 5) where text(1) == "STREAM" && text(2) == "MOVE":
      self.init(.accountStreamMove, text(3), text(4))
    case ("ACCOUNT", 5) where text(1) == "STREAM" && text(2) == "CANCEL_MOVE":
      self.init(.accountStreamCancelMove, text(3), text(4))
    default: return nil
    }
  }

  private init(_ operation: APIOperation, _ stream: String = "", _ consumer: String = "") {
    self.operation = operation
    self.stream = stream
    self.consumer = consumer
  }

  private init?(stream tokens: [String]) {
    switch (tokens[1], tokens.count) {
    case ("NAMES", 2): self.init(.streamNames)
    case ("LIST", 2): self.init(.streamList)
    case ("CREATE", 3): self.init(.streamCreate, tokens[2])
    case ("UPDATE", 3): self.init(.streamUpdate, tokens[2])
    case ("INFO", 3): self.init(.streamInfo, tokens[2])
    case ("DELETE", 3): self.init(.streamDelete, tokens[2])
    case ("PURGE", 3): self.init(.streamPurge, tokens[2])
    case ("SNAPSHOT", 3): self.init(.streamSnapshot, tokens[2])
    case ("RESTORE", 3): self.init(.streamRestore, tokens[2])
    case ("CANCEL_MOVE", 3): self.init(.streamCancelMove, tokens[2])
    case ("MSG", 4) where tokens[2] == "DELETE": self.init(.messageDelete, tokens[3])
    case ("MSG", 4) where tokens[2] == "GET": self.init(.messageGet, tokens[3])
    case ("PEER", 4) where tokens[2] == "REMOVE": self.init(.streamRemovePeer, tokens[3])
    case ("PEER", 4) where tokens[2] == "EVACUATE": self.init(.streamEvacuatePeer, tokens[3])
    case ("LEADER", 4) where tokens[2] == "STEPDOWN": self.init(.streamStepDown, tokens[3])
    default: return nil
    }
  }

  private init?(consumer tokens: [String]) {
    switch (tokens[1], tokens.count) {
    case ("CREATE", 3): self.init(.consumerCreate(filter: ""), tokens[2])
    case ("NAMES", 3): self.init(.consumerNames, tokens[2])
    case ("LIST", 3): self.init(.consumerList, tokens[2])
    case ("INFO", 4): self.init(.consumerInfo, tokens[2], tokens[3])
    case ("DELETE", 4): self.init(.consumerDelete, tokens[2], tokens[3])
    case ("PAUSE", 4): self.init(.consumerPause, tokens[2], tokens[3])
    case ("RESET", 4): self.init(.consumerReset, tokens[2], tokens[3])
    case ("UNPIN", 4): self.init(.consumerUnpin, tokens[2], tokens[3])
    case ("DURABLE", 5) where tokens[2] == "CREATE": self.init(.durableCreate, tokens[3], tokens[4])
    case ("LEADER", 5) where tokens[2] == "STEPDOWN": self.init(.consumerStepDown, tokens[3], tokens[4])
    default: return nil
    }
  }
}
