import JetStreamAPI
import Testing

@testable import JetStream

/// Seeded runs against a naive model: every message until it is acknowledged, never more often than allowed, in the
/// right order, with the right counts; and the same state from the deltas at any moment.
@Suite("random runs of consumers")
struct ConsumerRandomTests {
  /// What a consumer must do, kept in the simplest way.
  private struct Model {
    struct Open {
      var deliveries: Int
      var last: Delivered
    }
    var open: [UInt64: Open] = [:]
    var acknowledged: Set<UInt64> = []
    var removed: Set<UInt64> = []
    var given: Set<UInt64> = []
    var highest: UInt64 = 0
    var consumerSequence: UInt64 = 0
  }

  @Test(arguments: 1...30)
  func runs(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let maxDeliver = [-1, 1, 3].randomElement(using: &random)!
    let isFiltered = Bool.random(using: &random)
    let hasBackoff = maxDeliver != 1 && Bool.random(using: &random)
    var bench = ConsumerBench {
      $0.maxDeliver = maxDeliver
      $0.ackWait = 5 * ConsumerBench.second
      if hasBackoff { $0.backoff = [ConsumerBench.second, 2 * ConsumerBench.second] }
      if isFiltered { $0.filterSubjects = ["a", "c.*"] }
      $0.maxAckPending = [7, 1000].randomElement(using: &random)!
    }
    var model = Model()
    for step in 0..<400 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<25:
        bench.publish(
          count: Int.random(in: 1...5, using: &random), on: ["a", "b", "c.1"].randomElement(using: &random)!)
      case 25..<45: bench.pull(String(Int.random(in: 1...9, using: &random)), "r\(step)")
      case 45..<80:
        guard let sequence = model.open.keys.sorted().randomElement(using: &random) else { break }
        let open = model.open[sequence]!
        switch Int.random(in: 0..<10, using: &random) {
        case 0: bench.ack(open.last, "-NAK")
        case 1: bench.ack(open.last, "-NAK 700ms")
        case 2: bench.ack(open.last, "+WPI")
        case 3: settle(sequence, open, "+TERM", &bench, &model)
        default: settle(sequence, open, "+ACK", &bench, &model)
        }
      case 80..<90: bench.live(Double(Int.random(in: 1...3000, using: &random)) / 1000)
      case 90..<95:
        let bounds = bench.world.bounds()
        guard bounds.last >= bounds.first else { break }
        let victim = UInt64.random(in: bounds.first...bounds.last, using: &random)
        model.removed.insert(victim)
        model.open[victim] = nil
        bench.remove(victim)
      case 95..<98: bench.restart()
      default:
        let bounds = bench.world.bounds()
        guard bounds.last >= bounds.first else { break }
        let first = UInt64.random(in: bounds.first...bounds.last, using: &random)
        for sequence in bounds.first..<first where bench.world.messages.removeValue(forKey: sequence) != nil {
          model.removed.insert(sequence)
          model.open[sequence] = nil
        }
        bench.machine.purged(port: bench.world, now: bench.now)
      }
      bench.run()
      note(&bench, &model, maxDeliver: maxDeliver, "seed \(seed) step \(step)")
      try check(&bench, model, "seed \(seed) step \(step)")
    }
  }

  private func settle(
    _ sequence: UInt64, _ open: Model.Open, _ verb: String, _ bench: inout ConsumerBench, _ model: inout Model
  ) {
    model.open[sequence] = nil
    model.acknowledged.insert(sequence)
    bench.ack(open.last, verb)
  }

  /// Takes what was delivered.
  private func note(_ bench: inout ConsumerBench, _ model: inout Model, maxDeliver: Int, _ place: String) {
    for event in bench.world.events {
      switch event {
      case .message(let delivered):
        let ack = delivered.ack
        #expect(!model.acknowledged.contains(ack.streamSequence), "\(place): delivered after its acknowledgement")
        #expect(ack.consumerSequence == model.consumerSequence + 1, "\(place)")
        model.consumerSequence = ack.consumerSequence
        let count = (model.open[ack.streamSequence]?.deliveries ?? 0) + 1
        #expect(Int(ack.deliveries) == count, "\(place): \(ack) is delivery \(count)")
        #expect(maxDeliver < 0 || count <= maxDeliver, "\(place)")
        if count == 1 {
          #expect(ack.streamSequence > model.highest, "\(place): order")
          model.highest = ack.streamSequence
        }
        model.open[ack.streamSequence] = Model.Open(deliveries: count, last: delivered)
      case .advisory(.maxDeliveries(let sequence, let deliveries)):
        #expect(model.open[sequence].map { UInt64($0.deliveries) } == deliveries, "\(place)")
        model.open[sequence] = nil
        model.given.insert(sequence)
      default: break
      }
    }
    bench.world.events = []
  }

  private func check(_ bench: inout ConsumerBench, _ model: Model, _ place: String) throws {
    let info = bench.info()
    let waiting = bench.world.messages.filter { $0.key > model.highest && bench.world.matches($0.value.subject) }.count
    #expect(info.pendingCount == UInt64(waiting), "\(place): num_pending")
    #expect(info.ackPendingCount == model.open.count, "\(place): num_ack_pending")
    let first = model.open.keys.min()
    if let first { #expect(info.ackFloor.stream < first, "\(place): ack floor") }
    let redelivered =
      model.open.values.count { $0.deliveries > 1 }
      + bench.machine.state.exhausted.spans.reduce(0) { $0 + Int($1.last - $1.first + 1) }
    #expect(info.redeliveredCount == (bench.machine.configuration.maxDeliver == 1 ? 0 : redelivered), "\(place)")
    if first == nil, model.given.isEmpty {
      #expect(info.ackFloor.consumer == info.delivered.consumer, "\(place): floor of nothing")
    }
    #expect(bench.replayed().encoded() == bench.machine.state.encoded(), "\(place): deltas")
    let encoded = bench.machine.state.encoded()
    let decoded = try encoded.withUnsafeBytes { (bytes) throws in try ConsumerState(policy: .explicit, encoded: bytes) }
    #expect(decoded.encoded() == encoded, "\(place): checkpoint")
  }

  @Test(arguments: 1...20)
  func deltasOfOtherPolicies(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let policy = [ConsumerAckPolicy.none, .all].randomElement(using: &random)!
    var bench = ConsumerBench {
      $0.ackPolicy = policy
      $0.ackWait = policy == .none ? 0 : 2 * ConsumerBench.second
      $0.maxDeliver = [-1, 2].randomElement(using: &random)!
    }
    var last: [Delivered] = []
    for step in 0..<200 {
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bench.publish(count: 4)
      case 1: bench.pull("3", "r\(step)")
      case 2: if let delivered = last.randomElement(using: &random) { bench.ack(delivered) }
      case 3: if let delivered = last.randomElement(using: &random) { bench.ack(delivered, "-NAK") }
      case 4: bench.live(0.7)
      default: bench.remove(UInt64.random(in: 1...max(bench.world.last, 1), using: &random))
      }
      bench.run()
      last += bench.messages()
      let info = bench.info()
      #expect(bench.replayed().encoded() == bench.machine.state.encoded(), "seed \(seed) step \(step)")
      #expect(info.ackFloor.stream <= info.delivered.stream, "seed \(seed) step \(step)")
      let waiting = bench.world.messages.keys.count { $0 > info.delivered.stream }
      #expect(info.pendingCount == UInt64(waiting), "seed \(seed) step \(step)")
    }
  }

  /// Goes on with a state, whatever it is.
  private func use(_ state: inout ConsumerState, _ bench: ConsumerBench) {
    for delta in bench.deltas { delta.withUnsafeBytes { try? state.apply(delta: $0) } }
    var machine = ConsumerMachine(
      identity: ConsumerBench.identity(), configuration: bench.machine.configuration, state: state)
    machine.resume(port: bench.world, now: bench.now)
    _ = machine.run(port: bench.world, now: bench.now, budget: 100)
    _ = machine.info(port: bench.world, now: bench.now)
    machine.purged(port: bench.world, now: bench.now)
    _ = machine.state.encoded()
  }

  @Test(arguments: 1...20)
  func aStateThatIsDamagedIsRefusedOrReadButNeverACrash(seed: UInt64) {
    var random = SplitMix(seed: seed)
    var bench = ConsumerBench {
      $0.maxDeliver = 2; $0.ackWait = 1
    }
    bench.publish(count: 50)
    bench.pull("30")
    bench.advance(1)
    bench.advance(1)
    for bytes in [bench.machine.state.encoded()] + bench.deltas {
      for _ in 0..<200 {
        var damaged = bytes
        damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        if Bool.random(using: &random) { damaged.removeLast(Int.random(in: 0..<damaged.count, using: &random)) }
        damaged.withUnsafeBytes { bytes in
          if var state = try? ConsumerState(policy: .explicit, encoded: bytes) { use(&state, bench) }
          for policy in [ConsumerAckPolicy.none, .all, .explicit] {
            var state = ConsumerState(policy: policy)
            try? state.apply(delta: bytes)
            use(&state, bench)
          }
        }
      }
    }
  }
}
