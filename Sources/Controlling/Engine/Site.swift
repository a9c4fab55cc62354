import NATSClient
import Reconciliation

/// One JetStream API: a connection and a domain, with the resources whose assets are there.
///
/// Invariant: used on the engine's loop only.
final class Site: @unchecked Sendable {
  enum Connection: Equatable {
    case connecting
    case connected
    /// Since when (monotonic), and why; nil until an attempt to come back has failed.
    case lost(since: Int64, String?)
  }

  let key: SiteKey
  var connection = Connection.connecting
  /// The server keeps metadata (2.10 and newer), and so can keep an owner's mark.
  var keepsMetadata = true
  /// Resources by the asset they describe, sorted by title: the first one stands.
  var claims: [AssetIdentity: [ResourceIdentity]] = [:]
  var deleting: Set<ResourceIdentity> = []
  /// To be deleted, but perhaps being created by the round that runs.
  var deferred: Set<ResourceIdentity> = []
  /// To be looked at in the next round.
  var dirty: Set<AssetIdentity> = []
  /// Everything is to be looked at.
  var needsFullRound = true
  var round: Round?
  /// Rounds that failed as a whole, in a row.
  var backoff = Backoff()
  var cancelStart: (@Sendable () -> Void)?
  /// No round begins before (monotonic).
  var restsUntil: Int64 = 0
  /// What is wrong has been told to the resources.
  var hasToldFailure = false
  /// Kept though nothing is described: there may be something to prune.
  var isKept = false

  init(_ key: SiteKey) { self.key = key }

  var isUsed: Bool { !claims.isEmpty || !deleting.isEmpty || isKept || round != nil }

  func claim(_ asset: AssetIdentity, _ identity: ResourceIdentity) {
    var claimants = claims[asset] ?? []
    guard !claimants.contains(identity) else { return }
    claimants.append(identity)
    claims[asset] = claimants.sorted { $0.description < $1.description }
  }

  func unclaim(_ asset: AssetIdentity, _ identity: ResourceIdentity) {
    claims[asset]?.removeAll { $0 == identity }
    if claims[asset]?.isEmpty == true { claims[asset] = nil }
  }
}
