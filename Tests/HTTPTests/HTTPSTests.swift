import Foundation
import HTTP
import Reactor
import Synchronization
import Testing

@Suite(.serialized) struct HTTPSTests {
  /// An authority and a certificate for localhost that it signed, made with the `openssl` program.
  private static let directory: String = {
    let directory = FileManager.default.temporaryDirectory.path + "/natsd-https-\(getpid())"
    try! FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: HTTPSTests.directory) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.standardError = FileHandle.nullDevice
    process.arguments = [
      "-c",
      """
      set -e
      openssl ecparam -name prime256v1 -genkey -noout -out ca.key
      openssl req -x509 -new -key ca.key -subj /CN=ca -days 3650 -out ca.pem
      openssl ecparam -name prime256v1 -genkey -noout -out server.key
      openssl req -new -key server.key -subj /CN=localhost -out server.csr
      printf "subjectAltName=DNS:localhost,IP:127.0.0.1" > server.ext
      openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 \\
        -extfile server.ext -out server.pem
      """,
    ]
    try! process.run()
    process.waitUntilExit()
    precondition(process.terminationStatus == 0, "the openssl program is needed to make certificates")
    return directory
  }()

  private func serverFixture(_ reports: (@Sendable (String) -> Void)? = nil) throws -> ServerFixture {
    var parameters = TLSParameters()
    parameters.certificateFile = Self.directory + "/server.pem"
    parameters.keyFile = Self.directory + "/server.key"
    var options = HTTPServer.Options()
    options.tls = try TLSContext(.server, parameters)
    options.reportsError = reports
    return try ServerFixture(options: options)
  }

  private func client(_ fixture: ServerFixture, trusting authority: Bool = true) throws -> HTTPClient {
    var parameters = TLSParameters()
    if authority { parameters.authorityFile = Self.directory + "/ca.pem" }
    var options = HTTPClient.Options()
    options.tls = try TLSContext(.client, parameters)
    return HTTPClient(loop: fixture.loop, options: options)
  }

  private func get(_ client: HTTPClient, _ url: String) -> Result<HTTPClientResponse, HTTPClientError> {
    let waiter = Waiter<Result<HTTPClientResponse, HTTPClientError>>()
    client.send(HTTPClientRequest("GET", HTTPURL(url)!)) { waiter.fulfil($0) }
    return waiter.wait() ?? .failure(.timedOut)
  }

  @Test func requestsGoOverTLS() throws {
    let fixture = try serverFixture()
    let client = try client(fixture)
    for host in ["127.0.0.1", "localhost"] {
      let base = "https://\(host):\(fixture.address.port)"
      #expect(try get(client, base + "/healthz").get().body == Array(#"{"status":"ok"}"#.utf8))
      #expect(try get(client, base + "/big").get().body.count == 1_048_576)
      #expect(try get(client, base + "/stream").get().body == Array("one two".utf8))
      #expect(try get(client, base + "/thread").get().body == Array("from afar".utf8))
    }
  }

  @Test func unknownAuthoritiesAreRefused() throws {
    let reports = Mutex<[String]>([])
    let fixture = try serverFixture { text in reports.withLock { $0.append(text) } }
    guard case .failure(.tls) = get(try client(fixture, trusting: false), "https://\(fixture.address)/") else {
      return #expect(Bool(false))
    }
    for _ in 0..<500 where reports.withLock({ $0.isEmpty }) { usleep(1000) }
    #expect(reports.withLock { $0.first?.hasPrefix("http: TLS handshake error from 127.0.0.1:") } == true)
  }

  /// As Go answers it.
  @Test func plainRequestsAreToldThatThisIsHTTPS() throws {
    let fixture = try serverFixture()
    let answer = fixture.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n", closes: true)
    #expect(answer == "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "curl is not installed"))
  func curlIsContent() throws {
    let fixture = try serverFixture()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    let url = "https://localhost:\(fixture.address.port)"
    process.arguments = [
      "-sS", "--noproxy", "*", "--max-time", "10", "--cacert", Self.directory + "/ca.pem", url + "/healthz",
      url + "/big",
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(data.count == 15 + 1_048_576)
  }
}
