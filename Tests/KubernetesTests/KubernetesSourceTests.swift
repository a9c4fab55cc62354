import Controlling
import Foundation
import HTTP
import JSON
import Kubernetes
import Reconciliation
import Testing

@testable import KubernetesSource

/// What a source tells, in words.
private final class Sink: ResourceSink, @unchecked Sendable {
  let told = Collected<String>()

  func changed(_ resources: [DeliveredResource]) {
    for delivered in resources {
      let marks = (delivered.isDeleting ? "!" : "") + (delivered.hasFinalizer ? "+" : "")
      told.add("\(delivered.identity)\(marks) \(delivered.resource?.specification["description"]?.string ?? "-")")
    }
  }

  func removed(_ identities: [ResourceIdentity]) { for identity in identities { told.add("-\(identity)") } }
  func synced(isComplete: Bool) { told.add(isComplete ? "synced" : "synced in part") }
  func secretChanged(_ identity: SecretIdentity) { told.add("secret \(identity)") }
  func setActive(_ isActive: Bool) { told.add(isActive ? "active" : "inactive") }
}

/// A source over a fake server whose objects are streams.
private final class Scene {
  let server: FakeServer
  let source: KubernetesSource
  let sink = Sink()
  let log = Collected<String>()
  let answers = Collected<String>()
  let identity = ResourceIdentity(.stream, namespace: "n", name: "orders")

  init(electsLeader: Bool = false, _ prepare: (FakeServer) -> Void = { _ in }) throws {
    server = try FakeServer()
    prepare(server)
    var options = KubernetesSource.Options(identity: "me")
    options.namespace = "n"
    options.electsLeader = electsLeader
    let log = log
    source = KubernetesSource(client: server.client(), options: options) { _, text in log.add(text) }
    onLoop { $0.source.start($0.sink) }
  }

  /// Everything has been listed, and every kind is watched: what is scripted from here on is for other requests.
  func isFollowing() -> Bool {
    sink.told.wait { [server] in
      $0.contains("synced") && server.state.withLock { $0.watches.count + $0.silentWatches.count } == 5
    }
  }

  func onLoop(_ work: @escaping (Scene) -> Void) {
    let box = Unchecked(value: (self, work))
    server.loop.submit { box.value.1(box.value.0) }
  }

  static func orders(_ description: String, version: Int, more: String = "") -> String {
    #"{"apiVersion":"jetstream.nats.io/v1beta2","kind":"Stream","metadata":{"name":"orders","namespace":"n","#
      + #""uid":"u","generation":1,"resourceVersion":"\#(version)"\#(more)},"#
      + #""spec":{"name":"ORDERS","description":"\#(description)"}}"#
  }

  func setFinalizer(_ isPresent: Bool) {
    let answers = answers
    onLoop { scene in
      scene.source.setFinalizer(isPresent, of: scene.identity) { answers.add($0.map { "\($0)" } ?? "done") }
    }
  }
}

private struct Unchecked<Value>: @unchecked Sendable {
  let value: Value
}

private let finalized = #","finalizers":["stream.nats.io/finalizer"]"#

@Suite(.serialized) struct KubernetesSourceTests {
  @Test func whatIsThereIsDeliveredThenSyncedThenChanges() throws {
    let scene = try Scene { $0.putObject("orders", Scene.orders("one", version: 5)) }
    #expect(scene.sink.told.wait { $0 == ["Stream n/orders one", "synced"] })
    scene.server.putObject("orders", Scene.orders("two", version: 6, more: finalized))
    #expect(scene.sink.told.wait { $0.last == "Stream n/orders+ two" })
    scene.server.delete("orders")
    #expect(scene.sink.told.wait { $0.last == "-Stream n/orders" })
  }

  @Test func aKindThatTheServerDoesNotKnowIsNone() throws {
    let scene = try Scene { server in server.state.withLock { $0.refusals = ["keyvalues": 404] } }
    #expect(scene.sink.told.wait { $0 == ["synced in part"] })
    // Its definition comes.
    scene.server.state.withLock { $0.refusals = [:] }
    #expect(scene.sink.told.wait { $0.last == "synced" })
  }

  @Test func aKindThatMayNotBeReadKeepsAllWaitingAndIsTold() throws {
    let scene = try Scene { server in server.state.withLock { $0.refusals = ["accounts": 403] } }
    #expect(scene.log.wait { $0.contains("accounts.jetstream.nats.io cannot be watched: no accounts") })
    #expect(scene.sink.told.all.isEmpty)
    scene.server.state.withLock { $0.refusals = [:] }
    #expect(scene.sink.told.wait { $0 == ["synced"] })
  }

  @Test func aFinalizerIsAddedToTheNewestVersion() throws {
    let scene = try Scene { $0.putObject("orders", Scene.orders("one", version: 5)) }
    #expect(scene.isFollowing())
    // Somebody was faster; the newest version is read, and changed.
    scene.server.script(409, #"{"kind":"Status","code":409,"reason":"Conflict"}"#)
    scene.server.script(200, Scene.orders("theirs", version: 6, more: #","finalizers":["other"]"#))
    scene.server.script(
      200, Scene.orders("theirs", version: 7, more: #","finalizers":["other","stream.nats.io/finalizer"]"#))
    scene.setFinalizer(true)
    #expect(scene.answers.wait { $0 == ["done"] })
    let patches = scene.server.state.withLock { $0.seen.filter { $0.method == "PATCH" }.map(\.body) }
    #expect(patches.count == 2 && patches[0].contains(#""resourceVersion":"5""#))
    #expect(patches[1].contains(#""resourceVersion":"6","finalizers":["other","stream.nats.io/finalizer"]"#))
    #expect(scene.sink.told.wait { $0.last == "Stream n/orders+ theirs" })
  }

  @Test func removingTheFinalizerOfWhatIsGoneOrAnotherIsASuccess() throws {
    let scene = try Scene { $0.putObject("orders", Scene.orders("one", version: 5, more: finalized)) }
    #expect(scene.isFollowing())
    scene.server.script(404, #"{"kind":"Status","code":404,"reason":"NotFound"}"#)
    scene.setFinalizer(false)
    #expect(scene.answers.wait { $0 == ["done"] })
    scene.server.script(409, #"{"kind":"Status","code":409,"reason":"Conflict"}"#)
    scene.server.script(
      200, Scene.orders("new", version: 9).replacingOccurrences(of: #""uid":"u""#, with: #""uid":"v""#))
    scene.setFinalizer(false)
    #expect(scene.answers.wait { $0 == ["done", "done"] })
    scene.server.script(403, #"{"kind":"Status","code":403,"message":"you may not"}"#)
    scene.setFinalizer(false)
    #expect(scene.answers.wait { $0.last == "you may not" })
  }

  @Test func theNewestReportIsWrittenOnceStateBeforeStatus() throws {
    let scene = try Scene { $0.putObject("orders", Scene.orders("one", version: 5)) }
    #expect(scene.isFollowing())
    let written = Scene.orders("one", version: 6, more: #","annotations":{"stream.nats.io/state":"{\"name\":\"A\"}"}"#)
    scene.server.script(200, written)
    scene.server.script(200, written.replacingOccurrences(of: #""6""#, with: #""7""#))
    scene.onLoop { scene in
      var report = ResourceReport(scene.identity, ResourceStatus(.reconciling, "first", observedGeneration: 1))
      report.answer = ["name": .string("A")]
      scene.source.report(report)
      scene.source.report(ResourceReport(scene.identity, ResourceStatus(.ready, "second", observedGeneration: 1)))
    }
    let writes = Collected<Bool>()
    #expect(writes.wait { _ in scene.server.state.withLock { $0.seen.count { $0.method == "PATCH" } } == 2 })
    let seen = scene.server.state.withLock { $0.seen.filter { $0.method == "PATCH" } }
    #expect(seen[0].path.hasSuffix("/streams/orders") && seen[0].body.contains("stream.nats.io/state"))
    #expect(seen[1].path.hasSuffix("/streams/orders/status") && seen[1].body.contains("second"))
    let stopped = Collected<Bool>()
    scene.onLoop { $0.source.stop { stopped.add(true) } }
    #expect(stopped.wait { $0 == [true] })
    // The server kept nothing of the status; that is no reason to say it again and again.
    #expect(scene.server.state.withLock { $0.seen.count { $0.method == "PATCH" } } == 2)
  }

  @Test func aStatusThatOthersWereInTheWayOfIsWrittenLater() throws {
    let scene = try Scene { $0.putObject("orders", Scene.orders("one", version: 5)) }
    #expect(scene.isFollowing())
    scene.server.script(409, #"{"kind":"Status","code":409,"reason":"Conflict"}"#)
    scene.server.script(200, Scene.orders("one", version: 6))
    scene.onLoop { $0.source.report(ResourceReport($0.identity, ResourceStatus(.ready, "m", observedGeneration: 1))) }
    let writes = Collected<Bool>()
    #expect(writes.wait { _ in scene.server.state.withLock { $0.seen.count { $0.method == "PATCH" } } == 2 })
  }

  /// Another replica leads then.
  @Test func whatWaitsWhenTheLeadershipEndsIsNotWritten() throws {
    let names = (10..<30).map { "s\($0)" }
    let scene = try Scene { server in
      for name in names {
        server.putObject(
          name, Scene.orders("one", version: 5).replacingOccurrences(of: #""orders""#, with: #""\#(name)""#))
      }
      server.state.withLock { $0.holdsChanges = true }
    }
    #expect(scene.isFollowing())
    func patches() -> Int { scene.server.state.withLock { $0.seen.count { $0.method == "PATCH" } } }
    scene.onLoop { scene in
      for name in names {
        let identity = ResourceIdentity(.stream, namespace: "n", name: name)
        scene.source.report(ResourceReport(identity, ResourceStatus(.ready, "m", observedGeneration: 1)))
      }
    }
    let told = Collected<Bool>()
    #expect(told.wait { _ in patches() == 8 })
    scene.onLoop { scene in
      scene.source.writer.drop()
      scene.server.release()
      scene.source.stop { told.add(true) }
    }
    #expect(told.wait { $0 == [true] })
    #expect(patches() == 8)
  }

  @Test func aStatusIsNotWrittenIntoAnotherObjectOfTheName() throws {
    let scene = try Scene { $0.putObject("orders", Scene.orders("one", version: 5)) }
    #expect(scene.isFollowing())
    scene.server.script(409, #"{"kind":"Status","code":409,"reason":"Conflict"}"#)
    scene.onLoop { $0.source.report(ResourceReport($0.identity, ResourceStatus(.ready, "m", observedGeneration: 1))) }
    let writes = Collected<Bool>()
    #expect(writes.wait { _ in scene.server.state.withLock { $0.seen.contains { $0.method == "PATCH" } } })
    scene.server.putObject(
      "orders", Scene.orders("new", version: 9).replacingOccurrences(of: #""uid":"u""#, with: #""uid":"v""#))
    #expect(scene.sink.told.wait { $0.last == "Stream n/orders new" })
    let stopped = Collected<Bool>()
    scene.onLoop { $0.source.stop { stopped.add(true) } }
    #expect(stopped.wait { $0 == [true] })
    #expect(scene.server.state.withLock { $0.seen.count { $0.method == "PATCH" } } == 1)
  }

  @Test(arguments: [("", "live"), (#","deletionTimestamp":"2026-01-01T00:00:00Z""#, "deleting"), (nil, "absent")])
  func aResourceIsConfirmedWhereTheTruthIs(_ more: String?, _ expected: String) throws {
    let scene = try Scene()
    #expect(scene.isFollowing())
    if let more {
      scene.server.script(200, Scene.orders("one", version: 5, more: more))
    } else {
      scene.server.script(404, "{}")
    }
    let answers = scene.answers
    scene.onLoop { scene in
      scene.source.confirm(scene.identity) { answers.add((try? $0.get()).map { "\($0)" } ?? "failed") }
    }
    #expect(answers.wait { $0 == [expected] })
  }

  @Test func aLeaderIsActive() throws {
    let scene = try Scene(electsLeader: true)
    #expect(scene.sink.told.wait { $0.first == "inactive" && $0.contains("active") && $0.contains("synced") })
    #expect(scene.log.all.contains("Lease n/nack-controller.n acquired by me"))
    let stopped = Collected<Bool>()
    scene.onLoop { $0.source.stop { stopped.add(true) } }
    #expect(stopped.wait { $0 == [true] })
    #expect(scene.server.state.withLock { $0.lease?["spec"]?["holderIdentity"]?.string } == "")
  }
}
