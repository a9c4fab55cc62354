/// Chooses the handler of a request by its path, as Go's `http.ServeMux` does for the paths of a monitoring port.
public struct HTTPRouter: Sendable {
  public typealias Handler = @Sendable (HTTPRequest, HTTPResponder) -> Void

  private struct Route: Sendable {
    /// nil for any method.
    let methods: [String]?
    let handler: Handler
  }

  private let basePath: String
  private var routes: [String: Route] = [:]
  private var fallback: Handler?

  /// - Parameter basePath: goes before all paths (`http_base_path`, FEATURES 3.057): `/nats` or empty.
  public init(basePath: String = "") {
    self.basePath = basePath == "/" ? "" : basePath
  }

  /// Serves one path, `/varz`, or `/` for the base path itself.
  ///
  /// - Parameter methods: other methods get 405; nil for any method, as nats-server has it.
  public mutating func add(_ path: String, methods: [String]? = nil, handler: @escaping Handler) {
    routes[basePath + path] = Route(methods: methods, handler: handler)
    // The base path serves with and without its slash.
    if path == "/", !basePath.isEmpty { routes[basePath] = routes[basePath + path] }
  }

  /// Serves what has no route; without it such requests get 404.
  public mutating func setFallback(_ handler: @escaping Handler) {
    fallback = handler
  }

  /// Answers the request by the route of its path, or with 404, 405, or 301 for a path that is not clean.
  public func route(_ request: HTTPRequest, _ responder: HTTPResponder) {
    let head = request.head
    switch head.target.form {
    case .asterisk:
      responder.respond(HTTPResponse(status: head.method == "OPTIONS" ? 200 : 400))
      return
    case .authority:
      responder.respond(.notFound)
      return
    case .origin, .absolute: break
    }
    let clean = Self.cleaned(head.path)
    if clean != head.path, head.method != "CONNECT" {
      let query = head.target.rawQuery.isEmpty ? "" : "?" + head.target.rawQuery
      responder.respond(.movedPermanently(to: Self.escaped(clean) + query))
      return
    }
    guard let route = routes[clean] else {
      if let fallback { return fallback(request, responder) }
      responder.respond(.notFound)
      return
    }
    if let methods = route.methods, !methods.contains(head.method), head.method != "HEAD" || !methods.contains("GET") {
      responder.respond(.methodNotAllowed(allowed: methods.contains("GET") ? methods + ["HEAD"] : methods))
      return
    }
    route.handler(request, responder)
  }

  /// The path without empty, `.` and `..` elements; a slash at the end stays.
  static func cleaned(_ path: String) -> String {
    var elements: [Substring] = []
    for element in path.utf8.split(separator: UInt8(ascii: "/")).map({ Substring($0) }) {
      switch element {
      case ".": continue
      case "..": _ = elements.popLast()
      default: elements.append(element)
      }
    }
    let joined = "/" + elements.joined(separator: "/")
    return path.hasSuffix("/") && joined != "/" ? joined + "/" : joined
  }

  private static func escaped(_ path: String) -> String {
    path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { PercentEncoding.encode(String(Substring($0))) }.joined(separator: "/")
  }
}
