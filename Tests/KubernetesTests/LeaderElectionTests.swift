import Bytes
import Testing

@testable import Kubernetes

private let second: Int64 = 1_000_000_000

/// A Lease as an API server keeps it.
private struct Server {
  var record: LeaseRecord?
  var version = 0

  mutating func write(_ new: LeaseRecord, over old: String?) -> Bool {
    guard old == nil ? record == nil : record != nil && old == String(version) else { return false }
    record = new
    version += 1
    return true
  }
}

/// Replicas, one server and a clock. What a replica asks for happens at once, unless it is cut off.
private struct World {
  struct Replica {
    var election: LeaderElection
    var timer: Int64?
    var leads = false
    var isCutOff = false
    var isForbidden = false
  }

  var server = Server()
  var replicas: [Replica] = []
  var now: Int64 = 0
  var log: [String] = []
  private var wall: Timestamp { Timestamp(seconds: 1_000_000 + now / second) }

  init(_ count: Int) {
    for index in 0..<count { replicas.append(Replica(election: LeaderElection(.init(identity: "r\(index)")))) }
  }

  mutating func start(_ index: Int) { perform(index, replicas[index].election.start(now: now)) }

  mutating func stop(_ index: Int) {
    perform(index, replicas[index].election.stop())
    replicas[index].timer = nil
    replicas[index].leads = false
  }

  mutating func run(seconds: Int64) {
    let end = now + seconds * second
    while true {
      let deadlines = replicas.flatMap { [$0.timer, $0.election.deadline].compactMap { $0 } }
      guard let next = deadlines.min(), next <= end else { break }
      now = max(now, next)
      for index in replicas.indices {
        if let deadline = replicas[index].election.deadline, deadline <= now {
          perform(index, replicas[index].election.deadlineReached(now: now))
        }
        if let timer = replicas[index].timer, timer <= now {
          replicas[index].timer = nil
          perform(index, replicas[index].election.timerFired(now: now, wall: wall))
        }
      }
    }
    now = end
  }

  private mutating func perform(_ index: Int, _ actions: [LeaderElection.Action]) {
    for action in actions {
      switch action {
      case .wait(let nanoseconds): replicas[index].timer = now + nanoseconds
      case .began, .beganUnguarded:
        log.append("r\(index) began at \(now / second)")
        replicas[index].leads = true
      case .ended:
        log.append("r\(index) ended at \(now / second)")
        replicas[index].leads = false
      case .follows(let leader): log.append("r\(index) follows \(leader)")
      case .get, .create, .update: perform(index, answer(index, action))
      }
    }
    let guarded = replicas.filter { $0.leads && !$0.isForbidden }.count
    if guarded > 1 { log.append("TWO LEADERS") }
  }

  private mutating func answer(_ index: Int, _ action: LeaderElection.Action) -> [LeaderElection.Action] {
    if replicas[index].isCutOff { return replicas[index].election.failed(.interrupted("cut"), now: now) }
    if replicas[index].isForbidden {
      return replicas[index].election.failed(.status(APIStatus(code: 403, reason: "Forbidden")), now: now)
    }
    switch action {
    case .get:
      guard let record = server.record else { return replicas[index].election.gotNone(now: now, wall: wall) }
      return replicas[index].election.got(record, resourceVersion: String(server.version), now: now, wall: wall)
    case .create(let record): return wrote(index, server.write(record, over: nil))
    case .update(let record, let version): return wrote(index, server.write(record, over: version))
    default: return []
    }
  }

  private mutating func wrote(_ index: Int, _ isDone: Bool) -> [LeaderElection.Action] {
    isDone
      ? replicas[index].election.wrote(resourceVersion: String(server.version), now: now)
      : replicas[index].election.failed(.status(APIStatus(code: 409, reason: "Conflict")), now: now)
  }
}

@Suite struct LeaderElectionTests {
  @Test func theFirstLeadsAndTheSecondFollowsUntilItIsReleased() {
    var world = World(2)
    world.start(0)
    world.start(1)
    world.run(seconds: 60)
    #expect(world.log == ["r0 began at 0", "r1 follows r0"])
    #expect(world.server.record?.holder == "r0" && world.server.record?.durationSeconds == 15)
    world.stop(0)
    #expect(world.server.record?.holder == "")
    world.run(seconds: 3)
    #expect(world.replicas[1].leads && world.server.record?.transitions == 1)
  }

  @Test func aLeaderThatDiesIsFollowedAfterItsLeaseHasEnded() {
    var world = World(2)
    world.start(0)
    world.start(1)
    world.run(seconds: 20)
    // Killed: no word, no timers.
    world.replicas[0].timer = nil
    world.replicas[0].isCutOff = true
    world.replicas[0].leads = false
    world.run(seconds: 14)
    #expect(!world.replicas[1].leads)
    world.run(seconds: 4)
    #expect(world.replicas[1].leads)
  }

  @Test func aLeaderThatIsCutOffEndsBeforeAnotherBegins() {
    var world = World(2)
    world.start(0)
    world.start(1)
    world.run(seconds: 21)
    world.replicas[0].isCutOff = true
    world.run(seconds: 30)
    #expect(world.log == ["r0 began at 0", "r1 follows r0", "r0 ended at 30", "r1 began at 36"])
    world.replicas[0].isCutOff = false
    world.run(seconds: 10)
    #expect(world.log.last == "r0 follows r1" && !world.log.contains("TWO LEADERS"))
  }

  @Test(arguments: [false, true]) func replicasThatComeAndGoNeverLeadTogether(_ losesLeases: Bool) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var world = World(4)
    for index in 0..<4 { world.start(index) }
    for _ in 0..<2000 {
      let index = Int(random.next() % 4)
      switch random.next() % 8 {
      case 0, 1: world.replicas[index].isCutOff.toggle()
      case 2:
        world.stop(index)
        world.start(index)
      case 3 where losesLeases: world.server = Server()
      default: world.run(seconds: Int64(random.next() % 9))
      }
    }
    // A Lease that somebody deletes cannot guard; but soon one leads again.
    #expect(losesLeases || !world.log.contains("TWO LEADERS"), "seed \(seed)")
    for index in 0..<4 { world.replicas[index].isCutOff = false }
    world.run(seconds: 60)
    #expect(world.replicas.filter(\.leads).count == 1, "seed \(seed)")
  }

  @Test func withoutPermissionForLeasesItLeadsUnguardedAfterAWhile() {
    var world = World(1)
    world.replicas[0].isForbidden = true
    world.start(0)
    world.run(seconds: 14)
    #expect(world.log.isEmpty)
    world.run(seconds: 3)
    #expect(world.log == ["r0 began at 16"])
    // Permission comes: the Lease is taken without a break.
    world.replicas[0].isForbidden = false
    world.run(seconds: 120)
    #expect(world.log == ["r0 began at 16"] && world.server.record?.holder == "r0")
  }

  @Test func aRefusalAfterALeaseWasSeenIsWaitedOut() {
    var world = World(2)
    world.start(0)
    world.start(1)
    world.run(seconds: 4)
    world.replicas[1].isForbidden = true
    world.run(seconds: 300)
    #expect(world.log == ["r0 began at 0", "r1 follows r0"])
  }

  @Test(arguments: [false, true]) func aReleaseWaitsForTheRenewalOnItsWay(_ fails: Bool) throws {
    var election = LeaderElection(.init(identity: "me"))
    let wall = Timestamp(seconds: 1)
    _ = election.start(now: 0)
    _ = election.gotNone(now: 0, wall: wall)
    _ = election.wrote(resourceVersion: "1", now: 0)
    _ = election.timerFired(now: second, wall: wall)
    let asked = election.stop()
    #expect(asked.isEmpty && !election.isStopped && !election.isLeader)
    if fails {
      let more = election.failed(.interrupted("cut"), now: second)
      #expect(more.isEmpty)
    } else {
      guard case .update(let record, let version)? = election.wrote(resourceVersion: "2", now: second).first else {
        Issue.record("not released")
        return
      }
      #expect(record.holder.isEmpty && version == "2" && !election.isStopped)
      let more = election.wrote(resourceVersion: "3", now: second)
      #expect(more.isEmpty)
    }
    #expect(election.isStopped)
  }

  @Test(arguments: [Int64(Int32.max), Int64.max]) func aLeaseThatHasChangedHandsTooOftenIsTakenAllTheSame(
    _ transitions: Int64
  ) {
    var election = LeaderElection(.init(identity: "me"))
    _ = election.start(now: 0)
    var record = LeaseRecord()
    record.transitions = transitions
    guard case .update(let next, _)? = election.got(record, resourceVersion: "1", now: 0, wall: .zero).first else {
      Issue.record("not taken")
      return
    }
    #expect(next.holder == "me" && next.transitions == Int64(Int32.max))
  }

  @Test func anAnswerSlowerThanTheDeadlineIsNoLeadership() {
    var election = LeaderElection(.init(identity: "slow"))
    let wall = Timestamp(seconds: 1)
    _ = election.start(now: 0)
    _ = election.gotNone(now: 0, wall: wall)
    #expect(election.wrote(resourceVersion: "1", now: 11 * second) == [.wait(nanoseconds: 2 * second)])
    #expect(!election.isLeader)
  }

  @Test func aLeaseReadsAndWritesAsTheAPIHasIt() {
    var record = LeaseRecord()
    record.holder = "pod-1"
    record.durationSeconds = 15
    record.acquired = Timestamp(seconds: 1_700_000_000, nanoseconds: 5_000)
    record.renewed = Timestamp(seconds: 1_700_000_001, nanoseconds: 120_000_000)
    record.transitions = 3
    let object = record.object(ObjectKey(namespace: "n", name: "l"), resourceVersion: "7")
    #expect(object["spec"]?["acquireTime"]?.string == "2023-11-14T22:13:20.000005Z")
    #expect(object["spec"]?["renewTime"]?.string == "2023-11-14T22:13:21.120000Z")
    #expect(object["metadata"]?["resourceVersion"]?.string == "7")
    #expect(LeaseRecord(object) == record)
  }
}

struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
