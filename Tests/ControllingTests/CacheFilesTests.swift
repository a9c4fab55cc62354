import Foundation
import Testing

@testable import Controlling

/// FEATURES 13.017.
@Suite struct CacheFilesTests {
  private let root = FileManager.default.temporaryDirectory.appendingPathComponent("nack-cache-\(UUID().uuidString)")

  private func mode(_ path: String) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]) as? Int
  }

  @Test func keysAreForTheOwnerOnlyAndNewContentsReplaceTheOld() throws {
    defer { try? FileManager.default.removeItem(at: root) }
    let files = CacheFiles(directory: root.path)
    let certificate = Array("-----BEGIN CERTIFICATE-----\n".utf8)
    let key = Array("-----BEGIN EC PRIVATE KEY-----\n".utf8)
    let certificatePath = files.path(namespace: "n", account: "a", key: "tls.crt", contents: certificate)
    let keyPath = files.path(namespace: "n", account: "a", key: "tls.key", contents: key)
    #expect(certificatePath == root.path + "/n/a/tls.crt" && keyPath == root.path + "/n/a/tls.key")
    #expect(mode(certificatePath!) == 0o644 && mode(keyPath!) == 0o600)
    let renewed = key + key
    #expect(files.path(namespace: "n", account: "a", key: "tls.key", contents: renewed) == keyPath)
    #expect(FileManager.default.contents(atPath: keyPath!).map(Array.init) == renewed)
    #expect(try FileManager.default.contentsOfDirectory(atPath: root.path + "/n/a").sorted() == ["tls.crt", "tls.key"])
    let bundle = try #require(files.bundle([certificatePath!, keyPath!]))
    #expect(FileManager.default.contents(atPath: bundle)?.count == certificate.count + renewed.count + 2)
    // What the user named is the user's.
    files.remove()
    #expect(FileManager.default.fileExists(atPath: keyPath!))
  }

  @Test(arguments: [("..", "a", "k"), ("n", "../x", "k"), ("n", "a", "../../k"), ("n", "a", ""), ("", "a", "k")])
  func namesDoNotLeadElsewhere(_ namespace: String, _ account: String, _ key: String) {
    defer { try? FileManager.default.removeItem(at: root) }
    let files = CacheFiles(directory: root.path)
    #expect(files.path(namespace: namespace, account: account, key: key, contents: [1]) == nil)
  }

  @Test func writingOneKeyLeavesAllOthersOfTheSecretAlone() throws {
    let files = CacheFiles(directory: "")
    defer { files.remove() }
    let paths = ["k", "k.new", "k.tmp", "k-"].map {
      files.path(namespace: "n", account: "a", key: $0, contents: Array($0.utf8))
    }
    _ = files.path(namespace: "n", account: "a", key: "k", contents: [1])
    for path in paths { #expect(FileManager.default.fileExists(atPath: try #require(path))) }
  }

  @Test func aDirectoryOfOurOwnGoesInTheEnd() throws {
    let files = CacheFiles(directory: "")
    let path = try #require(files.path(namespace: "n", account: "a", key: "k", contents: [1, 2]))
    #expect(FileManager.default.fileExists(atPath: path))
    files.remove()
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(!FileManager.default.fileExists(atPath: String(path.dropLast("/n/a/k".count))))
  }
}
