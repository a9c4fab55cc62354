import NATSClient
import Reactor
import Reconciliation

/// Resources that are being deleted, and finalizers.
extension Engine {
  func changeFinalizer(_ isPresent: Bool, of record: ResourceRecord) {
    guard !record.isChangingFinalizer else { return }
    record.isChangingFinalizer = true
    source.setFinalizer(isPresent, of: record.identity) { [weak self, weak record] error in
      guard let self, let record else { return }
      record.isChangingFinalizer = false
      guard self.records[record.identity] === record, self.canWork else { return }
      guard let error else { return self.finalizerChanged(record) }
      let message = "the finalizer cannot be \(isPresent ? "added" : "removed"): \(error)"
      self.report(
        record, record.isDeleting ? .finalizing : .errored, message, ResourceEvent(.warning, .failed, message))
      self.retry(record)
    }
  }

  /// The source delivers the resource again, perhaps it has already.
  private func finalizerChanged(_ record: ResourceRecord) {
    if !record.isDeleting, record.delivered.hasFinalizer { process(record) }
  }

  /// FEATURES 13.008.
  func processDeleting(_ record: ResourceRecord) {
    guard source.usesFinalizers, record.delivered.hasFinalizer else { return leave(record) }
    if record.identity.kind == .account { return finalizeAccount(record) }
    guard let resource = record.resource, record.asset != nil else {
      return release(record, "left as it is: the manifest cannot be used")
    }
    if resource.preventsDelete { return release(record, "left as it is: preventDelete is set") }
    if options.isReadOnly { return release(record, "left as it is: the controller is read-only") }
    if !record.wasReconciled, case .site(let key) = record.route, let site = sites[key], site.round != nil {
      site.deferred.insert(record.identity)
      return
    }
    if !record.wasReconciled { return release(record, "left as it is: it was never reconciled") }
    if record.reported?.status.reason != .finalizing {
      report(record, .finalizing, "Performing finalizer operations.")
    }
    route(record)
  }

  private func release(_ record: ResourceRecord, _ message: String?) {
    leave(record)
    if let message {
      report(record, .finalizing, message, ResourceEvent(.normal, .skippedDelete, message))
    }
    changeFinalizer(false, of: record)
  }

  /// FEATURES 13.011.
  private func finalizeAccount(_ account: ResourceRecord) {
    let users = records.values.filter { $0.resource?.connection.uses(account.identity) == true }
    guard let first = users.map(\.identity.description).min() else { return release(account, nil) }
    let others = users.count > 1 ? " and \(users.count - 1) more" : ""
    let message = "Account has dependent resources that must be deleted first: \(first)\(others)"
    report(account, .finalizing, message, ResourceEvent(.warning, .failed, message))
  }

  func processDeletingAccount(_ identity: ResourceIdentity) {
    guard let account = records[identity], account.isDeleting else { return }
    process(account)
  }

  func applyDeleting(_ outcome: AssetOutcome, _ record: ResourceRecord) {
    let asset = record.asset.map { "\($0)" } ?? ""
    switch outcome {
    case .deleted:
      counters.changed(.deleted, record.identity.kind)
      counters.reconciled(record.identity.kind, isSuccess: true, since: record.since, now: environment.now)
      record.since = nil
      leave(record)
      report(record, .finalizing, "deleted \(asset)", ResourceEvent(.normal, .deleted, "deleted \(asset)"))
      changeFinalizer(false, of: record)
    case .absent: release(record, nil)
    // Another resource describes it, and it was looked at for that one.
    case .unchanged, .created, .updated, .ignored:
      release(record, "left as it is: another resource describes \(asset)")
    case .refused(.preventDelete, _, let message), .refused(.readOnly, _, let message): release(record, message)
    case .refused(_, _, let message): hold(record, message)
    case .failed(.client(.disconnected), _): break
    case .failed(let error, _): hold(record, "\(asset) cannot be deleted: \(error)")
    case .blocked(let message): hold(record, message)
    case .kept(let reason): hold(record, "\(asset) is kept: \(reason)")
    }
  }

  private func hold(_ record: ResourceRecord, _ message: String) {
    counters.reconciled(record.identity.kind, isSuccess: false, since: record.since, now: environment.now)
    record.since = nil
    report(record, .finalizing, message, ResourceEvent(.warning, .failed, message))
    retry(record)
  }
}
