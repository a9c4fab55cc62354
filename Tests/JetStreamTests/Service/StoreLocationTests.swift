import Configuration
import Testing

@testable import JetStream

struct StoreLocationTests {
  static func location(_ directory: String) -> StoreLocation {
    var options = JetStreamOptions()
    options.storeDirectory = directory
    return StoreLocation(options)
  }

  @Test("FEATURES 3.174, 9.006: below the configured directory, or a temporary one")
  func directories() {
    #expect(Self.location("/data").directory == "/data/jetstream")
    #expect(Self.location("/data//").directory == "/data/jetstream")
    #expect(Self.location("").directory == "/tmp/nats/jetstream")
    #expect(Self.location("").isTemporary)
  }

  @Test func namesOfAnyKindMakeNamesOfFiles() {
    let location = Self.location("/d")
    let plain = location.stream(account: "$G", name: "ORDERS", identifier: 16)
    #expect(plain == "/d/jetstream/accounts/$G/streams/ORDERS.16")
    let odd = location.stream(account: "a/b ../", name: String(repeating: "ü", count: 127), identifier: UInt64.max)
    for part in odd.split(separator: "/") { #expect(part.utf8.count <= 255 && part != "..") }
    #expect(odd.split(separator: "/").count == 6, "a name is one part of the path")
    #expect(
      location.stream(account: "A", name: "x.y", identifier: 1)
        != location.stream(account: "A", name: "x%2ey", identifier: 1))
  }

  @Test(
    "sizes as the banner shows them",
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.00 KB"), (1536, "1.50 KB"), (64 << 20, "64.00 MB"),
      (18_957_057_024, "17.66 GB"), (Int64(1) << 40, "1.00 TB"),
    ] as [(Int64, String)])
  func sizes(bytes: Int64, text: String) { #expect(friendlyBytes(bytes) == text) }
}
