import CSystem
import HTTP
import Reactor

/// The endpoints of `prof_port`: what a user of nats-server finds under `/debug/pprof/`, as far as it can be had of a
/// program that is not written in Go, and plain words for the rest.
public final class ProfilingServer: Sendable {
  /// Seconds of a CPU profile; Go's default, and our limit.
  private static let defaultSeconds = 30.0
  private static let mostSeconds = 300.0

  private let server: HTTPServer
  private let work: Work

  /// What the handlers share.
  private final class Work: Sendable {
    /// Profiles sleep and symbols take time: nothing for a loop.
    let queue = BackgroundQueue(capacity: 16)
    let rooms: @Sendable () -> [(name: String, bytes: Int)]

    init(_ rooms: @escaping @Sendable () -> [(name: String, bytes: Int)]) { self.rooms = rooms }
  }

  /// - Parameter rooms: bytes by the part of the server that holds them; called on a thread of its own.
  public init(loop: EventLoop, rooms: @escaping @Sendable () -> [(name: String, bytes: Int)] = { [] }) {
    let work = Work(rooms)
    var options = HTTPServer.Options()
    options.maximumConnections = 32
    server = HTTPServer(loop: loop, options: options, handler: Self.router(work).route)
    self.work = work
  }

  /// Starts to accept connections. Call on the loop, or before it runs.
  @discardableResult
  public func listen(on address: SocketAddress) throws -> SocketAddress { try server.listen(on: address) }

  /// Stops accepting; a running profile is dropped.
  public func stop() {
    work.queue.stop()
    server.stop()
  }

  // MARK: endpoints

  private static func router(_ work: Work) -> HTTPRouter {
    var router = HTTPRouter()
    router.add("/debug/pprof/") { _, responder in responder.respond(.html(indexPage)) }
    router.add("/debug/pprof/cmdline") { _, responder in
      let arguments = (0..<csys_argument_count()).compactMap { csys_argument($0).map { String(cString: $0) } }
      responder.respond(.text(arguments.joined(separator: "\0")))
    }
    router.add("/debug/pprof/profile") { request, responder in profile(request, responder, work) }
    router.add("/debug/pprof/threads") { _, responder in responder.respond(.text(threads())) }
    router.add("/debug/pprof/memory") { _, responder in memory(responder, work) }
    for name in ["heap", "allocs"] {
      router.add("/debug/pprof/\(name)") { request, responder in
        if request.head.query.pairs.contains(where: { $0.name == "debug" && $0.value != "0" }) {
          memory(responder, work)
        } else {
          let text = "natsd has no profile of allocations: it is not written in Go, and counting every allocation"
          responder.respond(missing(text + " would slow it down. Its memory is at /debug/pprof/memory."))
        }
      }
    }
    for (name, instead) in unavailable {
      router.add("/debug/pprof/\(name)") { _, responder in responder.respond(missing(instead)) }
    }
    router.add("/") { _, responder in responder.respond(.movedPermanently(to: "/debug/pprof/")) }
    router.add("/debug/pprof") { _, responder in responder.respond(.movedPermanently(to: "/debug/pprof/")) }
    return router
  }

  private static let unavailable = [
    ("goroutine", "natsd has no goroutines. Its threads are at /debug/pprof/threads."),
    ("threadcreate", "natsd starts its threads once. They are at /debug/pprof/threads."),
    ("block", "natsd has no profile of waiting: its event loops do not block. prof_block_rate has no effect."),
    ("mutex", "natsd has no profile of locks; time spent on them is in /debug/pprof/profile."),
    ("trace", "natsd has no execution trace of Go's kind. A CPU profile is at /debug/pprof/profile."),
  ]

  /// 501 in a way that `go tool pprof` shows the text.
  private static func missing(_ text: String) -> HTTPResponse {
    var response = HTTPResponse.error(text, status: 501)
    response.headers.set("X-Go-Pprof", "1")
    return response
  }

  private static func memory(_ responder: HTTPResponder, _ work: Work) {
    let isTaken = work.queue.submit { responder.respond(.text(MemorySummary.text(rooms: work.rooms()))) }
    if !isTaken { responder.respond(.error("too many requests", status: 503)) }
  }

  private static func threads() -> String {
    var text = "# CPU seconds since each thread started: user, system, total.\n\n"
    func padded(_ seconds: Double) -> String {
      let hundredths = Int((seconds * 100).rounded())
      let number = "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
      return String(repeating: " ", count: max(1, 12 - number.count)) + number
    }
    for thread in ThreadTime.current() {
      text += padded(thread.userSeconds) + padded(thread.systemSeconds)
      text += padded(thread.userSeconds + thread.systemSeconds) + "  \(thread.name) (\(thread.identifier))\n"
    }
    return text
  }

  private static func profile(_ request: HTTPRequest, _ responder: HTTPResponder, _ work: Work) {
    let query = request.head.query
    func value(_ name: String) -> String? { query.all(name).first }
    // Go takes anything that is no positive number for the default.
    let asked = value("seconds").flatMap(Double.init) ?? 0
    let seconds = asked > 0 ? asked : defaultSeconds
    guard seconds <= mostSeconds else {
      responder.respond(refused("seconds must not be more than \(Int(mostSeconds))"))
      return
    }
    let form = value("format") ?? (value("debug").map { $0 == "0" ? "pprof" : "text" } ?? "pprof")
    guard ["pprof", "folded", "text"].contains(form) else {
      responder.respond(refused("format must be pprof, folded or text"))
      return
    }
    // A profile that somebody else is taking keeps the queue for its time: refused at once, as Go does.
    guard !CPUProfile.isRecording else {
      responder.respond(busy)
      return
    }
    let isTaken = work.queue.submit {
      do throws(CPUProfile.Failure) {
        let profile = try CPUProfile.record(seconds: seconds)
        responder.respond(answer(profile, form))
      } catch {
        responder.respond(failed("Could not enable CPU profiling: \(error)"))
      }
    }
    if !isTaken { responder.respond(busy) }
  }

  private static var busy: HTTPResponse { failed("Could not enable CPU profiling: cpu profiling already in use") }

  private static func failed(_ text: String) -> HTTPResponse {
    var response = HTTPResponse.error(text, status: 500)
    response.headers.set("X-Go-Pprof", "1")
    return response
  }

  private static func refused(_ text: String) -> HTTPResponse {
    var response = HTTPResponse.error(text, status: 400)
    response.headers.set("X-Go-Pprof", "1")
    return response
  }

  private static func answer(_ profile: CPUProfile, _ form: String) -> HTTPResponse {
    var symbolizer = Symbolizer(map: profile.map)
    switch form {
    case "folded": return .text(profile.folded(&symbolizer))
    case "text": return .text(profile.summary(&symbolizer))
    default:
      return HTTPResponse(
        headers: [
          "Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=\"profile\"",
        ], body: Gzip.compress(profile.pprof(&symbolizer)))
    }
  }

  private static let indexPage = """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><title>/debug/pprof/</title></head><body>
    <h1>Where the CPU time and the memory of this natsd go</h1>
    <ul>
    <li><a href="profile?seconds=10&amp;debug=1">profile?seconds=10&amp;debug=1</a>: the busiest functions, as text</li>
    <li><a href="profile?seconds=10&amp;format=folded">profile?seconds=10&amp;format=folded</a>: stacks for flame
    graphs</li>
    <li><a href="profile?seconds=10">profile?seconds=10</a>: CPU profile for <code>go tool pprof</code>; 30 seconds
    unless told otherwise, at most 300</li>
    <li><a href="threads">threads</a>: CPU time by thread</li>
    <li><a href="memory">memory</a>: where the memory is (also <a href="heap?debug=1">heap?debug=1</a>)</li>
    <li><a href="cmdline">cmdline</a>: the command line, secrets blanked</li>
    </ul>
    <p>Stacks follow frame pointers: a function of a C library may hide its direct caller. Functions have names if the
    program still has its symbol table; give <code>go tool pprof</code> such a copy of the same build otherwise.</p>
    <p>Not available, because natsd is not written in Go: profiles of heap, allocs, goroutine, threadcreate, block and
    mutex, and trace. <code>prof_block_rate</code> is accepted and has no effect.</p>
    </body></html>

    """
}
