import JSON
import NATSClient
import Reconciliation
import Testing

@testable import Controlling

@Suite struct EngineTests {
  @Test func createsStreamsBeforeConsumersAndThenIsSilent() {
    let scene = Scene()
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS, subjects: ['orders.>'], storage: file")
    let copy = scene.source.apply(.stream, "a-copy", "name: A_COPY, mirror: {name: ORDERS}")
    let consumer = scene.source.apply(.consumer, "mailer", "streamName: ORDERS, durableName: mailer")
    let bucket = scene.source.apply(.keyValue, "settings", "bucket: settings")
    scene.engine.start()
    scene.world.run(seconds: 5)
    for identity in [stream, copy, consumer, bucket] {
      #expect(
        scene.source.status(identity)?.reason == .ready,
        "\(identity): \(String(describing: scene.source.status(identity)))")
    }
    #expect(scene.server.changes.count == 4)
    #expect(
      scene.server.changes.firstIndex(of: "$JS.API.STREAM.CREATE.ORDERS")!
        < scene.server.changes.firstIndex(of: "$JS.API.STREAM.CREATE.A_COPY")!)
    #expect(scene.source.stored.values.allSatisfy { $0.hasFinalizer && $0.storedAnswer != nil })
    scene.server.forget()
    let told = scene.source.reports.count
    scene.world.run(seconds: 45)
    #expect(scene.server.requests.isEmpty)
    scene.world.run(seconds: 600)
    #expect(scene.server.changes.isEmpty)
    // A page of streams and one look at the consumer, every minute.
    #expect(scene.server.requestCount <= 2 * 12)
    #expect(scene.source.reports.count == told)
  }

  @Test func nothingIsSentBeforeEverythingHasBeenRead() {
    let scene = Scene(startsActive: false)
    scene.source.apply(.stream, "orders", "name: ORDERS")
    scene.engine.start()
    scene.world.run(seconds: 100)
    #expect(scene.server.requests.isEmpty && scene.source.reports.isEmpty)
    scene.source.lead(true)
    scene.world.run(seconds: 5)
    #expect(scene.server.changes == ["$JS.API.STREAM.CREATE.ORDERS"])
    scene.source.lead(false)
    scene.server.forget()
    scene.server.state = ObservedState()
    scene.world.run(seconds: 300)
    #expect(scene.server.requests.isEmpty)
    scene.source.lead(true)
    scene.world.run(seconds: 5)
    #expect(scene.server.changes == ["$JS.API.STREAM.CREATE.ORDERS"])
  }

  @Test func aRefusalIsToldOnceWithItsFieldAndTriedWithBackoff() {
    let scene = Scene()
    scene.server.state.configurations[.stream("OTHER")] = [
      "name": .string("OTHER"), "subjects": .array([.string("orders")]), "storage": .string("file"),
    ]
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS, subjects: [orders]")
    let consumer = scene.source.apply(.consumer, "mailer", "streamName: ORDERS, durableName: mailer")
    let fine = scene.source.apply(.stream, "fine", "name: FINE")
    scene.engine.start()
    scene.world.run(seconds: 600)
    #expect(scene.reason(fine) == .ready)
    #expect(
      scene.source.status(stream)?.message == "spec.subjects: subjects overlap with an existing stream (10065)")
    #expect(scene.source.status(consumer)?.message == "spec.streamName: the stream ORDERS could not be made")
    #expect(scene.source.reports(stream).filter { $0.status.reason == .errored }.count == 1)
    #expect(scene.source.reports(stream).compactMap(\.event).count == 1)
    let attempts = scene.server.changes.filter { $0 == "$JS.API.STREAM.CREATE.ORDERS" }.count
    // 1, 2, 4 ... seconds: 9 fit into ten minutes.
    #expect((6...11).contains(attempts), "\(attempts)")
    scene.server.state.configurations[.stream("OTHER")] = nil
    scene.world.run(seconds: 400)
    #expect(scene.reason(stream) == .ready && scene.reason(consumer) == .ready)
  }

  @Test func whatTheServerCannotChangeIsToldAndNotSent() {
    let scene = Scene()
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS, storage: file")
    scene.engine.start()
    scene.world.run(seconds: 5)
    scene.server.forget()
    scene.source.apply(.stream, "orders", "name: ORDERS, storage: memory, maxMsgs: 5")
    scene.world.run(seconds: 600)
    #expect(scene.server.changes.isEmpty)
    #expect(scene.reason(stream) == .errored)
    #expect(
      scene.source.status(stream)!.message.hasPrefix("spec.maxMsgs, spec.storage: the server cannot change storage"))
    #expect(scene.source.reports(stream).filter { $0.status.reason == .errored }.count == 1)
    scene.source.apply(.stream, "orders", "name: ORDERS, storage: file, maxMsgs: 5")
    scene.world.run(seconds: 5)
    #expect(scene.reason(stream) == .ready)
    #expect(scene.server.changes == ["$JS.API.STREAM.UPDATE.ORDERS"])
  }

  @Test func badManifestsLeaveOthersAlone() {
    let scene = Scene()
    let bad = scene.source.apply(.stream, "bad", "name: BAD, maxAge: soon")
    let good = scene.source.apply(.stream, "good", "name: GOOD")
    scene.engine.start()
    scene.world.run(seconds: 5)
    #expect(scene.reason(good) == .ready)
    #expect(scene.source.status(bad)!.message.hasPrefix("test:4:27: spec.maxAge: "))
    #expect(scene.source.reports(bad).count == 1)
  }

  @Test func twoResourcesForOneAssetAreToldApartByTitle() {
    for order in [["a", "b"], ["b", "a"]] {
      let scene = Scene()
      scene.engine.start()
      for name in order {
        scene.source.apply(.stream, name, "name: ORDERS, description: from \(name)")
        scene.world.run(seconds: 3)
      }
      #expect(scene.server.state.configurations[.stream("ORDERS")]?["description"] == .string("from a"))
      let loser = ResourceIdentity(.stream, namespace: "default", name: "b")
      #expect(
        scene.source.status(loser)?.message
          == "spec.name: stream ORDERS is already described by Stream default/a")
      scene.source.delete(ResourceIdentity(.stream, namespace: "default", name: "a"))
      scene.world.run(seconds: 10)
      // The asset is still described, so it stays, as the other resource has it.
      #expect(scene.server.state.configurations[.stream("ORDERS")]?["description"] == .string("from b"))
      #expect(!scene.server.changes.contains { $0.contains("DELETE") })
      #expect(scene.source.stored.count == 1)
      #expect(scene.reason(loser) == .ready)
    }
  }

  @Test func preventUpdateIsReadyAndReadOnlySaysWhy() {
    for isReadOnly in [false, true] {
      let scene = Scene { $0.isReadOnly = isReadOnly }
      scene.server.state.configurations[.stream("OLD")] = [
        "name": .string("OLD"), "storage": .string("memory"), "max_msgs": JSONValue(7),
      ]
      let kept = scene.source.apply(.stream, "old", "name: OLD, preventUpdate: true, maxMsgs: 8")
      let new = scene.source.apply(.stream, "new", "name: NEW")
      scene.engine.start()
      scene.world.run(seconds: 200)
      #expect(scene.reason(kept) == .ready)
      #expect(scene.source.status(kept)!.message.contains("spec.maxMsgs"))
      #expect(scene.reason(new) == (isReadOnly ? .errored : .ready))
      #expect(scene.server.changes.isEmpty == isReadOnly)
    }
  }

  // MARK: - Deleting, FEATURES 13.007-13.011

  @Test func deletionTakesTheAssetAndThenTheFinalizer() {
    let scene = Scene()
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS")
    let consumer = scene.source.apply(.consumer, "mailer", "streamName: ORDERS, durableName: mailer")
    let kept = scene.source.apply(.stream, "kept", "name: KEPT, preventDelete: true")
    scene.engine.start()
    scene.world.run(seconds: 5)
    scene.server.forget()
    // A stream that a live Consumer names stays until that is gone.
    scene.source.delete(stream)
    scene.source.delete(kept)
    scene.world.run(seconds: 20)
    #expect(scene.reason(stream) == .finalizing)
    #expect(scene.server.changes.isEmpty)
    #expect(scene.source.stored[kept] == nil)
    scene.source.delete(consumer)
    scene.world.run(seconds: 120)
    #expect(scene.server.changes == ["$JS.API.CONSUMER.DELETE.ORDERS.mailer", "$JS.API.STREAM.DELETE.ORDERS"])
    #expect(scene.source.stored.isEmpty)
    #expect(scene.server.state.configurations.keys.map(\.description) == ["stream KEPT"])
  }

  @Test func whatWasNeverReconciledIsReleasedAndItsAssetStays() {
    let scene = Scene()
    scene.server.state.configurations[.stream("ORDERS")] = [
      "name": .string("ORDERS"), "storage": .string("file"),
    ]
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS, storage: memory")
    scene.engine.start()
    scene.world.run(seconds: 5)
    #expect(scene.reason(stream) == .errored)
    scene.source.delete(stream)
    scene.world.run(seconds: 5)
    #expect(scene.source.stored.isEmpty && scene.server.changes.isEmpty)
  }

  @Test func anAssetThatIsGoneHoldsNothingBack() {
    let scene = Scene()
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS")
    scene.engine.start()
    scene.world.run(seconds: 5)
    scene.server.state = ObservedState()
    scene.server.forget()
    scene.source.delete(stream)
    scene.world.run(seconds: 5)
    #expect(scene.source.stored.isEmpty && scene.server.changes.isEmpty)
  }

  @Test func aRestartedControllerFinishesADeletion() {
    let scene = Scene()
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS")
    scene.engine.start()
    scene.world.run(seconds: 5)
    scene.world.unreachable = ["nats://a"]
    scene.world.cut("nats://a")
    scene.source.delete(stream)
    scene.world.run(seconds: 100)
    #expect(scene.source.stored[stream]?.isDeleting == true)
    scene.engine.stop {}
    scene.world.unreachable = []
    let other = Engine(source: scene.source, environment: scene.world, options: scene.engine.options)
    other.start()
    scene.world.run(seconds: 5)
    #expect(scene.source.stored.isEmpty)
    #expect(scene.server.state.configurations.isEmpty)
  }

  @Test func anAccountStaysWhileItIsNamed() {
    let scene = Scene()
    let account = scene.source.apply(.account, "team", "name: team, servers: ['nats://a']")
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS, account: team")
    scene.engine.start()
    scene.world.run(seconds: 5)
    #expect(scene.reason(account) == .ready && scene.reason(stream) == .ready)
    scene.source.delete(account)
    scene.world.run(seconds: 5)
    #expect(
      scene.source.status(account)?.message
        == "Account has dependent resources that must be deleted first: Stream default/orders")
    scene.source.delete(stream)
    scene.world.run(seconds: 30)
    #expect(scene.source.stored.isEmpty)
    #expect(scene.server.state.configurations.isEmpty)
  }

  // MARK: - Connections, FEATURES 13.015-13.018

  @Test func eachConnectionHasItsOwnSite() {
    let scene = Scene()
    let second = SimulatedServer()
    scene.world.servers["nats://b"] = second
    scene.source.apply(.account, "team", "name: team, servers: ['nats://b']")
    scene.source.apply(.stream, "one", "name: ONE")
    let two = scene.source.apply(.stream, "two", "name: TWO, account: team")
    scene.source.apply(.stream, "three", "name: THREE, servers: ['nats://b']")
    scene.source.apply(.stream, "four", "name: FOUR, jsDomain: hub")
    let lost = scene.source.apply(.stream, "five", "name: FIVE, account: nobody")
    scene.engine.start()
    scene.world.run(seconds: 5)
    #expect(scene.server.changes.sorted() == ["$JS.API.STREAM.CREATE.ONE", "$JS.hub.API.STREAM.CREATE.FOUR"])
    #expect(second.changes.sorted() == ["$JS.API.STREAM.CREATE.THREE", "$JS.API.STREAM.CREATE.TWO"])
    #expect(scene.world.openedLinks.count == 2)
    #expect(scene.source.status(lost)?.message == "spec.account: there is no Account default/nobody")
    // It comes later.
    scene.source.apply(.account, "nobody", "name: nobody, servers: ['nats://b']")
    scene.world.run(seconds: 5)
    #expect(scene.reason(lost) == .ready)
    // A resource moves: the old asset stays, a connection that nothing needs is closed in the end.
    scene.source.apply(.stream, "two", "name: TWO")
    scene.source.apply(.stream, "three", "name: THREE")
    scene.source.apply(.stream, "five", "name: FIVE")
    scene.world.run(seconds: 30)
    #expect(scene.reason(two) == .ready)
    #expect(scene.world.closedLinks == 1)
    #expect(second.state.configurations.count == 3)
  }

  @Test func secretsAreReadAndReadAgainWhenTheyChange() {
    let scene = Scene()
    let secret = SecretIdentity(namespace: "default", name: "login")
    scene.source.apply(
      .account, "team",
      "name: team, servers: ['nats://a'], creds: {secret: {name: login}, file: user.creds}, "
        + "tls: {secret: {name: login}, ca: ca.crt}"
    )
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS, account: team")
    scene.engine.start()
    scene.world.run(seconds: 5)
    #expect(
      scene.source.status(stream)?.message == "Account team: spec.tls.secret.name: there is no Secret default/login")
    scene.source.secrets[secret] = ["user.creds": Array("one".utf8)]
    scene.source.tellSecret(secret)
    scene.world.run(seconds: 1)
    #expect(
      scene.source.status(stream)?.message
        == "Account team: spec.tls.ca: the Secret default/login has no entry ca.crt")
    scene.source.secrets[secret] = ["user.creds": Array("one".utf8), "ca.crt": Array("authority".utf8)]
    scene.source.tellSecret(secret)
    scene.world.run(seconds: 5)
    #expect(scene.reason(stream) == .ready)
    #expect(scene.world.openedLinks.last?.authentication == .credentials("one"))
    #expect(scene.world.openedLinks.last?.authorities == ["/cache/default/team/ca.crt"])
    scene.source.secrets[secret] = ["user.creds": Array("two".utf8), "ca.crt": Array("authority".utf8)]
    scene.source.tellSecret(secret)
    scene.world.run(seconds: 5)
    #expect(scene.world.openedLinks.last?.authentication == .credentials("two"))
    // The Secret goes with its namespace before the resource is finalized.
    scene.source.delete(stream)
    scene.source.secrets = [:]
    scene.source.tellSecret(secret)
    scene.world.run(seconds: 100)
    #expect(scene.source.stored[stream] == nil)
    #expect(scene.server.state.configurations.isEmpty)
  }

  /// Nobody tells of changes of a Secret that no Account names.
  @Test func aSecretThatIsNamedAgainIsReadAgain() {
    let scene = Scene()
    func name(_ secret: String) {
      scene.source.apply(
        .account, "team", "name: team, servers: ['nats://a'], token: {secret: {name: \(secret)}, token: t}")
      scene.world.run(seconds: 5)
    }
    for secret in ["one", "two"] {
      scene.source.secrets[SecretIdentity(namespace: "default", name: secret)] = ["t": Array(secret.utf8)]
    }
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS, account: team")
    scene.engine.start()
    name("one")
    name("two")
    scene.source.secrets[SecretIdentity(namespace: "default", name: "one")] = ["t": Array("one anew".utf8)]
    name("one")
    #expect(scene.world.openedLinks.map(\.authentication) == [.token("one"), .token("two"), .token("one anew")])
    #expect(scene.reason(stream) == .ready)
  }

  @Test func whoLeadsNoMoreSaysNothing() {
    let scene = Scene()
    scene.source.finalizerError = .unavailable("busy")
    scene.source.apply(.stream, "orders", "name: ORDERS")
    scene.engine.start()
    while scene.source.finalizerRequests == 0 { scene.world.run(seconds: 0.0001) }
    scene.source.lead(false)
    scene.world.run(seconds: 60)
    #expect(scene.source.reports.isEmpty && scene.source.finalizerRequests == 1)
  }

  /// Meanwhile another replica may have said something else.
  @Test func whoLeadsAgainSaysAgainHowThingsAre() {
    let scene = Scene()
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS")
    scene.engine.start()
    scene.world.run(seconds: 5)
    scene.source.lead(false)
    scene.world.run(seconds: 5)
    let told = scene.source.reports(stream).count
    scene.source.lead(true)
    scene.world.run(seconds: 5)
    #expect(scene.source.reports(stream).dropFirst(told).map(\.status.reason) == [.ready])
    #expect(scene.source.reports(stream).last?.answer != nil)
  }

  @Test func aServerThatIsAwayIsToldOnceAndCaughtUpWith() {
    let scene = Scene()
    scene.world.unreachable = ["nats://a"]
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS")
    scene.engine.start()
    scene.world.run(seconds: 100)
    #expect(scene.source.status(stream)!.message.hasPrefix("no connection to nats://a:4222: "))
    #expect(scene.source.reports(stream).filter { $0.status.reason == .errored }.count == 1)
    scene.world.unreachable = []
    scene.world.run(seconds: 10)
    #expect(scene.reason(stream) == .ready)
    // A short loss is not worth a word.
    let told = scene.source.reports.count
    scene.world.cut("nats://a")
    scene.world.run(seconds: 200)
    #expect(scene.source.reports.count == told)
  }

  @Test func withoutJetStreamEverybodyIsToldOnce() {
    let scene = Scene()
    scene.server.refusal = { _, _ in
      APIError(code: 503, errorCode: 10039, description: "JetStream not enabled for account")
    }
    let stream = scene.source.apply(.stream, "orders", "name: ORDERS")
    scene.engine.start()
    scene.world.run(seconds: 1000)
    #expect(
      scene.source.status(stream)?.message
        == "no JetStream at nats://a:4222: JetStream not enabled for account (10039)")
    #expect(scene.source.reports(stream).count == 2)
    #expect(scene.server.requestCount < 20)
    scene.server.refusal = nil
    scene.world.run(seconds: 400)
    #expect(scene.reason(stream) == .ready)
  }

  // MARK: - Many

  @Test func fiveHundredTakeFewRequests() {
    let scene = Scene()
    for index in 0..<500 { scene.source.apply(.stream, "s\(index)", "name: S\(index)") }
    scene.engine.start()
    scene.world.run(seconds: 10)
    #expect(scene.server.state.configurations.count == 500)
    #expect(scene.server.requests["STREAM.CREATE"] == 500)
    #expect(scene.server.requestCount < 520, "\(scene.server.requests)")
    scene.server.forget()
    scene.world.run(seconds: 66)
    #expect((2...3).contains(scene.server.requestCount), "\(scene.server.requests)")
    // One of them changes: one look, one update.
    scene.world.run(seconds: 20)
    scene.server.forget()
    scene.source.apply(.stream, "s7", "name: S7, maxMsgs: 7")
    scene.world.run(seconds: 1)
    #expect(scene.server.requests == ["STREAM.INFO": 1, "STREAM.UPDATE": 1])
  }
}
