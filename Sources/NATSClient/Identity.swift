import Bytes
import Crypto
import Reactor

/// How the client tells the server who it is.
public enum Authentication: Sendable, Hashable {
  /// What the URL says, if anything.
  case none
  case token(String)
  case user(String, password: String)
  /// An NKey seed (`SU...`).
  case seed(String)
  /// A file that holds an NKey seed.
  case seedFile(String)
  case jwt(String, seed: String)
  /// The text of a credentials file: a JWT and a seed between their marks.
  case credentials(String)
  case credentialsFile(String)
}

/// What goes into CONNECT for one attempt. Files are read for every attempt, so that a rotated secret is found.
struct Identity: Sendable {
  var user: String?
  var password: String?
  var token: String?
  var jwt: String?
  var keys: NKey.Pair?

  init() {}

  /// Reads files: not on a busy loop.
  static func load(_ authentication: Authentication, disk: some Disk) throws(ClientError) -> Identity {
    var identity = Identity()
    switch authentication {
    case .none: break
    case .token(let token): identity.token = token
    case .user(let name, let password):
      identity.user = name
      identity.password = password
    case .seed(let text): identity.keys = try pair(text)
    case .seedFile(let path): identity.keys = try pair(seed(in: try text(of: path, disk)))
    case .jwt(let token, let seed):
      identity.jwt = token
      identity.keys = try pair(seed)
    case .credentials(let text): try identity.take(credentials: text)
    case .credentialsFile(let path): try identity.take(credentials: try text(of: path, disk))
    }
    return identity
  }

  private mutating func take(credentials text: String) throws(ClientError) {
    let blocks = Self.blocks(text)
    guard let token = blocks.first else { throw .invalidCredentials("no JWT") }
    guard blocks.count > 1 else { throw .invalidCredentials("no seed") }
    jwt = token
    keys = try Self.pair(blocks[1])
  }

  /// What stands between lines that begin with three or more dashes, as nsc writes them.
  private static func blocks(_ text: String) -> [String] {
    var blocks: [String] = []
    var current: String?
    for line in text.split(whereSeparator: \.isNewline) {
      let trimmed = line.filter { !$0.isWhitespace }
      if trimmed.hasPrefix("---") {
        if let block = current, !block.isEmpty {
          blocks.append(block)
          current = nil
        } else {
          current = ""
        }
      } else {
        current? += trimmed
      }
    }
    return blocks
  }

  /// A seed file has the seed on a line of its own, with or without marks around it.
  private static func seed(in text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace } }
    return lines.first { $0.hasPrefix("S") } ?? ""
  }

  private static func pair(_ seed: String) throws(ClientError) -> NKey.Pair {
    guard let pair = NKey.Pair(seedText: seed), pair.kind != .curve else {
      throw .invalidCredentials("not an NKey seed")
    }
    return pair
  }

  private static func text(of path: String, _ disk: some Disk) throws(ClientError) -> String {
    do {
      return String(decoding: try disk.read(path), as: UTF8.self)
    } catch {
      throw .invalidCredentials("\(path): \(error)")
    }
  }
}
