import Testing

@testable import Configuration

/// What accounts may export and import (FEATURES 4.027 to 4.033). All texts were seen from nats-server.
@Suite struct AccountLinkPlanTests {
  private static func account(_ name: String, _ edit: (inout AccountOptions) -> Void) -> AccountOptions {
    var account = AccountOptions(name: name)
    edit(&account)
    return account
  }

  private static func stream(_ subject: String, _ accounts: [String]? = nil, at position: Int = 0)
    -> StreamExportOptions
  {
    var export = StreamExportOptions(subject: subject)
    export.accounts = accounts
    export.accountTokenPosition = position
    return export
  }

  private static func service(
    _ subject: String, _ accounts: [String]? = nil, at position: Int = 0,
    type: ServiceExportOptions.ResponseType = .singleton, latency: String? = nil
  ) -> ServiceExportOptions {
    var export = ServiceExportOptions(subject: subject)
    export.accounts = accounts
    export.accountTokenPosition = position
    export.responseType = type
    export.latency = latency.map { ServiceLatencyOptions(subject: $0) }
    return export
  }

  private static func streamFrom(_ account: String, _ subject: String, to: String = "", prefix: String = "")
    -> StreamImportOptions
  {
    var item = StreamImportOptions(account: account, subject: subject)
    item.to = to
    item.prefix = prefix
    return item
  }

  private static func serviceFrom(_ account: String, _ subject: String, to: String = "", share: Bool = false)
    -> ServiceImportOptions
  {
    var item = ServiceImportOptions(account: account, subject: subject)
    item.to = to
    item.share = share
    return item
  }

  private static func problems(_ accounts: [AccountOptions], hasSystemAccount: Bool = true) -> [String] {
    do {
      _ = try AccountLinkPlan(accounts, hasSystemAccount: hasSystemAccount)
      return []
    } catch {
      return error.problems
    }
  }

  /// A with these exports, B with these imports.
  private static func problems(
    streams: [StreamExportOptions] = [], services: [ServiceExportOptions] = [],
    streamImports: [StreamImportOptions] = [], serviceImports: [ServiceImportOptions] = []
  ) -> [String] {
    problems([
      account("A") {
        $0.streamExports = streams
        $0.serviceExports = services
      },
      account("B") {
        $0.streamImports = streamImports
        $0.serviceImports = serviceImports
      },
      account("C") { _ in },
    ])
  }

  @Test func exportsNameAccountsThatExist() {
    #expect(
      Self.problems(streams: [Self.stream("x", ["Q", "B"])], services: [Self.service("s", ["R"])]) == [
        "\"Q\" account not defined for stream export", "\"R\" account not defined for service export",
      ])
  }

  @Test(
    "4.032 the account token position is that of a star",
    arguments: [("x.*.y", 2, true), ("x.*.y", 1, false), ("x", 2, false)]
  )
  func tokenPosition(subject: String, position: Int, isRight: Bool) {
    let found = Self.problems(
      streams: [Self.stream(subject, at: position)], services: [Self.service(subject, at: position)])
    let expected = [
      "Error adding stream export \"\(subject)\": sublist: invalid subject",
      "Error adding service export \"\(subject)\": sublist: invalid subject",
    ]
    #expect(found == (isRight ? [] : expected))
  }

  @Test("4.032 the token must be the importer's name, and an import of the pattern itself is refused")
  func tokenOfImporter() {
    let streams = [Self.stream("x.*", at: 2)]
    #expect(Self.problems(streams: streams, streamImports: [Self.streamFrom("A", "x.B")]).isEmpty)
    #expect(
      Self.problems(streams: streams, streamImports: [Self.streamFrom("A", "x.C"), Self.streamFrom("A", "x.*")]) == [
        "Error adding stream import \"x.C\": stream import not authorized",
        "Error adding stream import \"x.*\": stream import not authorized",
      ])
  }

  @Test("4.027 4.028 private exports are for the accounts that they name")
  func privateExports() {
    for (names, isAllowed) in [(["B"], true), (["C"], false), ([], true)] as [([String], Bool)] {
      let found = Self.problems(
        streams: [Self.stream("x.>", names)], services: [Self.service("s.*", names)],
        streamImports: [Self.streamFrom("A", "x.a")], serviceImports: [Self.serviceFrom("A", "s.a")])
      let expected = [
        "Error adding stream import \"x.a\": stream import not authorized",
        "Error adding service import \"s.a\": service import not authorized",
      ]
      #expect(found == (isAllowed ? [] : expected), "\(names)")
    }
  }

  @Test func importsAreCoveredByExportsOfTheirKind() {
    #expect(
      Self.problems(
        streams: [Self.stream("x.a")], services: [Self.service("s.a")],
        streamImports: [Self.streamFrom("A", "x.*"), Self.streamFrom("A", "s.a"), Self.streamFrom("Q", "x.a")],
        serviceImports: [Self.serviceFrom("A", "s.*"), Self.serviceFrom("A", "x.a"), Self.serviceFrom("Q", "s.a")]) == [
          "Error adding stream import \"x.*\": stream import not authorized",
          "Error adding stream import \"s.a\": stream import not authorized",
          "\"Q\" account not defined for stream import",
          "Error adding service import \"s.*\": service import not authorized",
          "Error adding service import \"x.a\": service import not authorized",
          "\"Q\" account not defined for service import",
        ])
  }

  @Test("2.022 transforms of imports are strict")
  func transforms() {
    let unused = "invalid mapping destination: not using all of the token wildcard(s)"
    #expect(
      Self.problems(
        streams: [Self.stream("y.*.*"), Self.stream("x")], services: [Self.service("x.*.*")],
        streamImports: [
          Self.streamFrom("A", "y.*.*", to: "l.$1"), Self.streamFrom("A", "x", prefix: "p.*"),
          Self.streamFrom("A", "y.1.*", to: "l.{{partition(3,1)}}"),
        ], serviceImports: [Self.serviceFrom("A", "x.*.*", to: "l.*"), Self.serviceFrom("A", "x.a.*", to: "a..b")]) == [
          "Error adding stream import \"y.*.*\": failed to create mapping transform for stream import subject from "
            + "\"y.*.*\" to \"l.$1\": \(unused) in l.$1",
          "Error adding stream import \"x\": stream import prefix can not contain wildcard tokens",
          "Error adding stream import \"y.1.*\": failed to create mapping transform for stream import subject from "
            + "\"y.1.*\" to \"l.{{partition(3,1)}}\": invalid mapping destination: the only mapping function allowed "
            + "for import transforms is {{Wildcard()}} in {{partition(3,1)}}",
          "Error adding service import \"x.*.*\": failed to create mapping transform for service import subject from "
            + "\"l.*\" to \"x.*.*\": \(unused) in l.$1",
          "Error adding service import \"x.a.*\": sublist: invalid subject",
        ])
  }

  @Test func duplicates() {
    #expect(
      Self.problems(
        streams: [Self.stream("x")], services: [Self.service("s"), Self.service("t")],
        streamImports: [Self.streamFrom("A", "x"), Self.streamFrom("A", "x", to: "y")],
        serviceImports: [Self.serviceFrom("A", "s", to: "l"), Self.serviceFrom("A", "t", to: "l")]) == [
          "Error adding stream import \"x\": stream import already exists",
          "Error adding service import \"t\": duplicate service import subject \"l\", previously used in import for "
            + "account \"A\", subject \"s\"",
        ])
  }

  private static func ring(_ names: [String], services: Bool, renamed: Bool = false) -> [AccountOptions] {
    names.indices.map { index in
      account(names[index]) {
        let next = names[(index + 1) % names.count]
        let to = renamed ? "from.\(names[index])" : ""
        if services {
          $0.serviceExports = [service("x")]
          $0.serviceImports = [serviceFrom(next, "x", to: to)]
        } else {
          $0.streamExports = [stream("x")]
          $0.streamImports = [streamFrom(next, "x", to: to)]
        }
      }
    }
  }

  @Test("4.031 cycles are found", arguments: [2, 3, 5])
  func cycles(count: Int) {
    let names = (0..<count).map { "N\($0)" }
    #expect(
      Self.problems(Self.ring(names, services: true)) == ["Error adding service import \"x\": import forms a cycle"])
    #expect(
      Self.problems(Self.ring(names, services: false)) == ["Error adding stream import \"x\": import forms a cycle"])
    #expect(Self.problems(Self.ring(names, services: true, renamed: true)).isEmpty)
  }

  @Test("4.031 a chain that is too long to be searched")
  func depth() {
    let names = (0..<1030).map { "N\($0)" }
    let accounts = Self.ring(names, services: true).reversed()
    #expect(
      Self.problems(Array(accounts)).first == "Error adding service import \"x\": search cycle depth exhausted")
  }

  @Test("2.025 2.028 what can be measured")
  func latency() {
    let services = [
      Self.service("s", latency: "l.*"), Self.service("t", latency: "s"),
      Self.service("v", type: .stream, latency: "l"),
      Self.service("w.*", latency: "w.1"), Self.service("a", latency: "later"), Self.service("later"),
    ]
    func text(_ subject: String, _ target: String, _ reason: String) -> String {
      "Error adding service latency sampling for \"\(subject)\" on subject \"\(target)\": \(reason)"
    }
    #expect(
      Self.problems(services: services) == [
        text("s", "l.*", "invalid publish subject"), text("t", "s", "invalid publish subject"),
        text("v", "l", "bad service response type"), text("w.*", "w.1", "invalid publish subject"),
      ])
    #expect(
      Self.problems(
        [Self.account("A") { $0.serviceExports = [Self.service("s", latency: "l")] }], hasSystemAccount: false)
        == ["Error adding service latency sampling for \"s\": system account not setup"])
  }

  @Test("4.028 both directions of a service's transform")
  func serviceTransform() throws {
    let plan = try AccountLinkPlan(
      [
        Self.account("A") { $0.serviceExports = [Self.service("w.*.*"), Self.service("k.>")] },
        Self.account("B") {
          $0.serviceImports = [
            Self.serviceFrom("A", "w.*.*", to: "turn.$2.$1", share: true), Self.serviceFrom("A", "k.>"),
            Self.serviceFrom("A", "w.a.b", to: "any.*"),
          ]
        },
      ], hasSystemAccount: true)
    let imports = plan.accounts["B"]!.serviceImports
    #expect(imports.map(\.from) == ["turn.*.*", "k.>", "any.*"])
    #expect(imports.map(\.to) == ["w.*.*", "k.>", "w.a.b"])
    #expect(imports[0].transform?.transform("turn.a.b") == "w.b.a")
    #expect(imports.map(\.keepsSubject) == [false, true, false])
    #expect(imports.map(\.share) == [true, false, false])
    #expect(imports.map(\.export) == ["w.*.*", "k.>", "w.*.*"])
  }
}
