import Flags
import Metrics
import Testing

@testable import Exporting

/// FEATURES 15.001 to 15.013.
@Suite struct CommandLineTests {
  private func options(_ line: String) throws -> ExporterOptions {
    guard case .run(let options, _) = decide(line) else { throw Refused(line: line) }
    return options
  }

  private struct Refused: Error { let line: String }

  private func decide(_ line: String) -> LaunchDecision<ExporterOptions> {
    ExporterCommandLine.decide(line.split(separator: " ").map(String.init), program: "exporter")
  }

  @Test func aTimeoutBeyondAllMeasureIsTenYears() throws {
    #expect(
      try options("-varz -scrape_timeout 2562047h47m http://h").scrapeTimeoutNanoseconds == 87_600 * 3_600_000_000_000)
  }

  @Test func defaults() throws {
    let options = try options("-varz http://localhost:8222")
    #expect(options.port == 7777 && options.address == "0.0.0.0" && options.path == "/metrics")
    #expect(options.retrySeconds == 30 && options.scrapeTimeoutNanoseconds == 5_000_000_000)
    #expect(options.endpoints == [.varz] && options.identity == .url && options.log == .standardError)
  }

  @Test(arguments: [
    "-p 1 -a h -path m", "--p=1 --a=h --path=m", "-port=1 -addr h --path /m", "--port 1 --addr=h -path=/m",
  ])
  func bothDashesAndBothForms(flags: String) throws {
    let options = try options(flags + " -varz http://localhost:8222")
    #expect(options.port == 1 && options.address == "h" && options.path == "/m")
  }

  @Test(
    arguments: [
      ("-varz", [.varz]), ("-connz", [.connz]), ("-connz_detailed", [.connzDetailed]),
      ("-connz -connz_detailed", [.connzDetailed]), ("-subz", [.subsz]), ("-routez", [.routez]),
      ("-gatewayz", [.gatewayz]),
      ("-leafz", [.leafz]), ("-accstatz", [.accstatz]), ("-accountz", [.accountz]), ("-healthz", [.healthz]),
      ("-healthz_js_enabled_only", [.healthzJetStreamEnabledOnly]),
      ("-healthz_js_server_only", [.healthzJetStreamServerOnly]), ("-subz -jsz=all", [.subsz, .jsz]),
      ("-varz=true -connz=false", [.varz]),
      // As the original: -jsz and -connz_detailed do not count as a choice.
      ("-jsz=all", [.varz, .jsz]), ("-jsz=all -connz_detailed", [.varz, .connzDetailed, .jsz]),
    ] as [(String, [MonitoringEndpoint])])
  func collectors(flags: String, endpoints: [MonitoringEndpoint]) throws {
    #expect(try options(flags + " http://localhost:8222").endpoints == endpoints)
  }

  @Test(
    arguments: [
      ("account", .accounts), ("accounts", .accounts), ("stream", .streams), ("streams", .streams),
      ("consumer", .consumers), ("consumers", .consumers), ("all", .consumers), ("ALL", .consumers),
    ] as [(String, JetStreamDetail)])
  func jetStreamFilters(filter: String, detail: JetStreamDetail) throws {
    #expect(try options("-varz -jsz \(filter) http://localhost:8222").jetStream == detail)
  }

  /// FEATURES 15.012.
  @Test(arguments: [
    ("http://localhost:8222", "http://localhost:8222", "http://localhost:8222"),
    ("http://u:p@localhost:8222/", "http://localhost:8222", "http://localhost:8222"),
    ("https://nats/base/", "https://nats", "https://nats/base"),
    ("a,http://localhost:8222", "a", "http://localhost:8222"),
    ("a,b,http://localhost:8222/x", "a,b", "http://localhost:8222/x"),
  ])
  func targets(argument: String, id: String, url: String) throws {
    let target = try #require(try options("-varz " + argument).targets.first)
    #expect(target.id == id && target.url.description == url)
  }

  @Test func credentialsOfTheURLAreKeptApart() throws {
    let target = try #require(try options("-varz http://u:p%40@localhost:8222").targets.first)
    #expect(target.url.user == "u" && target.url.password == "p@")
  }

  @Test func severalServers() throws {
    #expect(try options("-varz http://a:1 b,http://b:2").targets.map(\.id) == ["http://a:1", "b"])
  }

  @Test func everythingElse() throws {
    let options = try options(
      "-varz -jsz=all -tlscert c -tlskey k -tlscacert a -http_user u -http_pass p -prefix nats -ri 5 -DV "
        + "-use_internal_server_name -jsz_stream_meta_keys a,b-c -jsz_consumer_meta_keys d -scrape_timeout 2s "
        + "-max_series 7 -max_response_bytes 4096 -server_tlscacert s http://localhost:8222")
    #expect(options.certificateFile == "c" && options.keyFile == "k" && options.authorityFile == "a")
    #expect(options.user == "u" && options.password == "p" && options.prefix == "nats" && options.retrySeconds == 5)
    #expect(options.debug && options.trace && options.identity == .serverName)
    #expect(options.streamMetadata.map(\.label) == ["stream_meta_a", "stream_meta_b_c"])
    #expect(options.streamMetadata.map(\.key) == ["a", "b-c"])
    #expect(options.consumerMetadata.map(\.label) == ["consumer_meta_d"])
    #expect(options.scrapeTimeoutNanoseconds == 2_000_000_000 && options.maximumSeries == 7)
    #expect(options.maximumAnswerBytes == 4096 && options.serverAuthorityFile == "s")
  }

  @Test(
    arguments: [
      ("-l f", .file("f")), ("-log=f", .file("f")), ("-l f -s", .syslog), ("-syslog", .syslog),
      ("-s -r udp://h:514", .remoteSyslog("udp://h:514")), ("-remote_syslog=x -l f", .remoteSyslog("x")),
    ] as [(String, ExporterOptions.LogTarget)])
  func logTargets(flags: String, target: ExporterOptions.LogTarget) throws {
    #expect(try options(flags + " -varz http://localhost:8222").log == target)
  }

  @Test(arguments: [
    ("-x -varz http://a", "flag provided but not defined: -x", 2),
    ("-p", "flag needs an argument: -p", 2),
    ("-p x http://a", "invalid value \"x\" for flag -p: parse error", 2),
    ("-p 65536 http://a", "invalid value \"65536\" for flag -p: not in 0 to 65535", 2),
    ("-varz=maybe http://a", "invalid boolean value \"maybe\" for -varz: parse error", 2),
    ("---varz http://a", "bad flag syntax: ---varz", 2),
    ("-=1 http://a", "bad flag syntax: -=1", 2),
    ("http://a", "error starting the exporter: no Collectors specified", 1),
    ("-jsz=some http://a", "error starting the exporter: invalid jsz filter \"some\"", 1),
    ("-jsz=all -jsz_stream_meta_keys=a,,b http://a", "error starting the exporter: invalid jsz stream meta key: ''", 1),
    ("-varz localhost:8222", "Unable to parse URL \"localhost:8222\"", 1),
    ("-varz http://a http://a/b", "two servers have the id \"http://a\"; give each its own: id,url", 1),
    ("-varz -tlscert c http://a", "-tlscert and -tlskey go together", 1),
    ("-varz -prefix a-b http://a", "invalid prefix \"a-b\": metric names have letters, digits and _", 1),
    ("-varz -scrape_timeout=5 http://a", "invalid value \"5\" for flag -scrape_timeout: parse error", 2),
  ])
  func refuses(line: String, text: String, status: Int32) {
    guard case .fail(let found, let foundStatus) = decide(line) else {
      Issue.record("accepted: \(line)")
      return
    }
    #expect(found.split(separator: "\n").first.map(String.init) == text)
    #expect(foundStatus == status)
  }

  @Test(arguments: ["-h", "--help", "-varz", "", "-varz --"])
  func printsUsage(line: String) {
    guard case .leave(let output, 0) = decide(line) else {
      Issue.record("no usage: \(line)")
      return
    }
    #expect(output.hasPrefix("Usage:  exporter <flags> url") && output.contains("-healthz_js_server_only"))
  }

  @Test func printsVersion() {
    guard case .leave(let output, 0) = decide("--version") else {
      Issue.record("no version")
      return
    }
    #expect(output == "prometheus-nats-exporter version \(Exporter.version)\n")
  }

  /// As in Go, the first argument that is no flag ends the flags.
  @Test func flagsEndAtTheFirstURL() {
    guard case .fail(let text, 1) = decide("-varz http://a -connz") else {
      Issue.record("accepted")
      return
    }
    #expect(text == "Unable to parse URL \"-connz\"")
  }

  @Test(
    arguments: [
      (nil, 5), ("", 5), ("x", 5), ("-1", 5), ("10", 5), ("4", 3.6), ("1", 0.9), ("20", 5), ("1e300", 5),
    ] as [(String?, Double)])
  func scrapesEndBeforeTheScraperGivesUp(header: String?, seconds: Double) {
    #expect(ScrapeBudget.nanoseconds(header: header, maximum: 5_000_000_000) == Int64(seconds * 1e9))
  }
}
