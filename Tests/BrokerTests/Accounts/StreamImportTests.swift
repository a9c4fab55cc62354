import Configuration
import Subjects
import Testing

@testable import Broker

/// Which part of an imported stream a subscription needs (FEATURES 4.027). Verified against nats-server.
@Suite struct StreamImportTests {
  private static let imports: [StreamImport] = {
    var exporter = AccountOptions(name: "A")
    var importer = AccountOptions(name: "B")
    exporter.streamExports = [StreamExportOptions(subject: ">")]
    func add(_ subject: String, to: String = "", prefix: String = "") {
      var item = StreamImportOptions(account: "A", subject: subject)
      item.to = to
      item.prefix = prefix
      importer.streamImports.append(item)
    }
    add("st.*.*", to: "m.$2.$1")
    add("st2.>", prefix: "p")
    add("lit.a", to: "other.b")
    add("w.*.x.>", to: "q.$1.>")
    add("same.*.*")
    // swift-format-ignore: NeverUseForceTry
    let plan = try! AccountLinkPlan([exporter, importer], hasSystemAccount: true)
    // swift-format-ignore: NeverUseForceTry
    let account = Account(
      name: "A", isSystem: false, records: SubscriptionRecords(), rules: try! AccountRules(exporter, clusterName: ""))
    return plan.accounts["B"]!.streamImports.map { StreamImport($0, exporter: account) }
  }()

  @Test(
    "a subscription listens to as little as its wildcards allow",
    arguments: [
      (">", ["st.*.*", "st2.>", "lit.a", "w.*.x.>", "same.*.*"]),
      ("*.*.*", ["st.*.*", "st2.*", nil, "w.*.x.*", "same.*.*"]),
      ("m.1.*", ["st.*.1", nil, nil, nil, nil]),
      ("m.*.2", ["st.2.*", nil, nil, nil, nil]),
      ("m.1.2", ["st.2.1", nil, nil, nil, nil]),
      ("m.*", [nil, nil, nil, nil, nil]),
      ("*.1.*", ["st.*.1", nil, nil, "w.1.x.*", "same.1.*"]),
      ("p.>", [nil, "st2.>", nil, nil, nil]),
      ("p.*.x", [nil, "st2.x", nil, nil, nil]),
      ("p.st2.x.>", [nil, "st2.x.>", nil, nil, nil]),
      ("other.*", [nil, nil, "lit.a", nil, nil]),
      ("q.z.>", [nil, nil, nil, "w.z.x.>", nil]),
      ("q.*.y", [nil, nil, nil, "w.*.x.y", nil]),
      ("same.>", [nil, nil, nil, nil, "same.*.*"]),
      ("same.1.2", [nil, nil, nil, nil, "same.1.2"]),
      ("st.1.2", [nil, nil, nil, nil, nil]),
    ] as [(String, [String?])])
  func sources(subject: String, expected: [String?]) {
    let found = Self.imports.map { source in
      Array(subject.utf8).withUnsafeBytes { source.sourceSubject(for: $0) }.map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(found == expected)
  }

  @Test(
    arguments: [
      (0, "st.a.b", "m.b.a"), (1, "st2.x.y", "p.st2.x.y"), (2, "lit.a", "other.b"), (3, "w.z.x.y.k", "q.z.y.k"),
      (4, "same.1.2", nil),
    ] as [(Int, String, String?)])
  func messagesAreSeenUnderTheLocalSubject(index: Int, published: String, seen: String?) {
    let local = Array(published.utf8).withUnsafeBytes { Self.imports[index].localSubject(of: $0) }
    #expect(local.map { String(decoding: $0, as: UTF8.self) } == seen)
  }
}
