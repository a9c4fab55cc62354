import Testing

@testable import JetStream

struct APISubjectTests {
  static func parse(_ text: String) -> APISubject? {
    Array(text.utf8).withUnsafeBytes { APISubject($0) }
  }

  static let known: [(String, APIOperation, String, String)] = [
    ("INFO", .accountInfo, "", ""),
    ("STREAM.CREATE.S", .streamCreate, "S", ""),
    ("STREAM.UPDATE.S", .streamUpdate, "S", ""),
    ("STREAM.NAMES", .streamNames, "", ""),
    ("STREAM.LIST", .streamList, "", ""),
    ("STREAM.INFO.S", .streamInfo, "S", ""),
    ("STREAM.DELETE.S", .streamDelete, "S", ""),
    ("STREAM.PURGE.S", .streamPurge, "S", ""),
    ("STREAM.SNAPSHOT.S", .streamSnapshot, "S", ""),
    ("STREAM.RESTORE.S", .streamRestore, "S", ""),
    ("STREAM.MSG.DELETE.S", .messageDelete, "S", ""),
    ("STREAM.MSG.GET.S", .messageGet, "S", ""),
    ("STREAM.PEER.REMOVE.S", .streamRemovePeer, "S", ""),
    ("STREAM.PEER.EVACUATE.S", .streamEvacuatePeer, "S", ""),
    ("STREAM.CANCEL_MOVE.S", .streamCancelMove, "S", ""),
    ("STREAM.LEADER.STEPDOWN.S", .streamStepDown, "S", ""),
    ("CONSUMER.CREATE.S", .consumerCreate(filter: ""), "S", ""),
    ("CONSUMER.CREATE.S.c", .consumerCreate(filter: ""), "S", "c"),
    ("CONSUMER.CREATE.S.c.a.b.>", .consumerCreate(filter: "a.b.>"), "S", "c"),
    ("CONSUMER.DURABLE.CREATE.S.c", .durableCreate, "S", "c"),
    ("CONSUMER.NAMES.S", .consumerNames, "S", ""),
    ("CONSUMER.LIST.S", .consumerList, "S", ""),
    ("CONSUMER.INFO.S.c", .consumerInfo, "S", "c"),
    ("CONSUMER.DELETE.S.c", .consumerDelete, "S", "c"),
    ("CONSUMER.PAUSE.S.c", .consumerPause, "S", "c"),
    ("CONSUMER.RESET.S.c", .consumerReset, "S", "c"),
    ("CONSUMER.UNPIN.S.c", .consumerUnpin, "S", "c"),
    ("CONSUMER.LEADER.STEPDOWN.S.c", .consumerStepDown, "S", "c"),
    ("META.LEADER.STEPDOWN", .metaStepDown, "", ""),
    ("META.RESCUE", .metaRescue, "", ""),
    ("SERVER.REMOVE", .serverRemove, "", ""),
    ("SERVER.EVACUATE", .serverEvacuate, "", ""),
    ("ACCOUNT.PURGE.A", .accountPurge, "A", ""),
    ("ACCOUNT.STREAM.MOVE.A.S", .accountStreamMove, "A", "S"),
    ("ACCOUNT.STREAM.CANCEL_MOVE.A.S", .accountStreamCancelMove, "A", "S"),
  ]

  @Test("FEATURES 7.001 to 7.037: every request is known by its subject", arguments: known)
  func knownSubjects(subject: String, operation: APIOperation, stream: String, consumer: String) throws {
    let parsed = try #require(Self.parse(subject))
    #expect(parsed.operation == operation)
    #expect(parsed.stream == stream)
    #expect(parsed.consumer == consumer)
  }

  @Test(
    "what is no request",
    arguments: [
      "", "X", "INFO.X", "STREAM", "STREAM.CREATE", "STREAM.CREATE.S.T", "STREAM.MSG.GET", "STREAM..S", ".INFO",
      "INFO.",
      "CONSUMER.INFO.S", "CONSUMER.CREATE", "CONSUMER.CREATE.S.c.", "CONSUMER.DURABLE.CREATE.S", "META.LEADER",
      "ACCOUNT.PURGE", "stream.info.S",
    ])
  func unknownSubjects(subject: String) { #expect(Self.parse(subject) == nil) }
}
