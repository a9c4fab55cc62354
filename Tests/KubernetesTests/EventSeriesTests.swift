import JSON
import Testing

@testable import Kubernetes

@Suite struct EventSeriesTests {
  private let minute: Int64 = 60_000_000_000
  private let start: Int64 = 1_700_000_000_000_000_000

  private func event(_ name: String = "orders", _ message: String = "done") -> ObjectEvent {
    let object = ObjectReference(
      apiVersion: "jetstream.nats.io/v1beta2", kind: "Stream", key: ObjectKey(namespace: "n", name: name), uid: "u")
    return ObjectEvent(object, reason: "Created", message: message)
  }

  @Test func anEventThatIsTheSameAgainIsCountedUp() throws {
    var series = EventSeries(component: "jetstream-controller", instance: "pod")
    guard case .create(let name, let body)? = series.record(event(), now: start) else {
      Issue.record("not created")
      return
    }
    #expect(name == "orders." + String(start, radix: 16))
    #expect(body["involvedObject"]?["kind"]?.string == "Stream" && body["count"]?.int64 == 1)
    #expect(body["metadata"]?["namespace"]?.string == "n" && body["type"]?.string == "Normal")
    #expect(body["firstTimestamp"]?.string == "2023-11-14T22:13:20Z")
    let again = series.record(event(), now: start + minute)
    #expect(
      again
        == .patch(name: name, .object(["count": JSONValue(2), "lastTimestamp": .string("2023-11-14T22:14:20Z")])))
    // Another message is another event; gone from the server, the series begins anew.
    guard case .create? = series.record(event("orders", "other"), now: start) else {
      Issue.record("other messages are counted together")
      return
    }
    guard case .create(_, let anew)? = series.recreate(event(), now: start + 2 * minute) else {
      Issue.record("not created anew")
      return
    }
    #expect(anew["count"]?.int64 == 1)
  }

  @Test func anObjectHasABurstThenOneInFiveMinutes() {
    var series = EventSeries(component: "c", instance: "i")
    let sent = (0..<40).filter { series.record(event("orders", "m\($0)"), now: start) != nil }.count
    #expect(sent == 25)
    #expect(series.record(event(), now: start + 4 * minute) == nil)
    #expect(series.record(event(), now: start + 6 * minute) != nil)
    #expect(series.record(event("another"), now: start) != nil)
  }

  @Test func aClockThatIsSetBackSilencesNobody() {
    var series = EventSeries(component: "c", instance: "i")
    #expect(series.record(event("orders", "m0"), now: start) != nil)
    let sent = (1..<10).filter { series.record(event("orders", "m\($0)"), now: start - 600 * minute) != nil }.count
    #expect(sent == 9)
  }

  @Test func memoryIsBoundedAndLongMessagesAreCut() {
    var series = EventSeries(component: "c", instance: "i", limit: 3)
    for index in 0..<10 { _ = series.record(event("o\(index)"), now: start + Int64(index)) }
    guard case .create? = series.record(event("o0"), now: start + 20),
      case .patch? = series.record(event("o9"), now: start + 20)
    else {
      Issue.record("the oldest is not the one forgotten")
      return
    }
    let long = series.record(event("long", String(repeating: "ä", count: 600)), now: start)
    guard case .create(_, let body)? = long, let text = body["message"]?.string else { return }
    #expect(text.utf8.count <= 1024 && text.hasSuffix("ä..."))
  }
}
