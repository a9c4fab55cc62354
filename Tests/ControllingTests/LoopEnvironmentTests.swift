import Foundation
import NATSClient
import Reactor
import Testing

@testable import Controlling

@Suite struct LoopEnvironmentTests {
  private func environment() throws -> LoopEnvironment {
    LoopEnvironment(
      loop: LoopGroup(count: 1).loops[0], logger: try Logger(Logger.Settings()), clientName: "test", cacheDirectory: "")
  }

  @Test func aServerThatIsGoneWithoutAWordIsNoticedWithinAMinute() throws {
    let options = try environment().options(ResolvedConnection())
    #expect(options.pingIntervalNanoseconds * Int64(options.mostPingsOutstanding + 1) <= 60_000_000_000)
  }

  @Test func aDigestFollowsTheFile() throws {
    let environment = try environment()
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("digest-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    #expect(environment.digest(ofFile: file).isEmpty)
    var digests: Set<[UInt8]> = []
    for text in ["one", "two", "three"] {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      let digest = environment.digest(ofFile: file)
      #expect(environment.digest(ofFile: file) == digest && digest.count == 32)
      digests.insert(digest)
    }
    #expect(digests.count == 3)
    try FileManager.default.removeItem(atPath: file)
    #expect(environment.digest(ofFile: file).isEmpty)
  }
}
