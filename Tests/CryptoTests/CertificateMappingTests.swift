import Testing

@testable import Crypto

@Suite("From certificate to user (FEATURES 4.009)")
struct CertificateMappingTests {
  static func subject(_ parts: [[(String, String)]]) -> CertificateSubject {
    CertificateSubject(
      parts.map { $0.map { CertificateSubject.Attribute(objectIdentifier: $0.0, value: $0.1) } })
  }

  static let (c, o, ou, cn, l, st) = ("2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.3", "2.5.4.7", "2.5.4.8")
  static let dc = "0.9.2342.19200300.100.1.25"
  static let email = "1.2.840.113549.1.9.1"

  // MARK: - Texts of subjects

  struct SubjectRow: Sendable {
    let parts: [[(String, String)]]
    let text: String
    var standardText: String?
  }

  static let subjects: [SubjectRow] = [
    SubjectRow(parts: [], text: ""),
    SubjectRow(parts: [[(cn, "client")]], text: "CN=client"),
    SubjectRow(
      parts: [[(cn, "x")], [(o, "Acme")], [(c, "US")], [(l, "LA")], [(st, "CA")]], text: "CN=x,O=Acme,L=LA,ST=CA,C=US"),
    SubjectRow(parts: [[(ou, "a")], [(cn, "x")], [(ou, "b")]], text: "CN=x,OU=a+OU=b"),
    SubjectRow(parts: [[(cn, "first")], [(cn, "last")]], text: "CN=last"),
    SubjectRow(
      parts: [[(dc, "com")], [(dc, "example")], [(cn, "x")]],
      text: "CN=x,0.9.2342.19200300.100.1.25=example,0.9.2342.19200300.100.1.25=com",
      standardText: "CN=x"),
    SubjectRow(
      parts: [[(cn, "x")], [(email, "a@b")]], text: "CN=x,1.2.840.113549.1.9.1=a@b", standardText: "CN=x"),
    SubjectRow(parts: [[(cn, " a,b+c\"d\\e<f>g;h=#i ")]], text: "CN=\\ a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=#i\\ "),
    SubjectRow(parts: [[(cn, "#a")], [(o, "ü")]], text: "CN=\\#a,O=ü"),
  ]

  @Test("subjects as Go prints them", arguments: subjects)
  func texts(row: SubjectRow) {
    let subject = Self.subject(row.parts)
    #expect(subject.text == row.text)
    #expect(subject.standardText == row.standardText ?? row.text)
  }

  // MARK: - Distinguished names

  @Test(
    "distinguished names that are equal",
    arguments: [
      ("CN=a,O=b", "CN=a,O=b"), ("CN=a,O=b", "cn=a, o=b"), ("CN=a,O=b", "CN = a , O = b "),
      ("CN=a+OU=x,O=b", "OU=x+CN=a,O=b"), ("CN=a\\,b", "CN=a\\2cb"), ("CN=\\20a", "CN=\\ a"),
      ("CN=a", "CN=a,O="), ("CN=a\\", "CN=a"), ("", "CN="), ("X=a,O=b", "CN=X=a,O=b"),
    ])
  func equal(left: String, right: String) throws {
    #expect(try #require(DistinguishedName(left)) == #require(DistinguishedName(right)))
  }

  @Test(
    "distinguished names that differ",
    arguments: [
      ("CN=a", "CN=A"), ("CN=a,O=b", "O=b,CN=a"), ("CN=a", "CN=a,O=b"), ("CN=a", "O=a"), ("CN=a\\ ", "CN=a"),
      ("CN=a+OU=b", "CN=a,OU=b"),
    ])
  func different(left: String, right: String) throws {
    #expect(try #require(DistinguishedName(left)) != #require(DistinguishedName(right)))
  }

  @Test(
    "texts that are no distinguished names",
    arguments: ["alice", "CN=a,b", ",", "CN=#0c01", "CN=\\x1", "CN=\\zz", "CN=a\\1"])
  func refused(text: String) {
    #expect(DistinguishedName(text) == nil)
  }

  @Test("the same parts in another order")
  func reordered() throws {
    func name(_ text: String) throws -> DistinguishedName { try #require(DistinguishedName(text)) }
    #expect(try name("CN=a,O=b,DC=c,DC=d").matchesReordered(name("DC=d,DC=c,CN=a,O=b")))
    #expect(try !name("DC=a,DC=a,DC=b").matchesReordered(name("DC=a,DC=b,DC=b")))
    #expect(try !name("CN=a").matchesReordered(name("CN=a,CN=a")))
  }

  @Test("of a certificate: the last part first, no unknown types")
  func ofSubject() throws {
    let subject = Self.subject([[(Self.dc, "com")], [(Self.o, "x"), (Self.ou, "y")], [(Self.cn, "a")]])
    #expect(try #require(DistinguishedName(subject)) == #require(DistinguishedName("CN=a,O=x+OU=y,DC=com")))
    #expect(DistinguishedName(Self.subject([[(Self.cn, "a")], [(Self.email, "a@b")]])) == nil)
  }

  // MARK: - Users

  static func certificate(
    subject: [[(String, String)]], emails: [String] = [], dns: [String] = [], uris: [String] = []
  ) -> Certificate {
    Certificate(
      subject: Self.subject(subject), emailAddresses: emails, dnsNames: dns, uris: uris, ipAddresses: [], notBefore: 0,
      notAfter: 0, sha256: "", publicKeySHA256: "")
  }

  static let full = certificate(
    subject: [[(dc, "com")], [(dc, "acme")], [(o, "Acme")], [(cn, "client")]],
    emails: ["e1@acme.com", "e2@acme.com"], dns: ["d.acme.com"], uris: ["spiffe://acme/u"])

  @Test("the order in which names are tried")
  func order() {
    #expect(
      CertificateCandidate.list(of: Self.full).map { "\($0.source) \($0.name)" } == [
        "email e1@acme.com", "email e2@acme.com", "dnsName d.acme.com", "uri spiffe://acme/u",
        "distinguishedName CN=client,O=Acme", "subjectWithDomain CN=client,O=Acme,DC=com,DC=acme",
        "subject CN=client,O=Acme",
      ])
  }

  static let lookUps: [(users: [String], user: String?, line: String)] = [
    (["d.acme.com", "e2@acme.com"], "e2@acme.com", "Using email found in cert for auth [\"e2@acme.com\"]"),
    (["spiffe://acme/u", "d.acme.com"], "d.acme.com", "Using SAN found in cert for auth [\"d.acme.com\"]"),
    (
      ["CN=client,O=Acme", "spiffe://acme/u"], "spiffe://acme/u",
      "Using URI found in cert for auth [\"spiffe://acme/u\"]"
    ),
    (
      ["CN=client,O=Acme,DC=acme,DC=com"], "CN=client,O=Acme,DC=acme,DC=com",
      "Using DistinguishedNameMatch for auth [\"CN=client,O=Acme,DC=acme,DC=com\"]"
    ),
    (
      ["DC=com,O=Acme,DC=acme,CN=client", "cn=client, o=Acme, dc=acme, dc=com"],
      "cn=client, o=Acme, dc=acme, dc=com",
      "Using DistinguishedNameMatch for auth [\"cn=client, o=Acme, dc=acme, dc=com\"]"
    ),
    (
      ["DC=com,O=Acme,DC=acme,CN=client"], "DC=com,O=Acme,DC=acme,CN=client",
      "Using DistinguishedNameMatch for auth [\"DC=com,O=Acme,DC=acme,CN=client\"]"
    ),
    (
      ["CN=client,O=Acme"], "CN=client,O=Acme", "Using certificate subject for auth [\"CN=client,O=Acme\"]"
    ),
    (["client", ""], nil, "User in cert [\"CN=client,O=Acme\"], not found"),
  ]

  @Test("users found by certificate", arguments: lookUps)
  func lookUp(row: (users: [String], user: String?, line: String)) {
    let outcome = CertificateUserMapping(users: row.users).user(for: Self.full)
    #expect(outcome.user == row.user)
    #expect(outcome.debugLines.last == row.line)
  }

  @Test("the steps that found nobody are logged")
  func steps() {
    #expect(
      CertificateUserMapping(users: []).user(for: Self.full).debugLines == [
        "DistinguishedNameMatch could not be used for auth [\"CN=client,O=Acme\"]",
        "RDNSequence could not be used for auth [\"CN=client,O=Acme,DC=com,DC=acme\"]",
        "User in cert [\"CN=client,O=Acme\"], not found",
      ])
    #expect(
      CertificateUserMapping(users: ["a"]).user(for: Self.certificate(subject: [])).debugLines == [
        "User required in cert, none found"
      ])
  }

  @Test("users that may not connect this way are passed over")
  func passedOver() {
    let users = CertificateUserMapping(users: ["e1@acme.com", "CN=client,O=Acme,DC=acme,DC=com"])
    #expect(users.user(for: Self.full) { !$0.contains("@") }.user == "CN=client,O=Acme,DC=acme,DC=com")
    #expect(users.user(for: Self.full) { _ in false }.user == nil)
  }

  @Test(
    "known hosts (FEATURES 4.011)",
    arguments: [
      ("a.com", true), ("A.COM", true), ("*.b.com", true), ("*.com", true), ("b.com", false), ("*.x.b.com", false),
      ("x.*.com", false), ("*", true), ("", false),
    ])
  func knownHosts(name: String, known: Bool) {
    #expect(KnownHosts.contain(name, hosts: ["a.com", "x.b.COM", "localhost"]) == known)
  }
}
