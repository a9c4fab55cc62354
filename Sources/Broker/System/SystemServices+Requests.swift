import Bytes
import Configuration
import JSON
import Subjects

// Requests of the system account (FEATURES 11.121 to 11.136), and of every account about itself.

extension SystemServices {
  typealias Handler = @Sendable (InternalRequest) -> Void

  /// What the system account hears.
  func systemRoutes() -> [(String, Handler)] {
    let id = server.info.serverID
    var routes: [(String, Handler)] = []
    for (name, handler) in serverQuestions() {
      routes.append(("$SYS.REQ.SERVER.\(id).\(name)", handler))
      routes.append(("$SYS.REQ.SERVER.PING.\(name)", handler))
    }
    routes.append(("$SYS.REQ.SERVER.PING", statsHandler))
    for (name, handler) in accountQuestions() { routes.append(("$SYS.REQ.ACCOUNT.*.\(name)", handler)) }
    routes.append(("$SYS.REQ.ACCOUNT.PING.STATZ", accountStatsHandler))
    routes.append(("$SYS.REQ.SERVER.\(id).KICK", clientHandler { $0.kick($1, $2) }))
    routes.append(("$SYS.REQ.SERVER.\(id).LDM", clientHandler { $0.askToLeave($1, $2) }))
    routes.append(("$SYS.REQ.SERVER.\(id).RELOAD", reloadHandler))
    routes.append(("$SYS.REQ.USER.INFO", userHandler))
    routes.append(("$SYS.DEBUG.SUBSCRIBERS", subscribersHandler))
    routes.append(("$SYS.REQ.ACCOUNT.NSUBS", subscriberCountHandler))
    return routes
  }

  /// What every other account hears: about its own connections, figures and users only.
  func accountRoutes(_ account: Account) -> [(String, Handler)] {
    let name = account.name
    let connections = handler(ConnzEventOptions.self) { services, _, body, done in
      var options = body.options
      options.account = name
      services.monitor.connz(options, done)
    }
    let figures = handler(AccountStatzEventOptions.self) { services, _, body, done in
      var options = body.options
      options.accounts = [name]
      services.monitor.accountStatz(options, silentWhenEmpty: true, done)
    }
    return [
      ("$SYS.REQ.ACCOUNT.PING.CONNZ", connections), ("$SYS.REQ.SERVER.PING.CONNZ", connections),
      ("$SYS.REQ.ACCOUNT.PING.STATZ", figures), ("$SYS.REQ.USER.INFO", userHandler),
    ]
  }

  // MARK: about the server

  private func serverQuestions() -> [(String, Handler)] {
    [
      ("IDZ", identityHandler),
      ("STATSZ", statsHandler),
      (
        "VARZ",
        handler(PlainEventOptions.self, named: "VarzEventOptions") { services, _, _, done in
          done(.answer(services.monitor.varz()))
        }
      ),
      (
        "SUBSZ",
        handler(SubszEventOptions.self) { services, _, body, done in services.monitor.subsz(body.options, done) }
      ),
      (
        "CONNZ",
        handler(ConnzEventOptions.self) { services, _, body, done in services.monitor.connz(body.options, done) }
      ),
      ("ROUTEZ", handler(RoutezEventOptions.self) { services, _, _, done in done(.answer(services.monitor.routez())) }),
      (
        "GATEWAYZ",
        handler(GatewayzEventOptions.self) { services, _, _, done in done(.answer(services.monitor.gatewayz())) }
      ),
      ("LEAFZ", handler(LeafzEventOptions.self) { services, _, _, done in done(.answer(services.monitor.leafz())) }),
      (
        "ACCOUNTZ",
        handler(AccountzEventOptions.self) { services, _, body, done in
          done(services.monitor.accountz(account: body.account))
        }
      ),
      (
        "JSZ",
        handler(JszEventOptions.self) { services, _, body, done in
          services.monitor.jsz(body.options, isSystemRequest: true, done)
        }
      ),
      (
        "HEALTHZ",
        handler(HealthzEventOptions.self) { services, _, body, done in
          services.monitor.healthz(body.options) { health in
            var health = health
            health.showsCode = true
            done(.answer(health))
          }
        }
      ),
      (
        "PROFILEZ",
        handler(ProfilezEventOptions.self) { _, _, body, done in done(.answer(Profilez(body))) }
      ),
      (
        "EXPVARZ",
        handler(PlainEventOptions.self, named: "ExpvarzEventOptions") { services, _, _, done in
          done(.answer(Expvarz(residentBytes: services.monitor.usage.residentBytes)))
        }
      ),
      (
        "IPQUEUESZ",
        handler(IpqueueszEventOptions.self) { _, _, body, done in
          done(.answer(Ipqueuesz(all: body.all, filter: body.queues)))
        }
      ),
      (
        "RAFTZ",
        handler(PlainEventOptions.self, named: "RaftzEventOptions") { _, _, _, done in done(.answer(EmptyObject())) }
      ),
    ]
  }

  private var identityHandler: Handler {
    { [unowned self] request in
      let info = server.info
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("name", info.serverName)
      writer.field("host", info.host)
      writer.field("id", info.serverID)
      writer.endObject()
      SystemRequest(request).answer(writer.bytes)
    }
  }

  /// Without a reply subject the answer goes where the figures are told anyway.
  private var statsHandler: Handler {
    { [unowned self] incoming in
      let request = SystemRequest(incoming)
      let worker = incoming.worker
      switch decode(PlainEventOptions.self, request, root: "StatszEventOptions") {
      case .failure(let error):
        answer(request, .error(code: 400, text: error.description, hasData: false))
      case .success(let body):
        guard isMeant(by: body.filter) else { return }
        guard request.wantsAnswer else {
          publishStatistics(on: worker)
          return
        }
        monitor.background.submit { [self] in
          request.answer(
            ServerStatsEvent(server: nextIdentity(), statistics: monitor.statistics, jetStream: jetStreamSummary).json()
          )
        }
      }
    }
  }

  // MARK: about accounts

  private func accountQuestions() -> [(String, Handler)] {
    [
      (
        "SUBSZ",
        handler(SubszEventOptions.self) { services, request, body, done in
          var options = body.options
          options.lists = true
          options.account = request.token(3) ?? ""
          services.monitor.subsz(options, done)
        }
      ),
      (
        "CONNZ",
        handler(ConnzEventOptions.self) { services, request, body, done in
          var options = body.options
          options.account = request.token(3) ?? ""
          services.monitor.connz(options, done)
        }
      ),
      ("LEAFZ", handler(LeafzEventOptions.self) { services, _, _, done in done(.answer(services.monitor.leafz())) }),
      (
        "JSZ",
        handler(JszEventOptions.self) { services, request, body, done in
          var options = body.options
          options.account = request.token(3) ?? ""
          services.monitor.accountJsz(options, done)
        }
      ),
      (
        "INFO",
        handler(PlainEventOptions.self, named: "AccInfoEventOptions") { services, request, _, done in
          let name = request.token(3) ?? ""
          guard let detail = services.monitor.accountDetail(name) else {
            done(.failed(MonitoringError("Account \(name) does not exist")))
            return
          }
          done(.answer(detail))
        }
      ),
      (
        "STATZ",
        handler(AccountStatzEventOptions.self) { services, request, body, done in
          let name = request.token(3) ?? ""
          // Asked of all accounts it has a handler of its own.
          guard name != "PING" else {
            done(.silent)
            return
          }
          var options = body.options
          options.accounts = [name]
          services.monitor.accountStatz(options, silentWhenEmpty: true, done)
        }
      ),
      ("CONNS", connectionsHandler),
    ]
  }

  private var accountStatsHandler: Handler {
    handler(AccountStatzEventOptions.self) { services, _, body, done in
      services.monitor.accountStatz(body.options, silentWhenEmpty: true, done)
    }
  }

  /// Answers with an event instead of data.
  private var connectionsHandler: Handler {
    { [unowned self] incoming in
      let request = SystemRequest(incoming)
      guard request.wantsAnswer, let account = server.settings.accounts[request.token(3) ?? ""],
        account.connectionCount > 0
      else { return }
      monitor.accountStatistics(of: [account]) { [self] list in
        guard let statistics = list.first else { return }
        request.answer(connectionsEvent(statistics).json())
      }
    }
  }

  // MARK: about clients and users

  private typealias ClientAction =
    @Sendable (SystemServices, UInt64, @escaping @Sendable (String?) -> Void) -> Void

  private func clientHandler(_ action: @escaping ClientAction) -> Handler {
    { [unowned self] incoming in
      let request = SystemRequest(incoming)
      guard case .success(let body) = decodeRequired(ClientRequestOptions.self, request) else {
        server.logger.error("Error unmarshalling kick client request")
        return
      }
      guard request.wantsAnswer, isMeant(by: body.filter) else { return }
      action(self, body.cid) { [self] problem in
        answer(request, problem.map { .error(code: 500, text: $0, hasData: false) } ?? .nothing)
      }
    }
  }

  /// Ends a connection (FEATURES 1.058).
  private func kick(_ identifier: UInt64, _ done: @escaping @Sendable (String?) -> Void) {
    ConnectionSurvey<Bool>.run(server, only: [identifier]) { connection in
      connection.close(.kicked)
      return true
    } completion: {
      done($0.isEmpty ? "no such client or leafnode id" : nil)
    }
  }

  /// Tells one client to look for another server.
  private func askToLeave(_ identifier: UInt64, _ done: @escaping @Sendable (String?) -> Void) {
    ConnectionSurvey<Bool>.run(server, only: [identifier]) { connection in
      guard connection.options.protocolVersion >= 1, connection.hasAnsweredPing else { return false }
      connection.sendInfo(connectInfo: true, lameDuck: true)
      return true
    } completion: { told in
      let unable = "client does not support Lame Duck Mode or is not ready to receive the notification"
      done(told.isEmpty ? "no such client id" : told[0] ? nil : unable)
    }
  }

  private var reloadHandler: Handler {
    handler(PlainEventOptions.self, named: "EventFilterOptions", hasData: false) { services, _, _, done in
      services.server.loops.loops[0].submit {
        do {
          try services.server.reloadRequested?()
          done(.answer(Nothing()))
        } catch {
          done(.failed(MonitoringError("\(error)")))
        }
      }
    }
  }

  private var userHandler: Handler {
    { [unowned self] incoming in
      guard let publisher = incoming.publisher else { return }
      let connection = publisher.pointee.object
      let request = SystemRequest(incoming)
      guard request.wantsAnswer else { return }
      answer(
        request,
        .data(
          UserInformation(
            user: connection.rawUser, account: connection.account.name, permissions: connection.user?.configured)))
    }
  }

  // MARK: about subscriptions

  /// The body is a subject and, behind a space, a queue group (FEATURES 11.134).
  private var subscribersHandler: Handler {
    { [unowned self] incoming in
      let request = SystemRequest(incoming)
      let parts = String(decoding: request.body, as: UTF8.self).split(
        separator: " ", omittingEmptySubsequences: false)
      let account = incoming.publisher?.pointee.object.account ?? incoming.account
      let queue = parts.count > 1 ? Array(parts[1].utf8) : nil
      let count = countSubscribers(account, Array((parts.first ?? "").utf8), queue: queue)
      request.answer(Array(String(count).utf8))
    }
  }

  private var subscriberCountHandler: Handler {
    { [unowned self] incoming in
      let request = SystemRequest(incoming)
      guard !request.body.isEmpty else {
        server.logger.error("request requires a body")
        return
      }
      guard let asked = try? JSONCoding.decode(SubscriberCountRequest.self, from: request.body),
        let account = server.settings.accounts[asked.account], account.connectionCount > 0
      else { return }
      let queue = asked.queue.isEmpty ? nil : asked.queue
      request.answer(Array(String(countSubscribers(account, Array(asked.subject.utf8), queue: queue)).utf8))
    }
  }

  /// Clients that listen to a subject, or to parts of a pattern.
  ///
  /// - Parameter queue: only members of this group.
  private func countSubscribers(_ account: Account, _ subject: [UInt8], queue: [UInt8]?) -> Int {
    func counts(_ subscription: SubscriptionPointer) -> Bool {
      if SubscriptionFlags(rawValue: subscription.flags).contains(.internal) { return false }
      return queue.map { $0.elementsEqual(account.index.queueName(of: subscription)) } ?? true
    }
    return subject.withUnsafeBytes { subject in
      guard !subject.isEmpty else { return 0 }
      var count = 0
      if Subject.isLiteral(subject) {
        var result = MatchResult()
        defer { result.destroy() }
        account.index.match(subject, into: &result)
        if queue == nil { count += (0..<result.plainCount).count { counts(result.plain[$0]) } }
        for group in 0..<result.groupCount {
          let run = result.groups[group]
          count += (run.start..<(run.start + run.count)).count { counts(result.queued[Int($0)]) }
        }
        return count
      }
      account.index.forEach { subscription, pattern in
        if Subject.isSubset(pattern, of: subject), counts(subscription) { count += 1 }
      }
      return count
    }
  }

  // MARK: the common part

  private typealias Answering<Options> =
    @Sendable (SystemServices, SystemRequest, Options, @escaping Monitor.Completion) -> Void

  /// A handler that reads the body, leaves requests for other servers alone, and wraps the answer.
  ///
  /// - Parameters:
  ///   - root: what error texts call the body, where it is not the name of the type.
  ///   - hasData: errors come with `"data":null`.
  private func handler<Options: SystemRequestOptions>(
    _ type: Options.Type, named root: String? = nil, hasData: Bool = true, _ body: @escaping Answering<Options>
  ) -> Handler {
    { [unowned self] incoming in
      let request = SystemRequest(incoming)
      guard request.wantsAnswer else { return }
      switch decode(type, request, root: root) {
      case .failure(let error): answer(request, .error(code: 400, text: error.description, hasData: false))
      case .success(let options):
        guard isMeant(by: options.filter) else { return }
        body(self, request, options) { [self] outcome in
          switch outcome {
          case .answer(let data): answer(request, data is Nothing ? .nothing : .data(data))
          case .failed(let error): answer(request, .error(code: 500, text: error.description, hasData: hasData))
          case .silent: break
          }
        }
      }
    }
  }

  /// An empty body is as good as an empty object.
  private func decode<Options: Decodable>(
    _ type: Options.Type, _ request: SystemRequest, root: String? = nil
  ) -> Result<Options, JSONError> {
    Result { () throws(JSONError) in
      try JSONCoding.decode(type, from: request.body.isEmpty ? Array("{}".utf8) : request.body)
    }.mapError { error in root.map { error.inside($0) } ?? error }
  }

  private func decodeRequired<Options: Decodable>(
    _ type: Options.Type, _ request: SystemRequest
  ) -> Result<Options, JSONError> {
    Result { () throws(JSONError) in try JSONCoding.decode(type, from: request.body) }
  }

  /// Writes and publishes an answer; long ones take their time elsewhere.
  private func answer(_ request: SystemRequest, _ content: SystemResponse.Content) {
    monitor.background.submit { [self] in
      var isError = false
      if case .error = content { isError = true }
      request.answer(SystemResponse(server: nextIdentity(), content: content).json(), compressed: !isError)
    }
  }
}

/// `{}`
struct EmptyObject: Sendable, JSONWritable {
  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.endObject()
  }
}

/// A request that was carried out and has nothing to tell.
struct Nothing: Sendable, JSONWritable {
  func write(to writer: inout JSONWriter) { writer.null() }
}

/// The answer to PROFILEZ (FEATURES 11.109): profiles are those of Go's runtime, and there is none here.
struct Profilez: Sendable, JSONWritable {
  private static let longestNanoseconds: Int64 = 15_000_000_000
  private let error: String

  init(_ options: ProfilezEventOptions) {
    let duration = options.durationNanoseconds
    switch options.name {
    case "": error = "Profile name not specified"
    case "cpu" where duration <= 0 || duration > Self.longestNanoseconds:
      error = "Duration \(GoDuration.string(nanoseconds: duration)) should be between 0s and 15s"
    case "cpu": error = "Failed to start CPU profile: not available in natsd"
    default: error = "Profile \(quoted(options.name)) not found"
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("profile")
    writer.null()
    writer.field("error", error)
    writer.endObject()
  }
}
