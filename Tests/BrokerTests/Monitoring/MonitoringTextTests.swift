import Configuration
import HTTP
import JSON
import Testing

@testable import Broker

@Suite("Texts and arguments of monitoring") struct MonitoringTextTests {
  private static let second: Int64 = 1_000_000_000

  @Test(
    "Uptime has seconds, and larger units without leading zeros (FEATURES 11.025)",
    arguments: [
      (0, "0s"), (59, "59s"), (60, "1m0s"), (3599, "59m59s"), (3600, "1h0m0s"), (86_399, "23h59m59s"),
      (86_400, "1d0h0m0s"), (86_400 * 365, "1y0d0h0m0s"), (86_400 * 400 + 3661, "1y35d1h1m1s"),
    ] as [(Int64, String)])
  func uptime(seconds: Int64, expected: String) {
    #expect(MonitoringText.uptime(nanoseconds: seconds * Self.second + 999_999_999) == expected)
  }

  @Test(
    "A round trip below a millisecond is shown in microseconds",
    arguments: [(0, "0s"), (999, "999ns"), (1000, "1µs"), (97_654, "97µs"), (1_234_567, "1.234567ms")]
      as [(Int64, String)])
  func roundTrip(nanoseconds: Int64, expected: String) {
    #expect(MonitoringText.roundTrip(nanoseconds: nanoseconds) == expected)
  }

  @Test(
    "Flags are read as Go reads them (FEATURES 11.002)",
    arguments: [("", false), ("1", true), ("t", true), ("TRUE", true), ("True", true), ("0", false), ("False", false)])
  func flags(text: String, expected: Bool) throws {
    #expect(try HTTPQuery("auth=\(text)").flag("auth") == expected)
  }

  @Test("Other values are named in the error")
  func badValues() {
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    #expect(
      message { _ = try HTTPQuery("auth=yes").flag("auth") }
        == #"Error decoding boolean for 'auth': strconv.ParseBool: parsing "yes": invalid syntax"#)
    #expect(
      message { _ = try HTTPQuery("limit=1.5").integer("limit") }
        == #"Error decoding int for 'limit': strconv.Atoi: parsing "1.5": invalid syntax"#)
    #expect(
      message { _ = try HTTPQuery("limit=-99999999999999999999").integer("limit") }
        == #"Error decoding int for 'limit': strconv.Atoi: parsing "-99999999999999999999": value out of range"#)
    #expect(
      message { _ = try HTTPQuery("cid=-1").unsigned("cid") }
        == #"Error decoding uint64 for 'cid': strconv.ParseUint: parsing "-1": invalid syntax"#)
    #expect(message { _ = try ConnzOptions(HTTPQuery("state=half")) } == "Error decoding state for half")
  }

  @Test("Options that do not go together are refused (FEATURES 11.007)")
  func connectionOptions() {
    func refusal(_ change: (inout ConnzOptions) -> Void) -> String? {
      var options = ConnzOptions()
      change(&options)
      do throws(MonitoringError) {
        _ = try options.checked()
        return nil
      } catch { return error.description }
    }
    #expect(refusal { $0.sort = "x" } == "invalid sorting option: x")
    #expect(refusal { $0.sort = "stop" } == "sort by stop only valid on closed connections")
    #expect(
      refusal {
        $0.sort = "reason"; $0.state = .all
      } == "sort by reason only valid on closed connections")
    #expect(
      refusal {
        $0.sort = "reason"; $0.state = .closed
      } == nil)
    #expect(refusal { $0.filterSubject = "a" } == "filter by subject only valid with account filtering")
    #expect(refusal { $0.filterSubject = ">" } == nil)
  }
}
