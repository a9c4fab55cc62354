import Bytes
import Controlling
import JSON
import Reconciliation
import Testing

@testable import KubernetesSource

private func object(_ members: String = "", spec: String = #"{"name":"ORDERS"}"#, metadata: String = "") throws
  -> JSONValue
{
  try JSONValue(
    parsing: #"{"apiVersion":"jetstream.nats.io/v1beta2","kind":"Stream","spec":\#(spec),"metadata":{"name":"orders","#
      + #""namespace":"team","uid":"u1","resourceVersion":"7","generation":3\#(metadata)}\#(members)}"#)
}

private let now = Timestamp(seconds: 1_700_000_000, nanoseconds: 5)

@Suite struct CustomObjectTests {
  @Test(
    "finalizers and annotations have the original's names (13.007, 13.012)",
    arguments: [
      (ResourceKind.stream, "stream", true), (.consumer, "consumer", true), (.keyValue, "kv", true),
      (.objectStore, "objectstore", true), (.account, "account", false),
    ])
  func names(_ kind: ResourceKind, _ prefix: String, _ hasState: Bool) {
    #expect(kind.finalizer == prefix + ".nats.io/finalizer")
    #expect(kind.stateAnnotation == (hasState ? prefix + ".nats.io/state" : nil))
  }

  @Test func anObjectIsDeliveredWithWhatTheAPIServerKeepsBesideIt() throws {
    let document = try object(
      #","status":{"observedGeneration":2,"conditions":[{"type":"Ready","status":"True","reason":"Ready"}]}"#,
      metadata: #","finalizers":["other","stream.nats.io/finalizer"],"deletionTimestamp":"2026-01-01T00:00:00Z","#
        + #""annotations":{"stream.nats.io/state":"{\"name\":\"ORDERS\"}"}"#)
    let parsed = try #require(CustomObject(.stream, document))
    let delivered = parsed.delivered(document)
    #expect(delivered.identity == ResourceIdentity(.stream, namespace: "team", name: "orders"))
    #expect(delivered.resource?.specification["name"]?.string == "ORDERS" && delivered.diagnostics.isEmpty)
    #expect(delivered.generation == 3 && delivered.observedGeneration == 2)
    #expect(delivered.isDeleting && delivered.hasFinalizer)
    #expect(delivered.storedAnswer == ["name": .string("ORDERS")])
  }

  @Test func aManifestThatCannotBeUsedComesWithTheFieldsPath() throws {
    let document = try object(spec: #"{"name":"ORDERS","maxAge":"soon"}"#)
    let delivered = try #require(CustomObject(.stream, document)).delivered(document)
    #expect(delivered.resource == nil && delivered.diagnostics.first?.path == "spec.maxAge")
    #expect(!delivered.isDeleting && !delivered.hasFinalizer && delivered.storedAnswer == nil)
  }

  @Test func whatIsNoObjectIsNone() throws {
    #expect(CustomObject(.stream, try JSONValue(parsing: #"{"metadata":{}}"#)) == nil)
    #expect(CustomObject(.stream, .null) == nil)
  }

  @Test func aFinalizerIsAddedAndRemovedNextToOthersInOneVersionOnly() throws {
    let bare = try #require(CustomObject(.stream, try object(metadata: #","finalizers":["other"]"#)))
    #expect(bare.finalizerPatch(false) == nil)
    let added = try #require(bare.finalizerPatch(true))
    #expect(
      String(decoding: added.json(), as: UTF8.self)
        == #"{"metadata":{"uid":"u1","resourceVersion":"7","finalizers":["other","stream.nats.io/finalizer"]}}"#)
    let held = try #require(
      CustomObject(.stream, try object(metadata: #","finalizers":["stream.nats.io/finalizer","other"]"#)))
    #expect(held.finalizerPatch(true) == nil)
    #expect(held.finalizerPatch(false)?["metadata"]?["finalizers"]?.array == [.string("other")])
  }

  @Test func theStateIsWrittenWhenItIsNews() throws {
    let bare = try #require(CustomObject(.stream, try object()))
    let patch = try #require(bare.statePatch(["name": .string("<A>")]))
    #expect(
      patch["metadata"]?["annotations"]?["stream.nats.io/state"]?.string == #"{"name":"<A>"}"#
        && patch["metadata"]?["uid"]?.string == "u1")
    let same = try #require(
      CustomObject(.stream, try object(metadata: #","annotations":{"stream.nats.io/state":"{\"name\":\"<A>\"}"}"#)))
    #expect(same.statePatch(["name": .string("<A>")]) == nil)
    let told: JSONObject = [
      "name": .string("A"),
      "metadata": .object(["_nats.ver": .string("2.15.1"), "_nats.level": .string("5"), "mine": .string("x")]),
    ]
    #expect(
      bare.statePatch(told)?["metadata"]?["annotations"]?["stream.nats.io/state"]?.string
        == #"{"name":"A","metadata":{"mine":"x"}}"#)
    let account = try #require(CustomObject(.account, try object()))
    #expect(account.statePatch(["name": .string("A")]) == nil)
  }

  @Test("a status is written when it is news; only success moves observedGeneration (13.003, 13.004)")
  func statuses() throws {
    let fresh = try #require(CustomObject(.stream, try object()))
    let ready = ResourceStatus(.ready, "done", observedGeneration: 3)
    let patch = try #require(fresh.statusPatch(ready, now: now))
    #expect(patch["status"]?["observedGeneration"]?.int64 == 3 && patch["metadata"]?["uid"]?.string == "u1")
    let condition = try #require(patch["status"]?["conditions"]?.array?.first)
    #expect(condition["type"]?.string == "Ready" && condition["status"]?.string == "True")
    #expect(condition["reason"]?.string == "Ready" && condition["message"]?.string == "done")
    #expect(condition["lastTransitionTime"]?.string == "2023-11-14T22:13:20.000000005Z")

    let stored = try #require(
      CustomObject(
        .stream,
        try object(
          #","status":{"observedGeneration":3,"conditions":[{"type":"Other","status":"True"},{"type":"Ready","#
            + #""status":"True","reason":"Ready","message":"done","lastTransitionTime":"then"}]}"#)))
    #expect(stored.statusPatch(ready, now: now) == nil)
    // Another message of the same status keeps the time; other conditions stay.
    let reworded = try #require(stored.statusPatch(ResourceStatus(.ready, "again", observedGeneration: 3), now: now))
    #expect(reworded["status"]?["conditions"]?.array?.count == 2)
    #expect(reworded["status"]?["conditions"]?.array?[1]["lastTransitionTime"]?.string == "then")
    let errored = try #require(stored.statusPatch(ResourceStatus(.errored, "no", observedGeneration: 4), now: now))
    #expect(errored["status"]?["observedGeneration"]?.int64 == 3)
    #expect(errored["status"]?["conditions"]?.array?[1]["lastTransitionTime"]?.string != "then")
    #expect(stored.statusPatch(ResourceStatus(.ready, "done", observedGeneration: 4), now: now) != nil)
    let unknown = try #require(fresh.statusPatch(ResourceStatus(.reconciling, "", observedGeneration: 1), now: now))
    #expect(unknown["status"]?["conditions"]?.array?[0]["status"]?.string == "Unknown")
    #expect(unknown["status"]?["observedGeneration"] == nil)
  }

  @Test func theLeaseStandsWhereTheResourcesAreAndIsNamedAfterThem() {
    var options = KubernetesSource.Options(identity: "pod_1")
    #expect(options.lease(podNamespace: "nats").description == "nats/nack-controller")
    options.namespace = "team"
    #expect(options.lease(podNamespace: "nats").description == "team/nack-controller.team")
    options.leaseNamespace = "locks"
    options.leaseName = "mine"
    #expect(options.lease(podNamespace: "nats").description == "locks/mine")
  }
}
