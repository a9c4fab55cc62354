import JSON
import Reconciliation

/// What the engine knows of one resource.
///
/// Invariant: used on the engine's loop only.
final class ResourceRecord: @unchecked Sendable {
  /// Where the resource's asset is.
  enum Route: Equatable {
    case none
    case waiting(Set<SecretIdentity>)
    case site(SiteKey)
    case failed(String)
  }

  let identity: ResourceIdentity
  var delivered: DeliveredResource
  /// The last manifest that could be used.
  var resource: Resource?
  /// What it describes; nil for an Account.
  var asset: AssetIdentity?
  var route = Route.none
  /// What it claims at its site.
  var claimed: AssetIdentity?
  /// Where the asset was last, for its deletion.
  var lastSite: SiteKey?
  /// The Secrets that the route was made of.
  var secrets: Set<SecretIdentity> = []
  var reported: ResourceReport?
  /// Stands for the answer that was reported last.
  var answerHash: Int?
  var backoff = Backoff()
  /// Not to be tried again before (monotonic).
  var retryAt: Int64?
  var settled: SettledConfiguration?
  /// It was brought about once, now or by another controller before us.
  var wasReconciled = false
  /// A finalizer is being added or removed.
  var isChangingFinalizer = false
  /// When the engine first saw this state of it (monotonic); nil once it has been dealt with.
  var since: Int64?

  init(_ delivered: DeliveredResource) {
    identity = delivered.identity
    self.delivered = delivered
  }

  var generation: Int64 { delivered.generation }
  var isDeleting: Bool { delivered.isDeleting }

  /// Whether a live manifest describes the asset.
  var isLive: Bool { !isDeleting && resource != nil }

  /// Takes a new state over.
  ///
  /// - Returns: false when nothing in it asks for work.
  func take(_ new: DeliveredResource) -> Bool {
    let old = delivered
    delivered = new
    // It may be large, and is needed once.
    delivered.storedAnswer = nil
    if new.storedAnswer != nil { wasReconciled = true }
    let isSame =
      old.generation == new.generation && old.isDeleting == new.isDeleting && old.hasFinalizer == new.hasFinalizer
      && old.resource?.specification == new.resource?.specification && old.diagnostics == new.diagnostics
    if let resource = new.resource {
      self.resource = resource
      asset = DesiredAsset(resource)?.identity
    }
    return !isSame
  }

  /// Another replica leads from here on: where the asset is, and what was said about it, is that one's to say.
  func abandon() {
    route = .none
    claimed = nil
    reported = nil
    answerHash = nil
  }

  /// A controller before us left this when it was through: where the manifest is silent, the server was right then.
  func settle(_ delivered: DeliveredResource) {
    guard let answer = delivered.storedAnswer, delivered.observedGeneration == delivered.generation,
      let resource = delivered.resource, let asset = DesiredAsset(resource)
    else { return }
    settled = SettledConfiguration(sent: asset.configuration, answered: answer)
  }
}
