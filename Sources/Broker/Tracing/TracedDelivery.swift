import CSystem
import Subjects

// Delivery of a message that is traced: what happens at each receiver is noted.

extension Worker {
  /// One row. False when the receiver does not get the message.
  func deliverTraced(
    _ row: UnsafeMutablePointer<Row>, _ entry: MatchEntryPointer, _ message: Message,
    from publisher: ConnectionPointer?, _ trace: MessageTrace
  ) -> Bool {
    let flags = row.pointee.flags
    if flags.contains(.internal) { return deliverUntraced(row, entry, message, from: publisher) }
    if flags.contains(.shadow) {
      if message.isImported { return false }
      let shadow = self.shadow(of: row)
      let subject = flags.contains(.renamed) ? entry.nameBytes(of: row) : message.subjectBytes
      note(trace, .streamExport(account: shadow.importer.name, to: text(subject)))
      if !shadow.source.plan.allowTrace {
        // The importer does not want to be seen: what happens there is not noted.
        if trace.isOnly { return true }
        passage.trace = nil
        defer { passage.trace = trace }
        return deliverUntraced(row, entry, message, from: publisher)
      }
    }
    if let failure = failure(row, from: publisher, isOnly: trace.isOnly) {
      noteEgress(trace, row, failure)
      return false
    }
    if trace.isOnly {
      noteEgress(trace, row, nil)
      return true
    }
    // A subscription that has had its last message is as good as gone, though its loop has yet to remove it.
    guard deliverUntraced(row, entry, message, from: publisher) else { return false }
    noteEgress(trace, row, nil)
    return true
  }

  private func failure(
    _ row: UnsafeMutablePointer<Row>, from publisher: ConnectionPointer?, isOnly: Bool
  ) -> TraceFailure? {
    let flags = row.pointee.flags
    if flags.contains(.noEcho), row.pointee.connection == publisher { return .noEcho }
    if flags.contains(.refused) { return .subscriptionDenied }
    if !isOnly, row.pointee.connection!.isClosed { return .clientClosed }
    return nil
  }

  func note(_ trace: MessageTrace, _ kind: TraceEvent.Kind) { trace.add(kind, at: loop.clock.wallNanoseconds()) }

  private func noteEgress(_ trace: MessageTrace, _ row: UnsafeMutablePointer<Row>, _ failure: TraceFailure?) {
    let connection = row.pointee.connection!.pointee.object
    let subscription = row.pointee.subscription
    let shadow = row.pointee.flags.contains(.shadow) ? self.shadow(of: row) : nil
    let account = shadow?.importer ?? trace.account
    let subject = shadow?.subject ?? trace.account.index.subject(of: subscription)
    note(
      trace,
      .egress(
        connection: connection.identifier, name: connection.announcement().name,
        account: account === trace.home ? "" : account.name, subscription: String(decoding: subject, as: UTF8.self),
        queue: text(account.index.queueName(of: subscription)), error: failure))
  }

  private func shadow(of row: UnsafeMutablePointer<Row>) -> Shadow {
    Unmanaged<Shadow>.fromOpaque(row.pointee.subscription.pointee.owner!).takeUnretainedValue()
  }
}
