import Bytes
import Controlling
import Crypto
import JSON
import Kubernetes
import Reactor

/// The Secrets that Accounts name, one by one: a Role that allows just these is enough, and no other Secret is ever
/// read. Data is fetched when it is asked for and not kept; what is kept is a digest, to tell a change.
///
/// Invariant: used on the client's loop only.
final class SecretWatches: @unchecked Sendable {
  typealias Answer = @Sendable (Result<[String: [UInt8]], SourceError>) -> Void

  /// Each takes a connection; those beyond are looked at in an interval.
  private static let mostWatches = 64
  private static let pollNanoseconds: Int64 = 60_000_000_000

  private struct Followed {
    let watch: ResourceWatch
    let isPolled: Bool
    /// Of the data that the watch told last; nil for a Secret that is not there.
    var digest: [UInt8]?
    var isKnown = false
    /// Grows with every change that the watch tells.
    var changes = 0
    var failure = RepeatedFailure()
  }

  private let client: KubernetesClient
  private let changed: (SecretIdentity) -> Void
  private let log: @Sendable (LogLevel, String) -> Void
  private var followed: [SecretIdentity: Followed] = [:]

  init(
    client: KubernetesClient, changed: @escaping (SecretIdentity) -> Void,
    log: @escaping @Sendable (LogLevel, String) -> Void
  ) {
    self.client = client
    self.changed = changed
    self.log = log
  }

  var count: Int { followed.count }

  func fetch(_ identity: SecretIdentity, _ completed: @escaping Answer) {
    follow(identity)
    fetch(identity, attemptsLeft: 5, completed)
  }

  /// No Account names any but these.
  func keep(only named: Set<SecretIdentity>) {
    for (identity, item) in followed where !named.contains(identity) {
      item.watch.stop()
      followed[identity] = nil
    }
  }

  func stop() {
    keep(only: [])
  }

  private func fetch(_ identity: SecretIdentity, attemptsLeft: Int, _ completed: @escaping Answer) {
    let changes = followed[identity]?.changes
    client.object(.get(.secrets, ObjectKey(namespace: identity.namespace, name: identity.name))) { result in
      // Changed while the answer was on its way: it may be the old one.
      if attemptsLeft > 1, changes != self.followed[identity]?.changes {
        return self.fetch(identity, attemptsLeft: attemptsLeft - 1, completed)
      }
      completed(Self.data(result, identity))
    }
  }

  private static func data(
    _ result: Result<JSONValue, KubernetesError>, _ identity: SecretIdentity
  ) -> Result<[String: [UInt8]], SourceError> {
    switch result {
    case .success(let object): .success(data(of: object))
    case .failure(let error) where error.isNotFound: .failure(.absent)
    case .failure(let error) where error.isForbidden: .failure(.refused("secret \(identity): \(error)"))
    case .failure(let error): .failure(.unavailable("secret \(identity): \(error)"))
    }
  }

  private static func data(of object: JSONValue) -> [String: [UInt8]] {
    var data: [String: [UInt8]] = [:]
    for member in object["data"]?.object?.members ?? [] {
      data[member.key] = member.value.string.flatMap { Base64.standard.decode($0) }
    }
    return data
  }

  // MARK: - Following

  private func follow(_ identity: SecretIdentity) {
    guard followed[identity] == nil else { return }
    let isPolled = followed.values.count { !$0.isPolled } >= Self.mostWatches
    let watch = ResourceWatch(
      client: client, type: .secrets,
      selection: .init(namespace: identity.namespace, fields: "metadata.name=\(identity.name)"),
      pollNanoseconds: isPolled ? Self.pollNanoseconds : nil,
      receive: { [weak self] change in self?.take(change, identity) },
      failed: { [weak self] error in self?.failed(error, identity) })
    followed[identity] = Followed(watch: watch, isPolled: isPolled)
    watch.start()
  }

  private func failed(_ error: KubernetesError, _ identity: SecretIdentity) {
    guard followed[identity]?.failure.isNews("\(error)", now: client.loop.clock.monotonicNanoseconds()) == true else {
      return
    }
    log(.warning, "Secret \(identity) cannot be watched: \(error)")
  }

  private func take(_ change: ResourceChange, _ identity: SecretIdentity) {
    guard var item = followed[identity] else { return }
    switch change {
    case .changed(_, let object):
      let digest = Self.digest(object)
      guard !item.isKnown || digest != item.digest else { return }
      item.digest = digest
    case .removed: item.digest = nil
    case .synchronized:
      item.failure.end()
      // When it is not known, there was none in the list.
      item.isKnown = true
      followed[identity] = item
      return
    }
    // What is told first is what was fetched, or newer.
    item.isKnown = true
    item.changes += 1
    followed[identity] = item
    changed(identity)
  }

  private static func digest(_ object: JSONValue) -> [UInt8] {
    let members = (object["data"]?.object?.members ?? []).sorted { $0.key < $1.key }
    var hash = SHA256()
    for member in members {
      for text in [member.key, member.value.string ?? ""] {
        hash.update("\(text.utf8.count) ")
        hash.update(text)
      }
    }
    return hash.finish()
  }
}
