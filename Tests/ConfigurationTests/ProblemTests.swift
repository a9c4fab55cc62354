import Testing

@testable import Configuration

@Suite("Errors and warnings of configurations")
struct ProblemTests {
  @Test("All errors are collected at once (FEATURES 3.012)")
  func allAtOnce() {
    #expect(
      problems("foo: 1\nport: abc\nmax_payload: 99999999999\nserver_name: 'a b'\nping_interval: 3") == [
        "main.conf:5:1: invalid use of field \"ping_interval\": ping_interval should be converted to a duration",
        "main.conf:1:0: unknown field \"foo\"",
        "main.conf:2:1: interface conversion: interface {} is string, not int64",
        "main.conf:3:1: max_payload value is too big",
        "main.conf:4:1: server name cannot contain spaces",
      ])
  }

  @Test("An empty configuration is warned about (FEATURES 3.013)")
  func empty() {
    #expect(problems("") == ["main.conf: config has no values or is empty"])
  }

  @Test(
    "Errors by option",
    arguments: [
      ("listen: 'a'", "main.conf:1:0: could not parse address string \"a\""),
      ("listen: 'a:b'", "main.conf:1:0: could not parse port \"b\""),
      ("lame_duck_duration: '10s'", "main.conf:1:0: invalid lame_duck_duration of 10s, minimum is 30 seconds"),
      ("write_timeout: x", "main.conf:1:0: write_timeout must be 'default', 'close' or 'retry'"),
      ("max_sub_tokens: 256", "main.conf:1:0: max_sub_tokens value is too big"),
      ("authorization { user: a, token: b }", "main.conf:1:0: Cannot have a user/pass and token"),
      (
        "authorization { timeout: 1m }",
        "main.conf:1:16: invalid use of field \"timeout\": timeout of 1000000 (1000000.000000 seconds) is high, "
          + "consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for "
          + "example"
      ),
      ("authorization { users: [ {user: a}, {user: a} ] }", "main.conf:1:0: Duplicate user \"a\" detected"),
      ("authorization { users: [ {password: a} ] }", "main.conf:1:26: User entry requires a user"),
      (
        "authorization { users: [ {user: a, permissions: {publish: 'a..b'}} ] }",
        "subject \"a..b\" is not a valid subject"
      ),
      (
        "authorization { users: [ {user: a, clients: foo} ] }",
        "main.conf:1:35: invalid connection types [\"FOO\"]"
      ),
      ("accounts { '$G' {} }", "main.conf:1:12: \"$G\" is a Reserved Account"),
      ("accounts { A { limits {x: 1} } }", "main.conf:1:23: Unknown field \"x\" parsing account limits"),
      ("mappings { a: {dest: b} }", "main.conf:1:11: Missing weight for mapping destination \"b\""),
      (
        "mappings { a: [ {dest: b, weight: 60}, {dest: c, weight: 50} ] }",
        "main.conf:1:11: Error adding mapping for \"a\" : total weight needs to be <= 100"
      ),
      (
        "mappings { 'a.*': 'b.{{wildcard(2)}}' }",
        "main.conf:1:12: Error adding mapping for \"a.*\" to \"b.{{wildcard(2)}}\" : invalid mapping destination: "
          + "wildcard index out of range in {{wildcard(2)}}: [2]"
      ),
      ("jetstream { max_mem: '1X' }", "main.conf:1:12: max_mem_store sizes defined as strings must end in K, M, G, T"),
      ("jetstream { domain: 1 }", "main.conf:1:0: interface conversion: interface {} is int64, not string"),
      ("tls { cipher_suites: [TLS_FOO] }", "main.conf:1:22: unrecognized cipher TLS_FOO"),
      ("tls { cert_file: x }", "main.conf:1:0: missing 'key_file' in TLS configuration"),
      ("tls { min_version: \"1.1\" }", "main.conf:1:6: error parsing tls config: unsupported TLS version: TLS 1.1"),
      ("leafnodes { min_version: \"2.7.0\" }", "main.conf:1:12: the minimum version should be at least 2.8.0"),
      ("mqtt { max_ack_pending: 65536 }", "main.conf:1:7: invalid value 65536, should in [0..65535] range"),
    ])
  func errors(text: String, line: String) {
    #expect(problems(text) == [line])
  }

  @Test(
    "Imports and exports (FEATURES 4.031 to 4.036)",
    arguments: [
      (
        "A { exports: [ {stream: a, accounts: [C]} ] }\nB { imports: [ {stream: {account: A, subject: a}} ] }\nC {}",
        "Error adding stream import \"a\": stream import not authorized"
      ),
      (
        "A { exports: [ {service: a} ] }\nB { imports: [ {service: {account: A, subject: b}} ] }",
        "Error adding service import \"b\": service import not authorized"
      ),
      (
        "A { exports: [ {service: a} ], imports: [ {service: {account: B, subject: a}} ] }\n"
          + "B { exports: [ {service: a} ], imports: [ {service: {account: A, subject: a}} ] }",
        "Error adding service import \"a\": import forms a cycle"
      ),
      (
        "A { exports: [ {service: 'a.*', account_token_position: 1} ] }",
        "Error adding service export \"a.*\": sublist: invalid subject"
      ),
      (
        "A { exports: [ {service: a, response: stream, latency: b} ] }",
        "Error adding service latency sampling for \"a\" on subject \"b\": bad service response type"
      ),
      ("A { imports: [ {stream: {account: X, subject: a}} ] }", "\"X\" account not defined for stream import"),
    ])
  func accountGraph(accounts: String, line: String) {
    let found = problems("accounts {\n\(accounts)\n}")
    #expect(found.contains { $0.hasSuffix(line) }, "\(found)")
  }

  @Test(
    "Rules between options stop the start (FEATURES 3.334 to 3.347)",
    arguments: [
      (
        "lame_duck_duration: '30s'\nlame_duck_grace_period: '30s'",
        "lame duck grace period (30s) should be strictly lower than lame duck duration (30s)"
      ),
      ("max_payload: 2MB\nmax_pending: 1MB", "max_payload (2097152) cannot be higher than max_pending (1048576)"),
      ("no_auth_user: x", "no_auth_user: \"x\" present, but users/nkeys are not defined"),
      (
        "no_auth_user: x\nauthorization {users: [{user: a}]}",
        "no_auth_user: \"x\" not present as user or nkey in authorization block or account configuration"
      ),
      ("default_sentinel: x", "default sentinel requires operators and accounts"),
      ("gateway { port: 1 }", "gateway has no name"),
      (
        "gateway { name: A, port: 1 }\ncluster { name: B, port: 2 }",
        "cluster name conflicts between cluster and gateway definitions"
      ),
      (
        "leafnodes { remotes: [ {url: 'nats://a', account: X} ] }",
        "cannot find local account \"X\" specified in leafnode remote"
      ),
      (
        "leafnodes { remotes: [ {urls: ['ws://a', 'nats://b']} ] }",
        "remote leaf node configuration cannot have a mix of websocket and non-websocket urls: "
          + "[\"ws://a:7422\" \"nats://b:7422\"]"
      ),
      ("jetstream: true\ncluster { port: 1, name: A }", "jetstream cluster requires `server_name` to be set"),
      ("mqtt { port: 1 }", "mqtt requires JetStream to be enabled if running in standalone mode"),
      ("websocket { port: 1 }", "websocket requires TLS configuration"),
      ("system_account: X", "error resolving system account: account missing"),
    ])
  func crossChecks(text: String, line: String) {
    #expect(throws: Refused(text: "nats-server: \(line)\n")) { try started(text) }
  }
}
