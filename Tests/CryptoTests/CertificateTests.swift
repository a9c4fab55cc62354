import Bytes
import Testing

@testable import Crypto

@Suite("Certificates")
struct CertificateTests {
  /// Made with openssl: a subject with everything that may go wrong in its text, and two URIs.
  static let odd = """
    MIICrzCCAlWgAwIBAgIUdCCJV6DVzU7/vc6Pb978vF71D5MwCgYIKoZIzj0EAwIwITENMAsGA1UECgwEVGVzdDEQMA4GA1UEAwwHVGVzdCBDQT
    AeFw0yNjExMjEwMTUwMDdaFw0zNjExMTgwMTUwMDdaMIH3MRMwEQYKCZImiZPyLGQBGRYDY29tMRQwEgYKCZImiZPyLGQBGRYEYWNtZTELMAkG
    A1UEBhMCVVMxIDAMBgNVBAsMBW11bHRpMBAGA1UECgwJQWNtZSwgSW5jMQowCAYDVQQLDAFiMQ4wDAYDVQQDDAVmaXJzdDESMBAGA1UEAwwJIG
    NsaSNlbnQgMQswCQYDVQQFEwI0MjEZMBcGCSqGSIb3DQEJARYKY0BhY21lLmNvbTEOMAwGA1UEDAwFRHIgw6kxDTALBgNVBBEMBDEyMzQxCjAI
    BgNVBAkMAVgxCzAJBgNVBAcMAkxBMQswCQYDVQQIDAJDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJ9/KZT0UpDAKLr7UzXi4PgSIqIlor
    Glg/Ro1i+S2qZMxg7C8b4qC/FRrECJRrKhnVKbqQVt0ocFY/92LLnRKoKjgZMwgZAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwOQYDVR0RBDIwMIYY
    U1BJRkZFOi8vTG9jYWxob3N0L0ElMjBihhRodHRwOi8vdXNlckBoOjgwL3g/cTAdBgNVHQ4EFgQUc9d3+3ZKSW10BlFD4WF4lqQiRWUwHwYDVR
    0jBBgwFoAUNPcQaTRLf/6Zufaxgr8V8kIgD7swCgYIKoZIzj0EAwIDSAAwRQIhANLDzpAP7H9z9Z7a66AH18j7soRl4Lwz5g73hnp4+TmsAiAX
    7Ri9pht+q+5TJIlfKETzyx0QaxOfSxZ55rmsKtgW+A==
    """

  /// The expected texts are what nats-server 2.15.1 shows of this certificate in /connz and in its log.
  @Test("names, hashes and times of a certificate (FEATURES 4.009, 4.012)")
  func names() throws {
    let certificate = try #require(Base64.standard.decode(Self.odd).flatMap { Certificate(der: $0) })
    let standard =
      "SERIALNUMBER=42,CN=\\ cli#ent\\ ,OU=multi+OU=b,O=Acme\\, Inc,POSTALCODE=1234,STREET=X,L=LA,ST=CA,C=US"
    #expect(certificate.subject.standardText == standard)
    #expect(
      certificate.subject.text == standard + ",2.5.4.12=Dr é,1.2.840.113549.1.9.1=c@acme.com"
        + ",0.9.2342.19200300.100.1.25=acme,0.9.2342.19200300.100.1.25=com")
    #expect(certificate.subject.domainComponents == "DC=com,DC=acme")
    #expect(DistinguishedName(certificate.subject) == nil)
    #expect(certificate.publicKeySHA256 == "a45c502215e6def6fc82587de442f900270d3f83c375bf1aef90e8269c75d4ec")
    #expect(certificate.sha256 == "2303fb23eef8b5d2a661c1beb39dc4944bc6a5e77c069786d08a3ab3b70d6919")
    #expect(certificate.uris == ["spiffe://Localhost/A%20b", "http://user@h:80/x?q"])
    #expect(certificate.emailAddresses.isEmpty && certificate.dnsNames.isEmpty && certificate.ipAddresses.isEmpty)
    #expect(certificate.notAfter - certificate.notBefore == 3650 * 86400)
  }

  @Test("bytes that are no certificate", arguments: [[], [0x30], [0x30, 0x03, 1, 2, 3]] as [[UInt8]])
  func damaged(der: [UInt8]) {
    #expect(Certificate(der: der) == nil)
  }

  @Test("a damaged certificate never traps", arguments: [1, 2, 3])
  func mutated(seed: UInt64) throws {
    let der = try #require(Base64.standard.decode(Self.odd))
    var state = seed
    for _ in 0..<2000 {
      var bytes = der
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      _ = Certificate(der: bytes).map { CertificateUserMapping(users: []).user(for: $0) }
    }
  }
}
