import Crypto
import HTTP
import Reactor

/// Basic authentication of scrapers. FEATURES 15.009.
///
/// A bcrypt comparison takes tens of milliseconds: it runs beside the loop, and the password that it accepted last is
/// remembered, so that scrapes stay cheap. Invariant: used on the exporter's loop only.
final class ScrapeAuthentication: @unchecked Sendable {
  private let user: String
  private let password: String
  private let loop: EventLoop
  private let hashing = BackgroundQueue(capacity: 16)
  private var accepted: String?

  init(user: String, password: String, loop: EventLoop) {
    self.user = user
    self.password = password
    self.loop = loop
  }

  /// Calls back, on the loop, with whether the request may be answered; answers those that may not.
  func check(_ request: HTTPRequest, _ responder: HTTPResponder, _ allowed: @escaping @Sendable () -> Void) {
    guard !user.isEmpty else { return allowed() }
    guard case .basic(let givenUser, let given) = request.head.credentials, ConstantTime.equal(givenUser, user) else {
      return Self.refuse(responder)
    }
    guard Bcrypt.isHash(password) else {
      return ConstantTime.equal(given, password) ? allowed() : Self.refuse(responder)
    }
    if let accepted, ConstantTime.equal(accepted, given) { return allowed() }
    let isQueued = hashing.submit { [password, loop] in
      let isRight = Bcrypt.verify(given, hash: password)
      loop.submit {
        if isRight {
          self.accepted = given
          allowed()
        } else {
          Self.refuse(responder)
        }
      }
    }
    if !isQueued { responder.respond(.error("too many requests", status: 503)) }
  }

  private static func refuse(_ responder: HTTPResponder) {
    var response = HTTPResponse.error("authorization failed", status: 401)
    response.headers.set("WWW-Authenticate", "Basic realm=\"exporter\"")
    responder.respond(response)
  }
}
