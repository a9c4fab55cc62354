import Subjects

/// The part of a subscription that listens in the account from which a stream is imported: a record in that account's
/// index that delivers to the importing connection.
///
/// Invariant: `record` belongs to the connection's loop; the rest never changes, so any loop that finds the record may
/// read it. It lives until `Epochs` has released the record.
final class Shadow: @unchecked Sendable {
  let connection: ConnectionPointer
  let importer: Account
  let source: StreamImport
  let subject: [UInt8]
  fileprivate(set) var record: SubscriptionPointer?

  init(connection: ConnectionPointer, importer: Account, source: StreamImport, subject: [UInt8]) {
    self.connection = connection
    self.importer = importer
    self.source = source
    self.subject = subject
  }
}

// Owner loop.

extension Connection {
  /// Makes a new subscription hear the streams that its account imports.
  func addShadows(for subscription: SubscriptionPointer, _ imports: [StreamImport]) {
    let subject = account.index.subject(of: subscription)
    for wanted in wantedShadows(subject, imports) { insert(wanted, for: subscription) }
  }

  /// The subscription is about to go.
  func removeShadows(of subscription: SubscriptionPointer) {
    guard !shadows.isEmpty, let list = shadows.removeValue(forKey: subscription.pointee.id) else { return }
    for shadow in list { retire(shadow) }
  }

  /// Follows changed imports and changed permissions. What stays is not interrupted, what is new comes before what is
  /// old goes.
  func refreshShadows() {
    let imports = account.links.streamImports
    if imports.isEmpty && shadows.isEmpty { return }
    subscriptions.forEach(in: server.records) { subscription in
      let old = shadows[subscription.pointee.id] ?? []
      let wanted = wantedShadows(account.index.subject(of: subscription), imports)
      let kept = old.filter { shadow in wanted.contains { $0.isSame(as: shadow) } }
      for shadow in kept { follow(subscription, shadow) }
      shadows[subscription.pointee.id] = kept.isEmpty ? nil : kept
      for shadow in wanted where !kept.contains(where: { $0.isSame(as: shadow) }) { insert(shadow, for: subscription) }
      for shadow in old where !kept.contains(where: { $0 === shadow }) { retire(shadow) }
    }
  }

  private func wantedShadows(_ subject: [UInt8], _ imports: [StreamImport]) -> [Shadow] {
    subject.withUnsafeBytes { subject in
      imports.compactMap { source in
        source.sourceSubject(for: subject).map {
          Shadow(connection: state, importer: account, source: source, subject: $0)
        }
      }
    }
  }

  private func insert(_ shadow: Shadow, for subscription: SubscriptionPointer) {
    let exporter = shadow.source.exporter
    server.logger.debug(
      "\(label) - Creating import subscription on \(shadow.subject.withUnsafeBytes { quoted($0) }) from account "
        + quoted(exporter.name))
    let flags = SubscriptionFlags(rawValue: subscription.flags).intersection(.filtered).union(.shadow)
    shadow.record = shadow.subject.withUnsafeBytes { subject in
      exporter.index.insert(
        subject: subject, queue: account.index.queueName(of: subscription), sid: subscription.sid,
        owner: Unmanaged.passUnretained(shadow).toOpaque(), flags: flags.rawValue)
    }
    guard shadow.record != nil else {
      logError("Could not add shadow import subscription for account \(quoted(exporter.name))")
      return
    }
    shadows[subscription.pointee.id, default: []].append(shadow)
    if exporter.isObserved { exporter.tellObserver(shadow.subject) }
  }

  /// Permissions of the subscription may have changed.
  private func follow(_ subscription: SubscriptionPointer, _ shadow: Shadow) {
    guard let record = shadow.record else { return }
    let filtered = SubscriptionFlags.filtered.rawValue
    record.flags = record.flags & ~filtered | subscription.flags & filtered
    shadow.source.exporter.index.touch(record)
  }

  private func retire(_ shadow: Shadow) {
    guard let record = shadow.record else { return }
    let records = server.records
    let exporter = shadow.source.exporter
    exporter.index.remove(record)
    if exporter.isObserved { exporter.tellObserver(shadow.subject) }
    worker.loop.epochs.retire(on: worker.index) {
      records.release(record)
      withExtendedLifetime(shadow) {}
    }
  }
}

extension Shadow {
  fileprivate func isSame(as other: Shadow) -> Bool { source === other.source && subject == other.subject }
}
