import Foundation
import JSON
import JetStreamAPI
import StorageSimulation
import Testing

@testable import JetStream

/// Upstreams with an origin that loses deliveries and answers, refuses, deletes, is purged and made anew, and streams that
/// restart: nothing is lost, nothing comes twice, every origin's order is kept. `UPSTREAM_SEEDS` sets how many seeds.
struct UpstreamRandomTests {
  static let seeds = UInt64(ProcessInfo.processInfo.environment["UPSTREAM_SEEDS"].flatMap { Int($0) } ?? 100)

  @Test("seeded: a source takes every message once and in order")
  func sources() throws {
    for seed in 1...Self.seeds {
      var world = CopyWorld(.source, seed: seed)
      try world.run()
    }
  }

  @Test("seeded: a mirror is what its origin was")
  func mirrors() throws {
    for seed in 1...Self.seeds {
      var world = CopyWorld(.mirror, seed: seed)
      try world.run()
    }
  }
}

/// One origin, one copy, and a network between them that drops.
private struct CopyWorld {
  struct Consumer {
    var next: UInt64
    var delivered: UInt64 = 0
    var lastActive: Int64
  }

  struct Copied: Equatable {
    var incarnation: Int
    var sequence: UInt64
  }

  let role: Upstream.Role
  let seed: UInt64
  var random: SeededGenerator
  var now: Int64 = 0
  var machine: Upstream

  // The origin.
  var incarnation = 1
  var stored: [UInt64] = []
  var lastSequence: UInt64 = 0
  /// What was there once, by incarnation.
  var consumer: Consumer?
  /// Whether the copy's deliveries have somebody who hears them.
  var isHeard = false
  /// Removed before they were copied: they may be missing.
  var excused: Set<String> = []

  // The copy.
  var copied: [Copied] = []
  var mirrored: UInt64 = 0
  var pendingAnswer: (number: UInt32, request: UpstreamRequest)?

  init(_ role: Upstream.Role, seed: UInt64) {
    self.role = role
    self.seed = seed
    random = SeededGenerator(seed: seed)
    machine = UpstreamTests.machine(role)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  var state: DownstreamState {
    role == .mirror
      ? DownstreamState(lastSequence: mirrored, messages: UInt64(copied.count))
      : DownstreamState(lastSequence: UInt64(copied.count), firstSequence: 1, messages: UInt64(copied.count))
  }

  mutating func run() throws {
    for _ in 0..<400 { step(calm: false) }
    // Everything arrives from now on.
    for _ in 0..<400 { step(calm: true) }
    try check()
  }

  mutating func step(calm: Bool) {
    now += Int64.random(in: 1...1_500_000_000, using: &random)
    if !calm { changeOrigin() }
    carryOut(machine.tick(now: now, state: state, random: random.next()), calm: calm)
    if let asked = pendingAnswer {
      pendingAnswer = nil
      if calm || chance(80) { answer(asked, calm: calm) }
    }
    deliver(calm: calm)
    if !calm, chance(2) { restart() }
  }

  mutating func changeOrigin() {
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      lastSequence += 1
      stored.append(lastSequence)
    }
    if chance(20), let victim = stored.randomElement(using: &random) {
      excused.insert("\(incarnation).\(victim)")
      stored.removeAll { $0 == victim }
    }
    if chance(2) {
      for sequence in stored { excused.insert("\(incarnation).\(sequence)") }
      stored = []
    }
    // A mirror does not tell an origin from a later one.
    if role == .source, chance(1) {
      for sequence in stored { excused.insert("\(incarnation).\(sequence)") }
      incarnation += 1
      stored = []
      lastSequence = 0
      consumer = nil
    }
    if chance(3) { consumer = nil }
  }

  mutating func restart() {
    isHeard = false
    pendingAnswer = nil
    let last = copied.last
    machine = Upstream(
      role, UpstreamTests.source(), identification: UpstreamTests.identification,
      position: role == .mirror ? 0 : last?.sequence ?? 0, identity: last.map { "i\($0.incarnation)" } ?? "", now: now,
      random: random.next())
  }

  mutating func carryOut(_ effects: [UpstreamEffect], calm: Bool) {
    for effect in effects {
      switch effect {
      case .request(let request, let number): if calm || chance(90) { pendingAnswer = (number, request) }
      case .listen: isHeard = true
      case .stopListening: isHeard = false
      case .skip(let sequence): mirrored = max(mirrored, sequence)
      case .warn: break
      }
    }
  }

  mutating func answer(_ asked: (number: UInt32, request: UpstreamRequest), calm: Bool) {
    var answer = UpstreamTests.answer(identity: "i\(incarnation)")
    let header = String(decoding: asked.request.header, as: UTF8.self)
    if let claim = header.range(of: #"Identity: \S+"#, options: .regularExpression)?.lowerBound,
      !header[claim...].hasPrefix("Identity: i\(incarnation)\r\n")
    {
      answer.error = .consumerStreamIdentityMismatch("i\(incarnation)")
    } else if !calm, chance(10) {
      answer.error = .streamNotFound
    } else {
      let wanted = (try? JSONValue(parsing: asked.request.payload))?["config"]?["opt_start_seq"]?.uint64 ?? 0
      let start = max(wanted, stored.first ?? lastSequence + 1)
      consumer = Consumer(next: start, lastActive: now)
      answer.deliveredStream = start - 1
    }
    carryOut(
      machine.answered(answer, number: asked.number, now: now, state: state, random: random.next()), calm: calm)
  }

  mutating func deliver(calm: Bool) {
    guard var consumer else { return }
    if !isHeard {
      if now - consumer.lastActive > Upstream.stalledAfter { self.consumer = nil }
      return
    }
    consumer.lastActive = now
    for _ in 0..<Int.random(in: 0...8, using: &random) {
      guard let sequence = stored.first(where: { $0 >= consumer.next }) else { break }
      consumer.next = sequence + 1
      consumer.delivered += 1
      let isLost = !calm && chance(5)
      let cannotBeStored = !calm && chance(2)
      if isLost || !isHeard { continue }
      take(AckSubject(deliveries: 1, streamSequence: sequence, consumerSequence: consumer.delivered), cannotBeStored)
    }
    if isHeard, machine.heartbeat(lastConsumer: consumer.delivered, now: now) {
      carryOut(machine.restart(now: now, random: random.next()), calm: calm)
    }
    self.consumer = consumer
  }

  mutating func take(_ ack: AckSubject, _ cannotBeStored: Bool) {
    let before = machine.progress
    switch machine.message(ack, now: now) {
    case .ignore: break
    case .restart: carryOut(machine.restart(now: now, random: random.next()), calm: true)
    case .take:
      if cannotBeStored {
        carryOut(machine.notStored(previous: before, now: now, random: random.next()), calm: true)
      } else {
        copied.append(Copied(incarnation: incarnation, sequence: ack.streamSequence))
        mirrored = ack.streamSequence
      }
    }
  }

  func check() throws {
    for (earlier, later) in zip(copied, copied.dropFirst()) {
      #expect(
        (earlier.incarnation, earlier.sequence) < (later.incarnation, later.sequence),
        "seed \(seed): \(later) after \(earlier)")
    }
    let have = Set(copied.map { "\($0.incarnation).\($0.sequence)" })
    let missing = stored.map { "\(incarnation).\($0)" }.filter { !have.contains($0) && !excused.contains($0) }
    #expect(missing.isEmpty, "seed \(seed): \(missing) are missing")
  }
}
