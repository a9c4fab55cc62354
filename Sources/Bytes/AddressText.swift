/// Host and port as URLs write them: `name`, `name:80`, `[::1]:80`.
public enum AddressText {
  /// The host without brackets, and the port when one stands there; nil for anything else.
  public static func split(_ address: Substring) -> (host: String, port: UInt16?)? {
    let host: Substring
    let rest: Substring
    if address.hasPrefix("[") {
      guard let end = address.firstIndex(of: "]") else { return nil }
      host = address[address.index(after: address.startIndex)..<end]
      rest = address[address.index(after: end)...]
    } else {
      host = address.prefix { $0 != ":" }
      rest = address.dropFirst(host.count)
    }
    guard !host.isEmpty else { return nil }
    if rest.isEmpty || rest == ":" { return (String(host), nil) }
    guard rest.hasPrefix(":"), rest.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(rest.dropFirst())
    else { return nil }
    return (String(host), port)
  }
}
