import Controlling
import HTTP
import Testing

@Suite("Where a controller tells that it works (13.021)")
struct HealthPlaceTests {
  private func place(_ arguments: [String]) -> HealthCheck.Place {
    ControllerCommandLine.healthPlace(arguments) { _ in nil }
  }

  @Test(
    "its probe address",
    arguments: [
      ([], "http://127.0.0.1:8081/healthz"),
      (["--health-probe-bind-address", ":9000"], "http://127.0.0.1:9000/healthz"),
      (["-health-probe-bind-address=10.0.0.1:9000"], "http://10.0.0.1:9000/healthz"),
    ] as [([String], String)])
  func urls(arguments: [String], url: String) {
    #expect(place(["--manifests", "."] + arguments) == .url(HTTPURL(url)!))
  }

  @Test("a probe that is off, and arguments that cannot be read")
  func others() {
    guard case .none = place(["--manifests", ".", "--health-probe-bind-address=0"]) else {
      return #expect(Bool(false), "it is asked")
    }
    guard case .unknown = place(["--nonsense"]) else { return #expect(Bool(false), "it is understood") }
  }
}
