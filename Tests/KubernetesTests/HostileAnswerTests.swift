import Controlling
import JSON
import Reconciliation
import Testing

@testable import Kubernetes
@testable import KubernetesSource

/// What a server says may be anything: it is refused or passed over, and ends nothing.
@Suite struct HostileAnswerTests {
  private static let answers = [
    #"{"type":"ADDED","object":{"apiVersion":"jetstream.nats.io/v1beta2","kind":"Stream","metadata":{"name":"a","#
      + #""namespace":"n","uid":"u","generation":3,"resourceVersion":"5","finalizers":["stream.nats.io/finalizer"],"#
      + #""deletionTimestamp":"2026-01-01T00:00:00Z","annotations":{"stream.nats.io/state":"{\"a\":1}"}},"#
      + #""spec":{"name":"A","maxAge":"1h"},"status":{"observedGeneration":2,"conditions":[{"type":"Ready","#
      + #""status":"True","reason":"Ready","message":"m","lastTransitionTime":"x"}]}}}"#,
    #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","#
      + #""details":{"retryAfterSeconds":5,"causes":[{"message":"m","field":"f"}]}}}"#,
    #"{"kind":"List","metadata":{"resourceVersion":"1","continue":"x"},"items":[{"metadata":{"name":"b"},"#
      + #""spec":{"holderIdentity":"x","leaseDurationSeconds":15,"leaseTransitions":7,"#
      + #""renewTime":"2026-01-01T00:00:00.000000Z"}}]}"#,
  ]
  private static let values = [
    "9223372036854775807", "-9223372036854775808", "1e400", "null", "true", "[]", "{}", "\"\"", "[", "0.5",
  ]

  @Test func changedAnswersEndNothing() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var random = SplitMix(state: seed)
    for _ in 0..<5000 {
      var bytes = Array(Self.answers.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) { Self.change(&bytes, &random) }
      Self.take(bytes)
    }
  }

  private static func change(_ bytes: inout [UInt8], _ random: inout SplitMix) {
    let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
    switch Int.random(in: 0..<3, using: &random) {
    case 0: if place < bytes.count { bytes[place] = UInt8.random(in: 32...126, using: &random) }
    case 1: bytes.removeSubrange(place..<min(bytes.count, place + 3))
    default:
      // Another value for the member that follows.
      guard let colon = bytes[min(place, bytes.count)...].firstIndex(of: UInt8(ascii: ":")),
        let end = bytes[colon...].firstIndex(where: { ",}".utf8.contains($0) })
      else { return }
      bytes.replaceSubrange(colon + 1..<end, with: Array(values.randomElement(using: &random)!.utf8))
    }
  }

  private static func take(_ bytes: [UInt8]) {
    var decoder = WatchDecoder()
    try? decoder.take(bytes + [10]) { event in
      switch event {
      case .changed(let object), .deleted(let object):
        for kind in ResourceKind.allCases {
          guard let made = CustomObject(kind, object) else { continue }
          _ = made.delivered(object)
          _ = made.finalizerPatch(true)
          _ = made.statusPatch(ResourceStatus(.ready, "m", observedGeneration: 3), now: .zero)
        }
      case .bookmark: break
      case .error(let status): fail(status)
      }
    }
    _ = try? ListPage(bytes) { object in
      var election = LeaderElection(.init(identity: "i"))
      _ = election.start(now: 0)
      _ = election.got(LeaseRecord(object), resourceVersion: "1", now: 5, wall: .zero)
      _ = election.got(LeaseRecord(object), resourceVersion: "1", now: 1 << 50, wall: .zero)
    }
    guard let value = try? JSONValue(parsing: bytes) else { return }
    fail(APIStatus(value["object"] ?? value))
    _ = try? Kubeconfig(value, directory: "/").configuration()
  }

  private static func fail(_ status: APIStatus) {
    var reflector = Reflector()
    _ = reflector.start()
    _ = reflector.listFailed(.status(status), random: 0.5)
    var retry = RequestRetry(.get(.secrets, ObjectKey(namespace: "n", name: "s")))
    _ = retry.wait(after: .status(status), random: 0.5)
  }
}
