import Bytes
import JetStreamAPI

// Restores, as the table of streams sees them. Loop 0.

extension JetStreamService {
  /// STREAM.RESTORE: checks everything that can be checked before the first chunk, and says where it is expected.
  func restore(_ request: APIRequest) throws(JetStreamError) {
    if request.isEmpty { throw .badRequest }
    let wanted = try StreamRestoreRequest.decode(request.payload, isStrict: options.strict)
    let account = request.account
    let configuration = try wanted.restoration(of: request.subject.stream, in: surroundings(of: account))
    try refuseUnserved(configuration.name, in: account)
    guard backups.beginRestore() else { throw .streamRestore("too many restores at a time") }
    // The number is used up, whatever becomes of the restore.
    let identifier = table.nextIdentifier
    table.nextIdentifier += 1
    server.logger.info("Starting restore for stream '\(account.name) > \(configuration.name)'")
    let loop = loops[0]
    loop.publish(
      Advisory.restoreCreate(configuration.name, client: request.requesterJSON, loop.advisoryHead()),
      in: account.account)
    let restore = StreamRestore(request, configuration, identifier: identifier, loop: loopForNewStream())
    restore.listen()
    request.answer(StreamRestoreAnswer(deliverSubject: restore.subject).answer(), on: loop)
  }

  /// Puts a restored stream, whose data are durable, in place; `done` follows when that is durable, too.
  func put(
    _ runner: StreamRunner, in account: AccountJetStream, _ done: @escaping @Sendable (JetStreamError?) -> Void
  ) {
    let handle = runner.handle
    do throws(JetStreamError) {
      guard isListed(account) else { throw .notEnabledForAccount }
      if backups.isStopped { throw .streamRestore("server is shutting down") }
      try handle.configuration.checkRestored(bytes: 0, in: surroundings(of: account))
      try refuseUnserved(handle.name, in: account)
    } catch {
      done(error)
      return
    }
    account.add(handle)
    guard runner.isLogged else {
      done(nil)
      return
    }
    let stream = MetaLog.Stream(
      account: account.account.name, identifier: handle.identifier, created: handle.created,
      configuration: handle.configuration)
    record(.created, MetaLog.created(stream)) { done(nil) }
  }
}
