import Testing

@testable import Configuration

@Suite("Command line")
struct CommandLineTests {
  func exit(_ arguments: [String], files: [String: String] = ["main.conf": "port: 14333\n"]) -> ProgramOutput? {
    guard case .exit(let output) = Launch.decide(arguments, access: memory(files)) else { return nil }
    return output
  }

  @Test(
    "Version and help in every spelling (FEATURES 3.022)", arguments: [["-v"], ["--version"], ["version"], ["VERSION"]])
  func version(arguments: [String]) {
    let output = exit(arguments)
    #expect(output?.standardOutput == "nats-server: v2.15.1\nnatsd: v0.1.0\n")
    #expect(output?.exitCode == 0)
  }

  @Test("Help names every flag (FEATURES 3.017 to 3.022)", arguments: [["-h"], ["--help"], ["help"]])
  func help(arguments: [String]) throws {
    let text = try #require(exit(arguments)).standardOutput
    for flag in [
      "--addr", "--net", "--port", "--name", "--server_name", "--pid", "--http_port", "--https_port", "--config", "-t ",
      "-sl", "--client_advertise", "--ports_file_dir", "--log ", "--logtime", "--logtime_utc", "--syslog",
      "--remote_syslog", "-DVV", "--log_size_limit", "--max_traced_msg_len", "--jetstream", "--store_dir", "--user",
      "--pass", "--auth", "--tls ", "--tlscert", "--tlskey", "--tlsverify", "--tlscacert", "--routes", "--cluster",
      "--cluster_listen", "--cluster_name", "--no_advertise", "--cluster_advertise", "--connect_retries", "--profile",
      "--help_tls",
    ] {
      #expect(text.contains(flag), "\(flag)")
    }
  }

  @Test("TLS help lists suites and curves")
  func helpTLS() {
    let text = exit(["--help_tls"])?.standardOutput ?? ""
    #expect(text.contains("\n    TLS_AES_128_GCM_SHA256\n") && text.contains("\n    X25519MLKEM768\n"))
  }

  @Test(
    "Wrong flags say so, print the usage and exit with 0, as nats-server does",
    arguments: [
      (["-foo"], "flag provided but not defined: -foo\n"),
      (["-p"], "flag needs an argument: -p\n"),
      (["-p", "x"], "invalid value \"x\" for flag -p: parse error\n"),
      (["-D=maybe"], "invalid boolean value \"maybe\" for -D: parse error\n"),
      (["---D"], "bad flag syntax: ---D\n"),
    ])
  func wrongFlags(arguments: [String], text: String) {
    let output = exit(arguments)
    #expect(output?.standardError == text)
    #expect(output?.exitCode == 0)
  }

  @Test("The configuration test (FEATURES 3.015, 3.014)")
  func check() {
    #expect(
      exit(["-t", "-c", "main.conf"])
        == ProgramOutput(
          standardError: "nats-server: configuration file main.conf is valid "
            + "(sha256:1f479d37b6215897f4394c6ebc8d2fa01c5c3469381b2842b5c1f3d84b929754)\n"))
    #expect(
      exit(["-t"])
        == .failure("must specify [-c, --config] option to check configuration file syntax"))
    #expect(exit(["-t", "-c", "x"]) == .failure("open x: no such file or directory"))
    #expect(
      exit(["-t", "-c", "main.conf"], files: ["main.conf": "ping_interval: 3\nfoo: 1"])
        == .failure(
          "main.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration\n"
            + "main.conf:2:1: unknown field \"foo\"\n"))
    #expect(exit(["-t", "-c", "main.conf"], files: ["main.conf": "ping_interval: 3"])?.exitCode == 1)
  }

  @Test("Flags win over the file, an explicit false too (FEATURES 3.016)")
  func precedence() throws {
    let file = "port: 1\nhost: a\ndebug: true\nlogtime: true\nserver_name: x\nhttp: 8222\nsyslog: true\n"
    let options = try started(
      file, ["-p", "2", "-D=false", "--name=y", "-T=false", "-m", "9", "--syslog=0", "-max_traced_msg_len", "0x10"])
    #expect(options.port == 2)
    #expect(options.host == "a")
    #expect(!options.log.debug)
    #expect(!options.log.time)
    #expect(options.serverName == "y")
    #expect(options.monitoring.port == 9)
    #expect(!options.log.syslog)
    #expect(options.log.maxTracedMessageLength == 16)
  }

  @Test("Combined log flags (FEATURES 3.018)")
  func combined() throws {
    #expect(try started("x: 1\nport: $x", ["-DV"]).log.debug)
    let verbose = try started("trace: false\n", ["-DVV"]).log
    #expect(verbose.debug && verbose.trace && verbose.traceVerbose)
    #expect(try started("debug: true\n", ["-DV=false"]).log.debug == false)
    #expect(try started("port: 1\n", ["-VV"]).log.traceVerbose)
  }

  @Test("Cluster flags (FEATURES 3.021)")
  func cluster() throws {
    let options = try started(
      "cluster { port: 1, authorization { user: a, password: b } }",
      ["--cluster", "nats://u:p@h:-1", "--routes", "nats://a:1, nats://b:2", "--cluster_name", "C"])
    #expect(options.cluster?.host == "h" && options.cluster?.port == -1 && options.cluster?.user == "u")
    #expect(options.cluster?.routes.map(\.host) == ["a", "b"] && options.cluster?.name == "C")
    #expect(throws: Refused(text: "nats-server: solicited routes require cluster capabilities, e.g. --cluster\n")) {
      try started("port: 1\n", ["--routes", "nats://a:1"])
    }
  }

  @Test("TLS flags replace or remove the file's block (FEATURES 3.020)")
  func tls() throws {
    let files = ["c": "-----BEGIN C-----", "k": "-----BEGIN K-----"]
    let file = "tls { cert_file: c, key_file: k, timeout: 5 }"
    #expect(try started(file, ["--tls=false"], files: files).tls == nil)
    let replaced = try started(file, ["--tlsverify", "--tlscert", "k", "--tlskey", "c"], files: files).tls
    #expect(replaced?.certificateFile == "k" && replaced?.verify == true)
    #expect(replaced?.timeoutNanoseconds == 5 * second)
    #expect(throws: Refused(text: "nats-server: TLS Server certificate must be present and valid\n")) {
      try started("port: 1\n", ["--tls"])
    }
  }

  @Test("Warnings of the file do not stop a start and are handed on")
  func warnings() throws {
    let plan = try plan("ping_interval: 3\n")
    #expect(plan.options.pingIntervalNanoseconds == 3 * second)
    #expect(plan.warnings.hasPrefix("main.conf:1:0: invalid use of field"))
  }

  @Test("Secrets are found wherever they stand (FEATURES 3.023)")
  func secrets() {
    #expect(
      SecretArguments.redacted([
        "--user", "bob", "--pass=x=y", "-auth", "t", "-p", "1", "--routes", "nats://u:p@a:1,nats://b:2,x://u@c",
        "--cluster=nats://u:p@h:-1", "--cluster_listen", "nats://h:1", "--username", "z", "--pass",
      ]) == [
        "--user", "[REDACTED]", "--pass=[REDACTED]", "-auth", "[REDACTED]", "-p", "1", "--routes",
        "nats://[REDACTED]@a:1,nats://b:2,x://[REDACTED]@c", "--cluster=nats://[REDACTED]@h:-1", "--cluster_listen",
        "nats://h:1", "--username", "z", "--pass",
      ])
    #expect(SecretArguments.places(in: ["--pass=ab"]) == [.init(argument: 0, bytes: 7..<9)])
  }
}

@Suite("Signals to other servers (FEATURES 3.026)")
struct SignalRequestTests {
  func request(_ text: String, files: [String: String] = [:]) -> Result<SignalRequest, SignalRequest.Failure> {
    SignalRequest.parse(text, access: memory(files))
  }

  @Test(
    "Command and process",
    arguments: [
      ("reload", SignalRequest(command: "reload", process: nil, isPattern: false)),
      ("ldm=12", SignalRequest(command: "ldm", process: "12", isPattern: false)),
      ("stop=1*", SignalRequest(command: "stop", process: "1", isPattern: true)),
      ("quit=*", SignalRequest(command: "quit", process: nil, isPattern: true)),
      ("term=/pid", SignalRequest(command: "term", process: "77", isPattern: false)),
    ])
  func parse(text: String, expected: SignalRequest) {
    #expect(request(text, files: ["/pid": "77"]) == .success(expected))
  }

  @Test(
    "What is wrong with a request",
    arguments: [("reload=a=b", "invalid signal parameters: [b]"), ("reload=x", "invalid pid: x")])
  func failures(text: String, message: String) {
    #expect(request(text) == .failure(.init(text: message)))
  }

  @Test(
    "Targets among running servers",
    arguments: [
      ("reload", [7], "1 [7]"), ("reopen", [7], "10 [7]"), ("ldm=5", [7, 8], "12 [5]"),
      ("stop=1*", [12, 21], "9 [12]"),
      ("term=*", [1, 2], "15 [1, 2]"), ("quit", [], "no nats-server processes running"),
      ("quit", [1, 2], "multiple nats-server processes running:\n1\n2"), ("foo=1", [], "unknown signal \"foo\""),
    ])
  func targets(text: String, running: [Int32], expected: String) throws {
    switch try request(text).get().targets(running: running) {
    case .success(let (signal, processes)): #expect("\(signal.rawValue) \(processes)" == expected)
    case .failure(let failure): #expect(failure.text == expected)
    }
  }
}
