import JSON
import Reconciliation
import Testing

@testable import Controlling

/// What holds whatever happens in which order.
@Suite struct ConvergenceTests {
  /// Manifests that depend on each other in every way.
  private static func manifests(_ random: inout SeededGenerator) -> [(ResourceKind, String, String)] {
    var all: [(ResourceKind, String, String)] = []
    let streams = Int.random(in: 2...6, using: &random)
    for index in 0..<streams {
      var parts = ["name: S\(index)", "storage: file"]
      switch Int.random(in: 0..<3, using: &random) {
      case 0 where index > 0: parts.append("mirror: {name: S\(index - 1)}")
      case 1 where index > 0: parts.append("sources: [{name: S\(Int.random(in: 0..<index, using: &random))}]")
      default: parts.append("subjects: ['s\(index).>']")
      }
      if Bool.random(using: &random) { parts.append("maxMsgs: \(Int.random(in: 1...9, using: &random))") }
      all.append((.stream, "stream-\(streams - index)", parts.joined(separator: ", ")))
      for consumer in 0..<Int.random(in: 0...3, using: &random) {
        let ack = ["explicit", "none", "all"].randomElement(using: &random)!
        all.append(
          (
            .consumer, "consumer-\(index)-\(consumer)",
            "streamName: S\(index), durableName: c\(consumer), ackPolicy: \(ack), ackWait: 5s"
          ))
      }
    }
    all.append((.keyValue, "bucket", "bucket: settings, history: 3"))
    all.append((.objectStore, "objects", "bucket: files"))
    return all
  }

  private static func expectConverged(_ scene: Scene, _ note: String) {
    for (identity, delivered) in scene.source.stored where !delivered.isDeleting {
      #expect(
        scene.reason(identity) == .ready, "\(note): \(identity): \(scene.source.status(identity)?.message ?? "-")")
    }
  }

  @Test(arguments: 1...25) func twiceIsNoChangeAndDriftIsRepaired(_ seed: Int) {
    var random = SeededGenerator(state: UInt64(seed))
    let scene = Scene(seed: UInt64(seed)) { $0.owner = seed % 2 == 0 ? "test" : nil }
    for (kind, name, spec) in Self.manifests(&random) { scene.source.apply(kind, name, spec) }
    scene.engine.start()
    scene.world.run(seconds: 30)
    Self.expectConverged(scene, "seed \(seed)")
    let settled = scene.server.state.configurations
    scene.server.forget()
    scene.world.run(seconds: 300)
    #expect(scene.server.changes.isEmpty, "seed \(seed)")
    for _ in 0..<3 {
      drift(scene.server, &random)
      scene.world.run(seconds: 90)
      #expect(scene.server.state.configurations == settled, "seed \(seed)")
    }
    Self.expectConverged(scene, "seed \(seed)")
  }

  /// Somebody else changes or removes what is there.
  private func drift(_ server: SimulatedServer, _ random: inout SeededGenerator) {
    for identity in server.state.configurations.keys.sorted(by: { $0.description < $1.description }) {
      switch Int.random(in: 0..<5, using: &random) {
      case 0: server.state.configurations[identity]?["description"] = .string("by hand")
      case 1 where identity.isStream: server.state.configurations[identity]?["max_msgs"] = JSONValue(77)
      case 2 where !identity.isStream: server.state.configurations[identity]?["max_deliver"] = JSONValue(77)
      case 3:
        server.state.configurations = server.state.configurations.filter {
          $0.key != identity && !(identity.isStream && $0.key.stream == identity.stream)
        }
      default: break
      }
    }
  }

  /// The same manifests, changes and deletions in any order, with losses of the connection and refusals in between, end
  /// the same.
  @Test(arguments: 1...25) func theOrderOfEventsNeverMatters(_ seed: Int) {
    var outcomes: [[AssetIdentity: JSONObject]] = []
    for variant in 0..<4 {
      var random = SeededGenerator(state: UInt64(seed))
      let manifests = Self.manifests(&random)
      let changed = Set(manifests.indices.filter { _ in Int.random(in: 0..<3, using: &random) == 0 })
      let deleted = Set(manifests.indices.filter { _ in Int.random(in: 0..<4, using: &random) == 0 })
      var order = SeededGenerator(state: UInt64(seed * 100 + variant))
      let scene = Scene(seed: UInt64(seed * 100 + variant))
      for index in manifests.indices where deleted.contains(index) && variant % 2 == 0 {
        // What will be deleted must be known before, or its deletion is of nothing.
        _ = scene.source.apply(manifests[index].0, manifests[index].1, manifests[index].2)
      }
      scene.engine.start()
      scene.world.run(seconds: Double.random(in: 0..<0.05, using: &order))
      for index in manifests.indices.shuffled(using: &order) {
        let (kind, name, spec) = manifests[index]
        scene.source.apply(kind, name, spec)
        scene.world.run(seconds: Double.random(in: 0..<0.02, using: &order))
        if Int.random(in: 0..<8, using: &order) == 0 { scene.world.cut("nats://a") }
      }
      scene.world.run(seconds: Double.random(in: 0..<20, using: &order))
      for index in manifests.indices.shuffled(using: &order) {
        let (kind, name, spec) = manifests[index]
        if changed.contains(index) { scene.source.apply(kind, name, spec + ", description: changed") }
        if deleted.contains(index) {
          scene.source.delete(ResourceIdentity(kind, namespace: "default", name: name))
        }
        if Int.random(in: 0..<8, using: &order) == 0 { scene.world.cut("nats://a") }
        scene.world.run(seconds: Double.random(in: 0..<0.02, using: &order))
      }
      // Longer than the longest backoff.
      scene.world.run(seconds: 700)
      // What a stream's consumers see depends on whether the stream was there before it was to be deleted.
      let gone = Set(deleted.map { manifests[$0] }.filter { $0.0 == .stream }.map { "S" + $0.2.dropFirst(7).prefix(1) })
      outcomes.append(scene.server.state.configurations.filter { !gone.contains($0.key.stream) })
      let live = scene.source.stored.filter { !$0.value.isDeleting }.compactMap { $0.value.resource }
      for resource in live {
        guard let asset = DesiredAsset(resource)?.identity, !gone.contains(asset.stream) else { continue }
        #expect(scene.server.state.configurations[asset] != nil, "seed \(seed), variant \(variant): \(asset)")
      }
    }
    for (variant, outcome) in outcomes.enumerated().dropFirst() {
      let differing = Set(outcome.keys).union(outcomes[0].keys).filter { outcome[$0] != outcomes[0][$0] }
      #expect(differing.isEmpty, "seed \(seed), variant \(variant)")
    }
  }

  @Test(arguments: 1...12) func pruningTakesWhatIsOwnedAndNothingElse(_ seed: Int) {
    var random = SeededGenerator(state: UInt64(seed))
    let scene = Scene(seed: UInt64(seed), finalizers: false) {
      $0.owner = "test"
      $0.prunes = true
    }
    scene.server.state.configurations[.stream("FOREIGN")] = ["name": .string("FOREIGN"), "storage": .string("file")]
    scene.server.state.configurations[.stream("OTHERS")] = [
      "name": .string("OTHERS"), "storage": .string("file"),
      "metadata": .object([Ownership.ownerKey: .string("somebody")]),
    ]
    let manifests = Self.manifests(&random)
    for (kind, name, spec) in manifests { scene.source.apply(kind, name, spec) }
    let kept = scene.source.apply(.stream, "kept", "name: KEPT, preventDelete: true")
    scene.engine.start()
    scene.world.run(seconds: 30)
    Self.expectConverged(scene, "seed \(seed)")
    scene.source.delete(kept)
    for (kind, name, _) in manifests where Bool.random(using: &random) {
      scene.source.delete(ResourceIdentity(kind, namespace: "default", name: name))
    }
    // A manifest with an error: what is missing may stand in it.
    scene.source.apply(.stream, "broken", "name: BROKEN, maxAge: x")
    scene.server.forget()
    scene.world.run(seconds: 200)
    #expect(!scene.server.changes.contains { $0.contains("DELETE") }, "seed \(seed)")
    scene.source.apply(.stream, "broken", "name: BROKEN")
    scene.world.run(seconds: 200)
    let live = Set(scene.source.stored.values.compactMap { $0.resource.flatMap(DesiredAsset.init)?.identity })
    let named = live.union(live.map { .stream($0.stream) })
    let there = Set(scene.server.state.configurations.keys)
    #expect(there.isSuperset(of: [.stream("FOREIGN"), .stream("OTHERS"), .stream("KEPT")]), "seed \(seed)")
    #expect(
      there.subtracting([.stream("FOREIGN"), .stream("OTHERS"), .stream("KEPT")]).isSubset(of: named), "seed \(seed)")
    // Consumers whose stream is neither described nor there cannot be; everything else is.
    for identity in live where identity.isStream { #expect(there.contains(identity), "seed \(seed): \(identity)") }
    // The last manifests go all at once, as when a folder is unmounted: nothing is pruned.
    scene.server.forget()
    for identity in scene.source.stored.keys { scene.source.delete(identity) }
    scene.world.run(seconds: 200)
    #expect(!scene.server.changes.contains { $0.contains("DELETE") }, "seed \(seed)")
  }
}
