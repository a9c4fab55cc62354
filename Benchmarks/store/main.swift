// How fast MessageStore is, and how much memory it takes: `measure-store DIRECTORY [MILLIONS]`. The directory is filled
// and emptied; numbers are of one thread.
import CSystem
import Glibc
import MessageStore
import Reactor

func residentKilobytes() -> Int {
  guard let file = fopen("/proc/self/statm", "r") else { return 0 }
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 128)
  guard fgets(&line, 128, file) != nil else { return 0 }
  let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  return (Int(text.split(separator: " ")[1]) ?? 0) * 4
}

func measure(_ what: String, _ count: Int, _ body: () throws -> Void) rethrows {
  let cpu = csys_process_cpu_ns()
  let start = csys_monotonic_ns()
  try body()
  let wall = max(1, csys_monotonic_ns() - start)
  let used = csys_process_cpu_ns() - cpu
  print(
    "\(what): \(wall / 1_000_000) ms, \(Int(Double(count) * 1e9 / Double(wall))) a second, "
      + "\(used / Int64(max(1, count))) ns CPU each, resident \(residentKilobytes() / 1024) MiB")
}

func subject(_ number: Int, of subjects: Int) -> [UInt8] { Array("orders.eu.\(1_000_000 + number % subjects)".utf8) }

func fill(_ store: StreamStore, _ count: Int, payload: Int, subjects: Int) throws {
  let names = (0..<min(subjects, 1024)).map { subject($0, of: subjects) }
  let bytes = [UInt8](repeating: 0x78, count: payload)
  let first = Int(store.lastSequence) + 1
  for number in first..<first + count {
    let name = subjects <= names.count ? names[number % subjects] : subject(number, of: subjects)
    try store.append(sequence: UInt64(number), timestamp: Int64(number) * 1000, subject: name, payload: bytes)
  }
}

/// How long a checkpoint holds the store's loop up: at once, and turn by turn while messages come.
func measureTurns(_ store: StreamStore) throws {
  try fill(store, 1, payload: 16, subjects: 1)
  var began = csys_monotonic_ns()
  guard let whole = try store.prepareCheckpoint(appliedLog: 1, attachment: []) else { return }
  print("checkpoint at once: \((csys_monotonic_ns() - began) / 1000) us on the loop")
  whole.run()
  try store.finish(whole)
  try fill(store, 1, payload: 16, subjects: 1)
  var longest: Int64 = 0
  var turns = 0
  began = csys_monotonic_ns()
  guard let job = try store.prepareCheckpoint(appliedLog: 2, attachment: [], inSlices: true) else { return }
  var isReady = false
  while !isReady {
    longest = max(longest, csys_monotonic_ns() - began)
    began = csys_monotonic_ns()
    isReady = store.continueCheckpoint(job)
    turns += 1
  }
  longest = max(longest, csys_monotonic_ns() - began)
  print("checkpoint in \(turns) turns: at most \(longest / 1000) us on the loop")
  job.run()
  try store.finish(job)
}

func checkpoint(_ store: StreamStore) throws {
  guard let job = try store.prepareCheckpoint(appliedLog: store.lastSequence, attachment: []) else { return }
  job.run()
  try store.finish(job)
}

let directory = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "/tmp/measure-store"
let millions = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 10 : 10
let disk = SystemDisk()
let memory = StoreMemory(budgetBytes: 48 << 20)
csys_return_large_blocks()

func open() throws -> StreamStore { try StreamStore.open(directory: directory, disk: disk, memory: memory) }

try StreamStore.delete(directory: directory, disk: disk)
for (payload, count) in [(128, 2_000_000), (1024, 500_000)] {
  let store = try open()
  try measure("append to file, \(payload) B, 10 subjects", count) {
    try fill(store, count, payload: payload, subjects: 10)
  }
  try measure("checkpoint", 1) { try checkpoint(store) }
  try measure("read on, everything", count) {
    var from: UInt64 = 1
    while let message = try store.next(from: from, matching: .everything) { from = message.sequence + 1 }
  }
  let filters = SubjectFilters("orders.eu.1000003")
  try measure("read on, one subject of 10", count / 10) {
    var from: UInt64 = 1
    while let message = try store.next(from: from, matching: filters) { from = message.sequence + 1 }
  }
  var random = SystemRandomNumberGenerator()
  try measure("load at random", 200_000) {
    for _ in 0..<200_000 { _ = try store.load(UInt64.random(in: 1...UInt64(count), using: &random)) }
  }
  try measure("remove the first", count / 2) { for _ in 0..<count / 2 { try store.removeFirst() } }
  try store.close()
  try StreamStore.delete(directory: directory, disk: disk)
}

/// What compression costs and brings: events as JSON, of which the same fields vary.
func measureCompression(_ count: Int) throws {
  let store = try open()
  for number in 1...count {
    let event =
      "{\"id\":\(1_000_003 * number % 99_999_989),\"kind\":\"order.changed\",\"customer\":\"c-\(number * 7919 % 100_003)\","
      + "\"amount\":\(number * 31 % 9973).\(number % 90 + 10),\"currency\":\"EUR\",\"state\":\"\(["new", "paid", "sent"][number % 3])\"}"
    try store.append(
      sequence: UInt64(number), timestamp: Int64(number) * 1000, subject: subject(number, of: 10),
      payload: Array(event.utf8))
  }
  try checkpoint(store)
  func bytesOnDisk() throws -> Int {
    try disk.list(directory).reduce(0) { try $0 + disk.open(directory + "/" + $1, creating: nil).size() }
  }
  for name in ["plain", "compressed"] {
    print("\(name): \(try bytesOnDisk() >> 20) MiB on disk")
    for _ in 0..<2 {
      try measure("read on, everything, \(name)", count) {
        var from: UInt64 = 1
        while let message = try store.next(from: from, matching: .everything) { from = message.sequence + 1 }
      }
    }
    var random = SystemRandomNumberGenerator()
    try measure("load at random, \(name)", 100_000) {
      for _ in 0..<100_000 { _ = try store.load(UInt64.random(in: 1...UInt64(count), using: &random)) }
    }
    if store.compresses { break }
    store.compresses = true
    let before = try bytesOnDisk()
    try measure("compress \(before >> 20) MiB", 1) {
      while let job = try store.prepareMaintenance() {
        job.run()
        try store.finish(job)
      }
    }
  }
  try store.close()
  try StreamStore.delete(directory: directory, disk: disk)
}
try measureCompression(2_000_000)

do {
  let store = StreamStore(memory: StoreOptions())
  try measure("append to memory, 128 B, 10 subjects", 2_000_000) {
    try fill(store, 2_000_000, payload: 128, subjects: 10)
  }
}

do {
  let before = residentKilobytes()
  let store = try open()
  try measure("append to file, 16 B, 1 M subjects", 1_000_000) {
    try fill(store, 1_000_000, payload: 16, subjects: 1_000_000)
  }
  print("1 M subjects: \((residentKilobytes() - before) * 1024 / 1_000_000) B resident each, all the store's memory")
  var random = SystemRandomNumberGenerator()
  let names = (0..<200_000).map { _ in subject(Int.random(in: 0..<1_000_000, using: &random), of: 1_000_000) }
  try measure("last of a subject, 1 M subjects", names.count) {
    for name in names { _ = try name.withUnsafeBytes { try store.lastSequence(of: $0) } }
  }
  let rare = subject(777_777, of: 1_000_000)
  try measure("find one rare subject, literal", 1) {
    _ = try store.next(from: 1, matching: SubjectFilters([String(decoding: rare, as: UTF8.self)]))
  }
  try measure("checkpoint with 1 M subjects", 1) { try checkpoint(store) }
  try measureTurns(store)
  try store.close()
}
do {
  var store: StreamStore?
  try measure("open with 1 M subjects", 1) { store = try open() }
  print("messages \(store!.messages), subjects \(store!.subjectCount)")
  store = nil
  try StreamStore.delete(directory: directory, disk: disk)
}

do {
  let store = try open()
  try measure("append to file, 128 B, 100 subjects, \(millions) M", millions * 1_000_000) {
    for _ in 0..<millions { try fill(store, 1_000_000, payload: 128, subjects: 100) }
  }
  // One message of its own subject in the middle of the rest.
  try store.append(sequence: store.lastSequence + 1, timestamp: 1, subject: Array("rare.a".utf8), payload: [])
  try fill(store, 1_000_000, payload: 128, subjects: 100)
  try store.append(sequence: store.lastSequence + 1, timestamp: 1, subject: Array("rare.b".utf8), payload: [])
  try checkpoint(store)
  try store.close()
}
do {
  var store: StreamStore?
  try measure("open with \(millions) M messages", 1) { store = try open() }
  print("messages \(store!.messages), resident \(residentKilobytes() / 1024) MiB, notes \(store!.recovery.notes)")
  try measure("next, sparse wildcard filter", 1) { _ = try store!.next(from: 1, matching: SubjectFilters("rare.>")) }
  try measure("pending of half, everything", 1) {
    _ = try store!.pending(from: store!.lastSequence / 2, matching: .everything)
  }
  try measure("pending of half, one subject", 1) {
    _ = try store!.pending(from: store!.lastSequence / 2, matching: SubjectFilters("orders.eu.1000007"))
  }
  try measure("purge of one subject of 100", Int(store!.messages) / 100) {
    try store!.purge(SubjectFilters("orders.eu.1000007"))
  }
  try measure("purge of everything", 1) { try store!.purge() }
  store = nil
  try StreamStore.delete(directory: directory, disk: disk)
}
