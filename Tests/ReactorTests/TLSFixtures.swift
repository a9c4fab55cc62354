import Foundation
import Glibc

@testable import Reactor

/// Certificates made once per test run with the `openssl` program, in a directory that is removed at the end.
enum TLSFixtures {
  static let directory: String = {
    var template = Array((FileManager.default.temporaryDirectory.path + "/natsd-tls-XXXXXX").utf8CString)
    let directory = String(cString: mkdtemp(&template)!)
    atexit { try? FileManager.default.removeItem(atPath: TLSFixtures.directory) }
    let script = directory + "/make.sh"
    try! Self.script.write(toFile: script, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [script]
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.standardError = FileHandle.nullDevice
    try! process.run()
    process.waitUntilExit()
    precondition(process.terminationStatus == 0, "the openssl program is needed to make certificates")
    return directory
  }()

  static func path(_ name: String) -> String { "\(directory)/\(name)" }

  static func pair(_ name: String) -> TLSParameters.CertificatePair {
    .init(certificateFile: path("\(name).pem"), keyFile: path("\(name).key"))
  }

  static func server(_ name: String = "server", change: (inout TLSParameters) -> Void = { _ in }) -> TLSParameters {
    var parameters = TLSParameters()
    parameters.certificateFile = path("\(name).pem")
    parameters.keyFile = path("\(name).key")
    change(&parameters)
    return parameters
  }

  static func client(_ name: String? = nil, change: (inout TLSParameters) -> Void = { _ in }) -> TLSParameters {
    var parameters = TLSParameters()
    parameters.authorityFile = path("ca.pem")
    if let name {
      parameters.certificateFile = path("\(name).pem")
      parameters.keyFile = path("\(name).key")
    }
    change(&parameters)
    return parameters
  }

  static func write(_ text: String, to name: String) -> String {
    try! text.write(toFile: path(name), atomically: true, encoding: .utf8)
    return path(name)
  }

  private static let script = #"""
    set -e
    key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }
    authority() { key $1; openssl req -x509 -new -key $1.key -subj "/O=Test/CN=$1" -days 3650 -out $1.pem; }
    sign() { # name subject extensions [authority [openssl x509 options]]
      name=$1; subject=$2; printf "$3" > $name.ext; by=${4:-ca}; shift 3; [ $# -gt 0 ] && shift
      [ -f $name.key ] || key $name
      openssl req -new -key $name.key -subj "$subject" -out $name.csr
      openssl x509 -req -in $name.csr -CA $by.pem -CAkey $by.key -CAcreateserial -days 3650 -extfile $name.ext \
        -out $name.pem "$@"
    }
    authority ca
    authority otherca
    sign server /CN=localhost "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth"
    sign example /CN=example "subjectAltName=DNS:*.example.com,DNS:example.com"
    sign other /CN=other "subjectAltName=DNS:other.test,DNS:deep.*.test"
    sign cnonly /CN=localhost "basicConstraints=CA:FALSE"
    names=email:derek@nats.io,email:d2@nats.io,DNS:client.nats.io,URI:SPIFFE://localhost/u
    sign client "/C=US/O=Acme/OU=a/OU=b/CN=client one/DC=com/DC=acme/emailAddress=c@acme.com" \
      "subjectAltName=$names\nextendedKeyUsage=clientAuth"
    sign stranger /CN=stranger "extendedKeyUsage=clientAuth" otherca
    sign wronguse /CN=wronguse "extendedKeyUsage=serverAuth"
    sign anyuse /CN=anyuse "extendedKeyUsage=2.5.29.37.0"
    sign middle /CN=middle "basicConstraints=critical,CA:TRUE"
    sign chained /CN=localhost "subjectAltName=DNS:localhost" middle
    cat middle.pem >> chained.pem
    openssl genrsa -out rsa.key 2048
    sign rsa /CN=localhost "subjectAltName=DNS:localhost"
    openssl genrsa -traditional -out rsa1.key 2048
    sign rsa1 /CN=localhost "subjectAltName=DNS:localhost"
    openssl genrsa -out small.key 1024
    sign small /CN=localhost "subjectAltName=DNS:localhost"
    openssl genpkey -algorithm ed25519 -out ed.key
    sign ed /CN=localhost "subjectAltName=DNS:localhost"
    openssl ecparam -name prime256v1 -genkey -out params.key
    sign params /CN=localhost "subjectAltName=DNS:localhost"
    openssl pkcs8 -topk8 -nocrypt -in server.key -out server8.key
    openssl pkcs8 -topk8 -in server.key -passout pass:x -out encrypted.key
    key expired
    openssl req -new -key expired.key -subj /CN=expired -out expired.csr
    printf "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nserial=serial\n" > ca.cnf
    printf "default_md=sha256\npolicy=p\n" >> ca.cnf
    printf "[p]\ncommonName=supplied\n" >> ca.cnf
    : > index; echo 77 > serial
    openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in expired.csr -out expired.pem \
      -startdate 20200101000000Z -enddate 20210101000000Z -notext
    """#
}

/// A server's and a client's stream at the two ends of a socket pair.
final class TLSPair {
  let server: TLSStream
  let client: TLSStream
  private(set) var descriptors: [Int32]

  init(
    server: TLSContext, client: TLSContext, name: String = "localhost", replaying prefix: [UInt8] = [],
    socketBuffer: Int32? = nil, type: __socket_type = SOCK_STREAM
  ) {
    let descriptors = Self.sockets(type, buffer: socketBuffer)
    self.descriptors = descriptors
    self.server = prefix.withUnsafeBytes {
      TLSStream(serving: descriptors[0], context: server, scratch: TLSScratch(), replaying: $0)
    }
    self.client = TLSStream(connecting: descriptors[1], to: name, context: client, scratch: TLSScratch())
  }

  deinit {
    for descriptor in descriptors { close(descriptor) }
  }

  func closeClient() {
    close(descriptors.removeLast())
  }

  static func sockets(_ type: __socket_type = SOCK_STREAM, buffer: Int32? = nil) -> [Int32] {
    var descriptors: [Int32] = [0, 0]
    let made = socketpair(AF_UNIX, Int32(type.rawValue | SOCK_NONBLOCK.rawValue), 0, &descriptors)
    precondition(made == 0)
    if var buffer {
      for descriptor in descriptors {
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffer, 4)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, 4)
      }
    }
    return descriptors
  }

  /// Lets both sides work until neither can go on.
  @discardableResult
  func handshake() -> (server: TLSStream.Handshake, client: TLSStream.Handshake) {
    var sides = (server: TLSStream.Handshake.wantsRead, client: TLSStream.Handshake.wantsRead)
    for _ in 0..<50 {
      if sides.client != .done && sides.client != .failed { sides.client = client.handshake() }
      if sides.server != .done && sides.server != .failed { sides.server = server.handshake() }
      let ends: [TLSStream.Handshake] = [.done, .failed]
      if ends.contains(sides.server) && ends.contains(sides.client) { break }
    }
    return sides
  }
}

extension TLSStream {
  /// One read with plenty of room; nil when there is nothing.
  func readAll(room: Int = 128 << 10) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: room)
    guard case .bytes(let count) = buffer.withUnsafeMutableBytes({ read(into: $0) }) else { return nil }
    return Array(buffer[..<count])
  }

  /// The outcome of one read with little room.
  func readOnce() -> Reading {
    var buffer = [UInt8](repeating: 0, count: 100)
    return buffer.withUnsafeMutableBytes { read(into: $0) }
  }

  func write(_ bytes: [UInt8]) -> Writing { bytes.withUnsafeBytes { write($0) } }
}
