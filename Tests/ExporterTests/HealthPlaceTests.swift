import Exporting
import HTTP
import Testing

@Suite("Where an exporter tells that it runs")
struct HealthPlaceTests {
  @Test(
    "its address, port and TLS count",
    arguments: [
      ([], "http://127.0.0.1:7777/healthz"),
      (["-p", "7000", "-a", "10.0.0.1"], "http://10.0.0.1:7000/healthz"),
      (["-tlscert", "c", "-tlskey", "k"], "https://127.0.0.1:7777/healthz"),
    ] as [([String], String)])
  func urls(arguments: [String], url: String) {
    #expect(ExporterCommandLine.healthPlace(arguments + ["-varz", "http://a:8222"]) == .url(HTTPURL(url)!))
  }

  @Test("a port that only clients with certificates reach, and arguments that cannot be read")
  func others() {
    let closed = ["-tlscert", "c", "-tlskey", "k", "-tlscacert", "ca", "-varz", "http://a:8222"]
    guard case .none = ExporterCommandLine.healthPlace(closed) else { return #expect(Bool(false), "it is asked") }
    guard case .unknown = ExporterCommandLine.healthPlace(["-nonsense"]) else {
      return #expect(Bool(false), "it is understood")
    }
  }
}
