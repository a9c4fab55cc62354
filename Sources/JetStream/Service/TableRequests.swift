import Broker
import Bytes
import Configuration
import Crypto
import JetStreamAPI
import MessageStore
import Subjects

// Requests about which streams there are: handled on loop 0, one after the other.

extension JetStreamService {
  /// A request has come in on a loop. Those about one stream go to its loop, in order with messages; those about the
  /// table of streams to loop 0.
  func receive(_ request: APIRequest, on loop: JetStreamLoop) {
    guard requestBegan() else {
      requestDropped(request, on: loop)
      return
    }
    switch request.subject.operation {
    case .accountInfo, .streamCreate, .streamUpdate, .streamDelete, .streamNames, .streamList, .streamRestore:
      loops[0].worker.loop.submit { [self] in handleTable(request) }
    case .metaStepDown, .serverRemove, .serverEvacuate, .metaRescue, .accountPurge, .accountStreamMove,
      .accountStreamCancelMove:
      // For the system account only, and for clusters.
      requestEnded()
    case .streamRemovePeer, .streamEvacuatePeer, .streamCancelMove, .streamStepDown, .consumerStepDown:
      request.refuseAsUnclustered(on: loop)
    case .consumerReset:
      receiveReset(request, on: loop)
    default:
      let handle = request.account.stream(named: request.subject.stream)
      if handle == nil || request.refusesLevel {
        request.refuse(request.refusalBeforeStream(isStrict: options.strict) ?? .streamNotFound, on: loop)
        return
      }
      if request.subject.operation == .streamSnapshot, request.isEmpty {
        request.refuse(.badRequest, on: loop)
        return
      }
      loop.hand(request, to: handle!)
    }
  }

  /// Nobody listens for a consumer that is not there.
  private func receiveReset(_ request: APIRequest, on loop: JetStreamLoop) {
    guard let handle = request.account.stream(named: request.subject.stream) else {
      requestEnded()
      return
    }
    loop.hand(request, to: handle)
  }

  private func requestDropped(_ request: APIRequest, on loop: JetStreamLoop) {
    let advisory = Advisory.limitReached(server: server.serverName, dropped: 1, loop.advisoryHead())
    loop.publish(advisory, in: request.account.account)
  }

  private func handleTable(_ request: APIRequest) {
    let loop = loops[0]
    if request.refusesLevel {
      request.refuse(.requiredApiLevel, on: loop)
      return
    }
    do throws(JetStreamError) {
      switch request.subject.operation {
      case .accountInfo: request.answer(information(of: request.account).answer(), on: loop)
      case .streamCreate: try create(request)
      case .streamUpdate: try update(request)
      case .streamDelete: try delete(request)
      case .streamRestore: try restore(request)
      case .streamNames: try names(request)
      case .streamList: try list(request)
      default: throw .clusterUnSupportFeature
      }
    } catch {
      request.refuse(error, on: loop)
    }
  }

  // MARK: surroundings

  /// What the rules of streams look at in an account.
  func surroundings(of account: AccountJetStream) -> StreamSurroundings {
    let configurations = account.configurations
    var result = StreamSurroundings(
      stream: { name in configurations.first { $0.name == name } },
      overlaps: { subjects, excluded in
        configurations.contains { other in
          other.name != excluded
            && other.subjects.contains { taken in subjects.contains { Subject.collide($0, taken) } }
        }
      })
    result.duplicateWindowLimit = options.limits.duplicateWindowNanoseconds
    result.limits = account.accountLimits
    result.accountReserved = Self.reserved(configurations)
    result.serverReserved = Self.reserved(sortedAccounts.flatMap(\.configurations))
    result.serverMaximum = StorageAmounts(memory: maximumMemory, file: maximumStorage)
    result.streamCount = configurations.count
    return result
  }

  /// Bytes that streams with a limit may take.
  static func reserved(_ configurations: [StreamConfiguration]) -> StorageAmounts {
    var amounts = StorageAmounts()
    for configuration in configurations where configuration.maximumBytes > 0 {
      amounts[configuration.storage] += configuration.maximumBytes
    }
    return amounts
  }

  /// What `$JS.API.INFO` tells (FEATURES 7.001).
  func information(of account: AccountJetStream) -> AccountInformation {
    var information = AccountInformation()
    let configurations = account.configurations
    let reserved = Self.reserved(configurations)
    information.usage.memory = account.memoryUsed
    information.usage.storage = account.storageUsed
    information.usage.reservedMemory = UInt64(reserved.memory)
    information.usage.reservedStorage = UInt64(reserved.file)
    information.usage.streams = configurations.count
    information.usage.consumers = account.consumerCount
    information.usage.limits = account.accountLimits
    information.domain = domain
    let requests = account.requestCounts
    information.api.total = requests.total
    information.api.errors = requests.errors
    return information
  }

  // MARK: create, update, delete

  private func create(_ request: APIRequest) throws(JetStreamError) {
    let wanted = try StreamConfigurationRequest.decode(request.payload, isStrict: options.strict)
    let name = request.subject.stream
    let account = request.account
    switch try wanted.creation(of: name, in: surroundings(of: account)) {
    case .exists:
      guard let handle = account.stream(named: name) else { throw .streamNotFound }
      request.isRepeatedCreate = true
      loops[0].hand(request, to: handle)
    case .create(let configuration):
      try refuseUnserved(name, in: account)
      let stream = MetaLog.Stream(
        account: account.account.name, identifier: table.nextIdentifier,
        created: server.loops.clock.wallNanoseconds(), configuration: configuration)
      let handle = try open(stream, in: account)
      account.add(handle)
      note(.created, MetaLog.created(stream), about: configuration) { [self] in
        loops[0].hand(request, to: handle)
      }
    }
  }

  /// Records a change of the table. Streams in memory end with the server: they are not recorded (FEATURES 9.020).
  private func note(
    _ kind: MetaLog.Kind, _ payload: [UInt8], about configuration: StreamConfiguration, _ done: @escaping () -> Void
  ) {
    if configuration.storage == .file {
      record(kind, payload, done)
    } else {
      table.nextIdentifier += kind == .created ? 1 : 0
      done()
    }
  }

  /// A stream that could not be opened keeps its name.
  func refuseUnserved(_ name: String, in account: AccountJetStream) throws(JetStreamError) {
    if table.streams.values.contains(where: { $0.account == account.name && $0.configuration.name == name }) {
      throw .streamCreate("a stream of this name is stored and is not served now")
    }
  }

  /// Makes a stream's store and its place on a loop.
  private func open(_ stream: MetaLog.Stream, in account: AccountJetStream) throws(JetStreamError) -> StreamHandle {
    let loop = loopForNewStream()
    let handle = StreamHandle(
      account: account, configuration: stream.configuration, identifier: stream.identifier, loop: loop,
      created: stream.created)
    let store: StreamStore
    do {
      store = try openStore(for: stream)
    } catch {
      throw .streamCreate("\(error)")
    }
    handle.runner = StreamRunner(handle, store: store)
    let runner = handle.runner!
    runner.finishRecovery()
    // Before the request is answered, which on this loop happens sooner than mail is read.
    if loop === loops[0] { runner.begin() } else { loop.worker.loop.submit { runner.begin() } }
    return handle
  }

  private func update(_ request: APIRequest) throws(JetStreamError) {
    let wanted = try StreamConfigurationRequest.decode(request.payload, isStrict: options.strict)
    let name = request.subject.stream
    let account = request.account
    let new = try wanted.update(of: name, in: surroundings(of: account)) { limits in
      account.stream(named: name).map { account.consumers(of: $0, violating: limits) } ?? []
    }
    guard let handle = account.stream(named: name) else { throw .streamNotFound }
    account.withLock { handle.configuration = new }
    let stream = MetaLog.Stream(
      account: account.account.name, identifier: handle.identifier, created: handle.created, configuration: new)
    note(.updated, MetaLog.created(stream), about: new) { [self] in
      request.updated = new
      loops[0].hand(request, to: handle)
    }
  }

  private func delete(_ request: APIRequest) throws(JetStreamError) {
    if !request.isEmpty { throw .notEmptyRequest }
    guard let handle = request.account.stream(named: request.subject.stream) else { throw .streamNotFound }
    request.account.remove(handle)
    handle.isDeleted = true
    let runner = handle.runner
    handle.loop.worker.loop.submit { runner?.delete() }
    note(.deleted, MetaLog.deleted(handle.identifier), about: handle.configuration) { [self] in
      // What the stream had on its way becomes durable behind the end of it, perhaps.
      handle.loop.worker.loop.submit { [self] in
        handle.loop.afterEverythingInFlight { self.journal?.release(owner: handle.identifier, through: .max) }
      }
      request.answer(StreamDeleteAnswer().answer(), on: loops[0])
    }
  }

  // MARK: lists

  private func names(_ request: APIRequest) throws(JetStreamError) {
    var wanted = StreamListRequest()
    if request.hasJSON { wanted = try StreamListRequest.decode(request.payload, isStrict: options.strict) }
    let names = request.account.configurations.filter { $0.listens(to: wanted.subject) }.map(\.name)
    request.answer(StreamNamesAnswer(all: names, request: wanted).answer(), on: loops[0])
  }

  private func list(_ request: APIRequest) throws(JetStreamError) {
    var wanted = StreamListRequest()
    if request.hasJSON { wanted = try StreamDetailsRequest.decode(request.payload, isStrict: options.strict).list }
    let all = request.account.sortedStreams.filter { handle in
      request.account.withLock { handle.configuration.listens(to: wanted.subject) }
    }
    let offset = min(max(wanted.offset, 0), all.count)
    let page = Array(all[offset...].prefix(APILimits.list))
    StreamSurvey.run(page, on: self) { [self] infos in
      let answer = StreamListAnswer(
        infos, page: Page(total: all.count, offset: offset, limit: APILimits.list)
      ).answer()
      request.answer(answer, on: loops[0])
    }
  }
}

extension StreamConfiguration {
  /// Whether messages of a subject or pattern are stored here; the empty one stands for all.
  fileprivate func listens(to subject: String) -> Bool {
    if subject.isEmpty { return true }
    return subjects.contains { Subject.collide(subject, $0) }
  }
}
