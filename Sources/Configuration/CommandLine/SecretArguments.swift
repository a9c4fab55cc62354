/// Secrets on the command line, so that they can be hidden from process lists (FEATURES 3.023).
public enum SecretArguments {
  /// Bytes of one argument that must not be seen.
  public struct Place: Sendable, Equatable {
    /// Index into the arguments that were passed in.
    public var argument: Int
    /// UTF-8 offsets.
    public var bytes: Range<Int>
  }

  private enum Kind {
    case secret
    case url
    case urls
  }

  /// Where the values of `user`, `pass` and `auth` stand, and the user information of route and cluster URLs.
  public static func places(in arguments: [String]) -> [Place] {
    values(in: arguments).flatMap { value -> [Place] in
      let text = Array(arguments[value.argument].utf8)[value.start...]
      switch value.kind {
      case .secret: return text.isEmpty ? [] : [Place(argument: value.argument, bytes: value.start..<text.endIndex)]
      case .url: return userInformation(text).map { [Place(argument: value.argument, bytes: $0)] } ?? []
      case .urls:
        return text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).compactMap {
          userInformation($0).map { Place(argument: value.argument, bytes: $0) }
        }
      }
    }
  }

  /// The arguments with `[REDACTED]` in place of secrets.
  public static func redacted(_ arguments: [String]) -> [String] {
    var result = arguments.map { Array($0.utf8) }
    for place in places(in: arguments).reversed() {
      result[place.argument].replaceSubrange(place.bytes, with: "[REDACTED]".utf8)
    }
    return result.map { String(decoding: $0, as: UTF8.self) }
  }

  private static func values(in arguments: [String]) -> [(argument: Int, start: Int, kind: Kind)] {
    var result: [(Int, Int, Kind)] = []
    for (index, argument) in arguments.enumerated() {
      guard argument.hasPrefix("-") else { continue }
      let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
      let name = body.prefix { $0 != "=" }
      let kind: Kind
      switch name {
      case "user", "pass", "auth": kind = .secret
      case "cluster", "cluster_listen": kind = .url
      case "routes": kind = .urls
      default: continue
      }
      if name.count < body.count {
        result.append((index, argument.utf8.count - body.utf8.count + name.utf8.count + 1, kind))
      } else if index + 1 < arguments.count {
        result.append((index + 1, 0, kind))
      }
    }
    return result
  }

  /// Between `//` and the last `@` before the path.
  private static func userInformation(_ url: ArraySlice<UInt8>) -> Range<Int>? {
    let slash = UInt8(ascii: "/")
    guard let start = url.indices.dropLast().first(where: { url[$0] == slash && url[$0 + 1] == slash }) else {
      return nil
    }
    let authority = url[(start + 2)...].prefix { $0 != slash }
    guard let at = authority.lastIndex(of: UInt8(ascii: "@")), at > authority.startIndex else { return nil }
    return authority.startIndex..<at
  }
}
