import Foundation
import JSON
import Testing

@testable import Reconciliation

let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

@Suite struct DefinitionTests {
  @Test("the definitions in deploy/crds are those of the field table (13.001)", arguments: ResourceKind.allCases)
  func files(_ kind: ResourceKind) throws {
    let file = repository.appendingPathComponent("deploy/crds/\(kind.plural).yaml")
    let expected = ResourceDefinition.yaml(kind)
    if ProcessInfo.processInfo.environment["WRITE_DEFINITIONS"] != nil {
      try expected.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == expected)
  }

  @Test("a definition is one YAML document whose schema has every field of the table", arguments: ResourceKind.allCases)
  func schema(_ kind: ResourceKind) throws {
    let (documents, diagnostics) = ManifestReader.read(Array(ResourceDefinition.yaml(kind).utf8), file: "crd")
    #expect(diagnostics.isEmpty)
    let document = try #require(documents.first?.json)
    let version = document["spec"]?["versions"]?.array?.first
    let properties = version?["schema"]?["openAPIV3Schema"]?["properties"]?["spec"]?["properties"]?.object
    #expect(properties?.members.map(\.key) == ResourceFields.fields(kind)?.map(\.name))
    #expect(!String(ResourceDefinition.yaml(kind)).contains("x-kubernetes-validations"))
  }

  @Test("every example reads without an error")
  func examples() throws {
    var resources: [Resource] = []
    for folder in ["deploy/examples", "deploy/kubernetes/examples"].map(repository.appendingPathComponent) {
      for case let file as URL in FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)!
      where ["yaml", "json"].contains(file.pathExtension) {
        let data = try Data(contentsOf: file)
        let (found, diagnostics) = ResourceReader.read([UInt8](data), file: file.lastPathComponent)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        resources += found
      }
    }
    #expect(resources.count == 10)
    #expect(DesiredState.byConnection(resources).diagnostics.isEmpty)
  }
}
