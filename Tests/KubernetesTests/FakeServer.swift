import Foundation
import HTTP
import JSON
import Reactor
import Synchronization

@testable import Kubernetes

/// An API server of one kind of objects that does as it is told, on a loop of its own thread.
final class FakeServer: @unchecked Sendable {
  struct Seen: Sendable, Equatable {
    var method: String
    var path: String
    var query: String
    var token: String
    var body: String
  }

  struct State {
    /// Answers in turn, before anything else: status, headers, body.
    var scripted: [(status: Int, headers: HTTPHeaders, body: String)] = []
    var seen: [Seen] = []
    var objects: [String: String] = [:]
    var version = 100
    /// Versions up to this one are forgotten.
    var compacted = 0
    var history: [(version: Int, event: String)] = []
    var watches: [HTTPBodyWriter] = []
    /// Of kinds that have no objects here.
    var silentWatches: [HTTPBodyWriter] = []
    var lease: JSONValue?
    /// Answers that stand for a path's last part, `streams`, before what is there: 403, 404.
    var refusals: [String: Int] = [:]
    /// Changes wait for their answers while this is set.
    var holdsChanges = false
    var held: [HTTPResponder] = []
    /// Tokens that are taken; all when empty.
    var tokens: Set<String> = []
  }

  let group = LoopGroup(count: 1)
  let server: HTTPServer
  let address: SocketAddress
  let state = Mutex(State())
  var loop: EventLoop { group.loops[0] }

  init() throws {
    let box = HandlerBox()
    server = HTTPServer(loop: group.loops[0]) { request, responder in box.handler?(request, responder) }
    address = try server.listen(on: SocketAddress(numeric: "127.0.0.1", port: 0)!)
    box.handler = { [weak self] request, responder in self?.answer(request, responder) }
    group.startThreads(includingFirst: true)
  }

  deinit {
    dropWatches()
    group.stop()
    group.join()
  }

  var configuration: ClusterConfiguration {
    try! ClusterConfiguration(url: "http://\(address)/prefix/")
  }

  func client(_ configure: (inout ClusterConfiguration) -> Void = { _ in }) -> KubernetesClient {
    var configuration = configuration
    configure(&configuration)
    return KubernetesClient(loop: loop, configuration: configuration, userAgent: "test/1")
  }

  /// Makes the next answers.
  func script(_ status: Int, _ body: String = "", headers: HTTPHeaders = [:]) {
    state.withLock { $0.scripted.append((status, headers, body)) }
  }

  func put(_ name: String, _ value: String = "") {
    change { state in
      let isNew = state.objects[name] == nil
      state.objects[name] =
        #"{"metadata":{"name":"\#(name)","namespace":"n","resourceVersion":"\#(state.version)"},"value":"\#(value)"}"#
      return #"{"type":"\#(isNew ? "ADDED" : "MODIFIED")","object":\#(state.objects[name]!)}"#
    }
  }

  func delete(_ name: String) {
    change { state in
      state.objects[name] = nil
      return #"{"type":"DELETED","object":{"metadata":{"name":"\#(name)","namespace":"n","#
        + #""resourceVersion":"\#(state.version)"}}}"#
    }
  }

  /// Ends every watch without a word.
  func dropWatches() {
    state.withLock { state in
      state.watches = []
      state.silentWatches = []
    }
  }

  func send(_ line: String) {
    state.withLock { state in for watch in state.watches { watch.write(Array((line + "\n").utf8)) } }
  }

  /// Answers the changes that wait.
  func release() {
    state.withLock { state in
      state.holdsChanges = false
      for responder in state.held { responder.respond(.json(Array("{}".utf8))) }
      state.held = []
    }
  }

  func compact() {
    state.withLock { $0.compacted = $0.version }
  }

  var paths: [String] { state.withLock { $0.seen.map(\.path) } }
  var queries: [String] { state.withLock { $0.seen.map(\.query) } }

  private func change(_ make: (inout State) -> String) {
    state.withLock { state in
      state.version += 1
      let event = make(&state)
      state.history.append((state.version, event))
      for watch in state.watches { watch.write(Array((event + "\n").utf8)) }
    }
  }

  /// Puts an object as it is; `%V` becomes its version.
  func putObject(_ name: String, _ text: String) {
    change { state in
      state.objects[name] = text.replacingOccurrences(of: "%V", with: String(state.version))
      return #"{"type":"MODIFIED","object":\#(state.objects[name]!)}"#
    }
  }

  private func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
    let token =
      if case .bearer(let token)? = request.head.credentials { token } else { "" }
    state.withLock { state in
      state.seen.append(
        Seen(
          method: request.head.method, path: request.head.path, query: request.head.target.rawQuery, token: token,
          body: String(decoding: request.body, as: UTF8.self)))
      if !state.tokens.isEmpty, !state.tokens.contains(token) {
        return responder.respond(HTTPResponse(status: 401, body: Array(#"{"kind":"Status","code":401}"#.utf8)))
      }
      if !state.scripted.isEmpty {
        let next = state.scripted.removeFirst()
        return responder.respond(HTTPResponse(status: next.status, headers: next.headers, body: Array(next.body.utf8)))
      }
      if state.holdsChanges, request.head.method != "GET" { return state.held.append(responder) }
      if request.head.path.contains("/leases") { return lease(request, responder, &state) }
      let last = String(request.head.path.split(separator: "/").last ?? "")
      if let code = state.refusals[last] {
        return responder.respond(
          .json(Array(#"{"kind":"Status","code":\#(code),"message":"no \#(last)"}"#.utf8), status: code))
      }
      let query = request.head.query
      if last != "streams", query["watch"] != "true" {
        return responder.respond(.json(Array(#"{"metadata":{"resourceVersion":"1"},"items":[]}"#.utf8)))
      }
      if last != "streams" {
        state.silentWatches.append(responder.stream(headers: [:]))
        return
      }
      query["watch"] == "true" ? watch(query["resourceVersion"], responder, &state) : list(query, responder, state)
    }
  }

  private func list(_ query: HTTPQuery, _ responder: HTTPResponder, _ state: State) {
    let limit = Int(query["limit"]) ?? Int.max
    let names = state.objects.keys.sorted().filter { $0 > query["continue"] }
    let page = names.prefix(limit)
    let next = page.count < names.count ? page.last! : ""
    responder.respond(
      .json(
        Array(
          (#"{"kind":"List","metadata":{"resourceVersion":"\#(state.version)","continue":"\#(next)"},"items":["#
            + page.map { state.objects[$0]! }.joined(separator: ",") + "]}").utf8)))
  }

  private func watch(_ version: String, _ responder: HTTPResponder, _ state: inout State) {
    let version = Int(version) ?? 0
    guard version >= state.compacted else {
      return responder.respond(
        .json(
          Array(
            (#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"# + "\n")
              .utf8)))
    }
    let writer = responder.stream(headers: ["Content-Type": "application/json"])
    for (changed, event) in state.history where changed > version { writer.write(Array((event + "\n").utf8)) }
    state.watches.append(writer)
  }

  /// One Lease, changed by whoever knows its version.
  private func lease(_ request: HTTPRequest, _ responder: HTTPResponder, _ state: inout State) {
    func refuse(_ code: Int, _ reason: String) {
      responder.respond(
        .json(Array(#"{"kind":"Status","code":\#(code),"reason":"\#(reason)"}"#.utf8), status: code))
    }
    if request.head.method != "GET" {
      guard var object = (try? JSONValue(parsing: request.body))?.object, var metadata = object["metadata"]?.object
      else { return refuse(400, "BadRequest") }
      let known = state.lease.map { $0["metadata"]?["resourceVersion"]?.string ?? "" }
      if request.head.method == "POST", known != nil { return refuse(409, "AlreadyExists") }
      if request.head.method == "PUT", known != metadata["resourceVersion"]?.string { return refuse(409, "Conflict") }
      state.version += 1
      metadata["resourceVersion"] = .string(String(state.version))
      object["metadata"] = .object(metadata)
      state.lease = .object(object)
    }
    guard let lease = state.lease else { return refuse(404, "NotFound") }
    responder.respond(.json(lease.json()))
  }
}

private final class HandlerBox: @unchecked Sendable {
  // Set once, before the loop runs.
  var handler: HTTPServer.Handler?
}

/// Collects what comes on a loop; tests wait for it.
final class Collected<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])

  func add(_ element: Element) { elements.withLock { $0.append(element) } }

  var all: [Element] { elements.withLock { $0 } }

  /// True when it came to hold within ten seconds.
  func wait(_ holds: ([Element]) -> Bool) -> Bool {
    let deadline = Date(timeIntervalSinceNow: 10)
    while Date() < deadline {
      if holds(all) { return true }
      usleep(2000)
    }
    return holds(all)
  }
}
