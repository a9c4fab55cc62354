import Foundation
import HTTP
import JSON
import Reactor
import Testing

@testable import Kubernetes

private let streams = ResourceType(group: "jetstream.nats.io", version: "v1beta2", plural: "streams")

/// What a watch tells, in words.
private final class Followed {
  let told = Collected<String>()
  let errors = Collected<KubernetesError>()
  let watch: ResourceWatch

  init(_ client: KubernetesClient, pollNanoseconds: Int64? = nil) {
    let told = told
    let errors = errors
    watch = ResourceWatch(
      client: client, type: streams, selection: .init(namespace: "n"), pollNanoseconds: pollNanoseconds,
      receive: { change in
        switch change {
        case .changed(let key, let object): told.add("\(key)=\(object["value"]?.string ?? "")")
        case .removed(let key): told.add("-\(key)")
        case .synchronized: told.add("synchronized")
        }
      }, failed: { errors.add($0) })
    watch.start()
  }
}

@Suite(.serialized) struct ShellTests {
  @Test func objectsAreListedInPagesAndFollowed() throws {
    let server = try FakeServer()
    for index in 100..<250 { server.put("o\(index)") }
    let followed = Followed(server.client())
    #expect(followed.told.wait { $0.last == "synchronized" })
    #expect(followed.told.all.dropLast().map { $0 } == (100..<250).map { "n/o\($0)=" })
    #expect(server.paths.first == "/prefix/apis/jetstream.nats.io/v1beta2/namespaces/n/streams")
    #expect(server.queries.prefix(3) == ["limit=64", "limit=64&continue=o163", "limit=64&continue=o227"])
    server.put("new", "1")
    server.put("o100", "2")
    server.delete("o101")
    #expect(followed.told.wait { $0.suffix(3) == ["n/new=1", "n/o100=2", "-n/o101"] })
    followed.watch.stop()
  }

  @Test func aDroppedWatchResumesWithoutAListAndLosesNothing() throws {
    let server = try FakeServer()
    server.put("a")
    let followed = Followed(server.client())
    #expect(followed.told.wait { $0.last == "synchronized" })
    server.put("b", "1")
    #expect(followed.told.wait { $0.last == "n/b=1" })
    server.dropWatches()
    server.put("b", "2")
    #expect(followed.told.wait { $0.last == "n/b=2" })
    #expect(server.queries.filter { $0.hasPrefix("limit") }.count == 1)
    #expect(followed.errors.all == [.interrupted("connection ended before the response was complete")])
  }

  @Test func anExpiredVersionIsListedAnewAndWhatIsGoneIsTold() throws {
    let server = try FakeServer()
    server.put("a")
    server.put("b")
    let followed = Followed(server.client())
    #expect(followed.told.wait { $0.last == "synchronized" })
    server.dropWatches()
    server.delete("a")
    server.put("c", "3")
    server.state.withLock { $0.history = [] }
    server.compact()
    #expect(followed.told.wait { $0.suffix(4) == ["n/b=", "n/c=3", "-n/a", "synchronized"] })
  }

  @Test func aBookmarkMovesThePlaceToResumeFrom() throws {
    let server = try FakeServer()
    let followed = Followed(server.client())
    #expect(followed.told.wait { $0.last == "synchronized" })
    let isWatching = Collected<Bool>()
    #expect(isWatching.wait { _ in server.state.withLock { !$0.watches.isEmpty } })
    server.send(#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"777"}}}"#)
    usleep(50_000)
    server.dropWatches()
    #expect(isWatching.wait { _ in server.queries.last?.contains("resourceVersion=777") == true })
  }

  @Test func aBusyServerIsGivenTheTimeItAsksFor() throws {
    let server = try FakeServer()
    server.put("a")
    server.script(429, #"{"kind":"Status","code":429,"reason":"TooManyRequests"}"#, headers: ["Retry-After": "1"])
    let started = Date()
    let followed = Followed(server.client())
    #expect(followed.told.wait { $0.last == "synchronized" })
    #expect(Date().timeIntervalSince(started) >= 1)
    #expect(followed.errors.all.count == 1)
  }

  @Test func pollingNeedsNoWatch() throws {
    let server = try FakeServer()
    server.put("a", "1")
    let followed = Followed(server.client(), pollNanoseconds: 20_000_000)
    #expect(followed.told.wait { $0.contains("n/a=1") })
    server.delete("a")
    #expect(followed.told.wait { $0.contains("-n/a") })
    #expect(!server.queries.contains { $0.contains("watch") })
  }

  @Test func requestsAreSentAgainWhileTheServerCannotAnswer() throws {
    let server = try FakeServer()
    server.script(503, "no backends")
    server.script(502, "bad gateway")
    server.script(200, #"{"kind":"Stream"}"#)
    let answers = Collected<Result<JSONValue, KubernetesError>>()
    let client = server.client()
    client.object(.get(streams, ObjectKey(namespace: "n", name: "x"))) { answers.add($0) }
    #expect(answers.wait { !$0.isEmpty })
    #expect(try answers.all[0].get()["kind"]?.string == "Stream" && server.paths.count == 3)
    server.script(404, #"{"kind":"Status","code":404,"reason":"NotFound","message":"streams \"x\" not found"}"#)
    client.object(.get(streams, ObjectKey(namespace: "n", name: "x"))) { answers.add($0) }
    #expect(answers.wait { $0.count == 2 })
    #expect(throws: KubernetesError.self) { try answers.all[1].get() }
    #expect(server.paths.count == 4)
  }

  /// A request with the old token, then as many as given after file and server have the new one. Returns their answers.
  private func answersWithANewToken(_ server: FakeServer, requests: Int) -> Collected<Bool> {
    let folder = Folder()
    let file = folder.write("token", "old\n")
    server.state.withLock { $0.tokens = ["old"] }
    let client = server.client { $0.login = .tokenFile(file) }
    let answers = Collected<Bool>()
    func ask() {
      client.send(.list(streams, .init(), limit: 1)) { result in
        if case .success = result { answers.add(true) } else { answers.add(false) }
      }
    }
    ask()
    #expect(answers.wait { $0 == [true] })
    folder.write("token", "new\n")
    server.state.withLock { $0.tokens = ["new"] }
    for _ in 0..<requests { ask() }
    #expect(answers.wait { $0.count == 1 + requests })
    return answers
  }

  @Test func aTokenThatIsRefusedIsReadAgain() throws {
    let server = try FakeServer()
    #expect(answersWithANewToken(server, requests: 1).all == [true, true])
    #expect(server.state.withLock { $0.seen.map(\.token) } == ["old", "old", "new"])
  }

  @Test func anExecPluginRunsOnceForManyRequestsAndAgainWhenRefused() throws {
    let server = try FakeServer()
    let folder = Folder()
    let script = folder.write(
      "login",
      """
      #!/bin/sh
      echo run >>"\(folder.path)/runs"
      count=$(wc -l <"\(folder.path)/runs")
      echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t'$count'"}}'
      """, mode: 0o700)
    let plugin = try ExecPlugin(
      [
        "command": .string(script), "apiVersion": .string("client.authentication.k8s.io/v1"),
        "interactiveMode": .string("IfAvailable"),
      ], directory: "", owner: "user me", cluster: [:])
    server.state.withLock { $0.tokens = ["t1"] }
    let client = server.client { $0.login = .exec(plugin) }
    let answers = Collected<Bool>()
    for _ in 0..<20 {
      client.send(.list(streams, .init(), limit: 1)) { if case .success = $0 { answers.add(true) } }
    }
    #expect(answers.wait { $0.count == 20 })
    server.state.withLock { $0.tokens = ["t2"] }
    client.send(.list(streams, .init(), limit: 1)) { if case .success = $0 { answers.add(true) } }
    #expect(answers.wait { $0.count == 21 })
    #expect(Set(server.state.withLock { $0.seen.map(\.token) }) == ["t1", "t2"])
  }

  @Test func credentialsThatCannotBeHadAreTold() throws {
    let server = try FakeServer()
    let client = server.client { $0.login = .tokenFile("/nonexistent/token") }
    let answers = Collected<String>()
    client.send(.list(streams, .init(), limit: 1)) { answers.add("\($0)") }
    #expect(answers.wait { !$0.isEmpty })
    #expect(answers.all[0].contains("/nonexistent/token") && server.paths.isEmpty)
  }

  /// An answer from within the call would come before the caller has noted what it asked for, and be lost on it.
  @Test func theEndOfAStreamNeverComesFromWithinTheCall() throws {
    let server = try FakeServer()
    var configuration = try ClusterConfiguration(url: "https://\(server.address)")
    configuration.authorities = .data(Array("no certificate".utf8))
    let client = KubernetesClient(loop: server.loop, configuration: configuration, userAgent: "test/1")
    let told = Collected<String>()
    for round in 1...2 {
      server.loop.submit {
        let stream = client.stream(.watch(streams, .init(), after: "1", seconds: 1)) { _ in told.add("ended") }
        told.add("returned")
        withExtendedLifetime(stream) {}
      }
      #expect(told.wait { $0.count == 2 * round })
    }
    #expect(told.all == ["returned", "ended", "returned", "ended"])
  }

  @Test func manyRequestsThatAreRefusedAtOnceAllGetTheNewToken() throws {
    #expect(answersWithANewToken(try FakeServer(), requests: 8).all == Array(repeating: true, count: 9))
  }

  @Test func twoElectorsAgreeAndAReleaseIsTakenUp() throws {
    let server = try FakeServer()
    let told = Collected<String>()
    var electors: [LeaseElector] = []
    for name in ["a", "b"] {
      var settings = LeaderElection.Settings(identity: name)
      settings.retryNanoseconds = 50_000_000
      electors.append(
        LeaseElector(
          client: server.client(), lease: ObjectKey(namespace: "n", name: "l"), settings: settings,
          receive: { told.add("\(name) \($0)") }))
      electors.last?.start()
      #expect(told.wait { !$0.isEmpty })
    }
    #expect(told.wait { $0 == ["a began", "b follows(\"a\")"] })
    electors[0].stop { told.add("a stopped") }
    #expect(told.wait { $0.last == "b began" })
    electors[1].stop()
  }

  /// A controller with ten thousand things to write must not lose its Lease over them.
  @Test func aLeaseDoesNotWaitBehindOtherRequests() throws {
    let server = try FakeServer()
    let client = server.client()
    // Answers that do not end take every connection there is for requests; more wait.
    var request = ResourceRequest.watch(.secrets, .init(), after: "1", seconds: 60)
    request.isUrgent = false
    for _ in 0..<20 { client.send(request) { _ in } }
    let isBusy = Collected<Bool>()
    #expect(isBusy.wait { _ in server.paths.count == 8 })
    let told = Collected<String>()
    var settings = LeaderElection.Settings(identity: "a")
    settings.renewDeadlineNanoseconds = 1_000_000_000
    let elector = LeaseElector(
      client: client, lease: ObjectKey(namespace: "n", name: "l"), settings: settings, receive: { told.add("\($0)") })
    elector.start()
    #expect(told.wait { $0 == ["began"] })
    elector.stop()
  }

  @Test func eventsAreCountedUpAndMadeAnewWhenGone() throws {
    let server = try FakeServer()
    for _ in 0..<2 { server.script(201, "{}") }
    server.script(404, #"{"kind":"Status","code":404,"reason":"NotFound"}"#)
    server.script(201, "{}")
    let recorder = EventRecorder(client: server.client(), component: "c", instance: "i")
    let object = ObjectReference(
      apiVersion: "v1", kind: "Stream", key: ObjectKey(namespace: "n", name: "s"), uid: "1")
    let requests = Collected<Bool>()
    for count in [1, 2, 4] {
      recorder.record(ObjectEvent(object, reason: "Created", message: "m"))
      #expect(requests.wait { _ in server.paths.count == count })
    }
    #expect(server.state.withLock { $0.seen.map(\.method) } == ["POST", "PATCH", "PATCH", "POST"])
    #expect(server.state.withLock { $0.seen[1].body.contains(#""count":2"#) })
  }
}
