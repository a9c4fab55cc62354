import Reactor

/// Addresses as controller-runtime writes them: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
enum BindAddress {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static func parse(_ text: String) throws -> SocketAddress {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      throw Failure(description: "invalid address \"\(text)\"; right would be :8080 or 127.0.0.1:8080")
    }
    let host = text[..<colon].isEmpty ? "0.0.0.0" : String(text[..<colon])
    if let address = SocketAddress(numeric: host, port: port) { return address }
    guard let address = try SocketAddress.resolve(host: host, port: port).first else {
      throw Failure(description: "no address for \"\(host)\"")
    }
    return address
  }
}

extension ControllerOptions {
  /// What the engine gets of it.
  var engine: Engine.Options {
    var engine = Engine.Options()
    engine.connection = connection
    engine.syncIntervalNanoseconds = syncIntervalNanoseconds
    engine.isReadOnly = isReadOnly
    // In Kubernetes finalizers tell what is to go; a mark is for those who ask for pruning.
    engine.owner = owner.isEmpty || (usesKubernetes && !prunes) ? nil : owner
    engine.prunes = prunes && !owner.isEmpty
    return engine
  }
}
