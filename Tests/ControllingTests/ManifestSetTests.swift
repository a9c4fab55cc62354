import Foundation
import Reconciliation
import Testing

@testable import Controlling

@Suite struct ManifestSetTests {
  private func manifest(_ name: String, _ spec: String, kind: String = "Stream") -> String {
    "apiVersion: jetstream.nats.io/v1beta2\nkind: \(kind)\nmetadata: {name: \(name)}\nspec: {\(spec)}\n"
  }

  private func titles(_ set: inout ManifestSet) -> [String] {
    set.resources().map { "\($0.identity)\($0.resource == nil ? " !" : "") \($0.generation)" }
  }

  @Test func generationsGrowWithTheSpec() {
    var set = ManifestSet()
    set.read(Array(manifest("a", "name: A").utf8), file: "f.yaml")
    #expect(titles(&set) == ["Stream default/a 1"])
    set.read(Array(("# a comment\n" + manifest("a", "name: A")).utf8), file: "f.yaml")
    #expect(titles(&set) == ["Stream default/a 1"])
    set.read(Array(manifest("a", "name: A, maxMsgs: 1").utf8), file: "f.yaml")
    #expect(titles(&set) == ["Stream default/a 2"])
    // A move to another file changes nothing.
    set.read(Array(manifest("a", "name: A, maxMsgs: 1").utf8), file: "g.yaml")
    set.remove("f.yaml")
    #expect(titles(&set) == ["Stream default/a 2"])
  }

  @Test func aManifestWithAnErrorLeavesTheOthers() {
    var set = ManifestSet()
    let text =
      manifest("a", "name: A") + "---\n" + manifest("b", "name: B, storage: tape") + "---\n" + manifest("c", "name: C")
    set.read(Array(text.utf8), file: "f.yaml")
    #expect(titles(&set) == ["Stream default/a 1", "Stream default/b ! 1", "Stream default/c 1"])
    #expect(set.isComplete)
    let broken = set.resources()[1].diagnostics[0]
    #expect(broken.description.hasPrefix("f.yaml:9:"), "\(broken)")
  }

  @Test func whatCannotBeReadIsNotGone() {
    var set = ManifestSet()
    set.read(Array((manifest("a", "name: A") + "---\n" + manifest("b", "name: B")).utf8), file: "f.yaml")
    set.read(Array((manifest("a", "name: A2") + "---\n" + "kind: [").utf8), file: "f.yaml")
    #expect(titles(&set) == ["Stream default/a 1", "Stream default/b 1"])
    #expect(!set.isComplete && set.fileDiagnostics.count == 1)
    set.fail("Permission denied", file: "f.yaml")
    #expect(set.resources().count == 2 && !set.isComplete)
    set.read(Array(manifest("a", "name: A").utf8), file: "f.yaml")
    #expect(set.resources().count == 1 && set.isComplete)
  }

  @Test func aNameThatStandsTwiceCountsOnceAndIsTold() {
    var set = ManifestSet(namespace: "team")
    set.read(Array(manifest("a", "name: ONE").utf8), file: "a.yaml")
    set.read(Array(manifest("a", "name: TWO").utf8), file: "b.yaml")
    let resources = set.resources()
    #expect(resources.map(\.identity.description) == ["Stream team/a"])
    #expect(resources[0].resource?.specification["name"] == .string("ONE"))
    #expect(resources[0].diagnostics.map(\.severity) == [.warning])
  }

  @Test func otherDocumentsArePassedOver() {
    var set = ManifestSet()
    let list =
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: jetstream.nats.io/v1beta2\n  kind: Stream\n"
      + "  metadata: {name: x}\n  spec: {name: X}\n"
    set.read(Array((list + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\n").utf8), file: "f.yaml")
    #expect(titles(&set) == ["Stream default/x 1"] && set.isComplete)
    set.read(Array("kind: Stream\n".utf8), file: "g.yaml")
    #expect(!set.isComplete)
  }

  @Test func foldersAreSearchedToTheBottom() throws {
    let manager = FileManager.default
    let root = manager.temporaryDirectory.appendingPathComponent("nack-\(UUID().uuidString)")
    defer { try? manager.removeItem(at: root) }
    let files = ["a.yaml", "b/c.yml", "b/d/e.json", "b/note.txt", ".hidden.yaml", "..2026/orders.yaml"]
    for file in files {
      let url = root.appendingPathComponent(file)
      try manager.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("x".utf8).write(to: url)
    }
    // As a ConfigMap is mounted, and a link that leads back up.
    try manager.createSymbolicLink(atPath: root.path + "/..data", withDestinationPath: "..2026")
    try manager.createSymbolicLink(atPath: root.path + "/orders.yaml", withDestinationPath: "..data/orders.yaml")
    try manager.createSymbolicLink(atPath: root.path + "/b/up", withDestinationPath: "..")
    let scan = FolderScan([root.path, root.path + "/b/note.txt", root.path + "/nowhere"])
    let found = scan.files.keys.map { String($0.dropFirst(root.path.count + 1)) }.sorted()
    #expect(found == ["a.yaml", "b/c.yml", "b/d/e.json", "b/note.txt", "orders.yaml"])
    #expect(scan.failures == [root.path + "/nowhere": "No such file or directory"])
  }
}
