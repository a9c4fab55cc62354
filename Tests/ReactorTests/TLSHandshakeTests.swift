import Crypto
import Foundation
import Glibc
import Testing

@testable import Reactor

@Suite("TLS handshakes (FEATURES 4.007 to 4.013)")
struct TLSHandshakeTests {
  @Test("versions and cipher suites, named as /connz names them")
  func negotiated() throws {
    let server = try TLSContext(.server, TLSFixtures.server())
    let latest = TLSPair(server: server, client: try TLSContext(.client, TLSFixtures.client()))
    #expect(latest.handshake() == (.done, .done))
    for stream in [latest.server, latest.client] {
      #expect(stream.version == "1.3")
      #expect(stream.cipherSuite == "TLS_AES_128_GCM_SHA256")
      #expect(stream.serverName == "localhost")
      #expect(!stream.isResumed)
    }
    #expect(latest.server.peerCertificates.isEmpty)
    #expect(latest.client.peerCertificates.map(\.subject.text) == ["CN=localhost"])
  }
}
