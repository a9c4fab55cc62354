// Measures the journal on the disk below a directory, and that disk itself beside it.
//
//   journal-benchmark [directory [seconds-per-row]]
//
// CPU is that of the whole process, appending threads included, per record.

import CSystem
import Glibc
import Journal
import Reactor

let arguments = CommandLine.arguments
let directory = (arguments.count > 1 ? arguments[1] : ".") + "/journal-benchmark.\(getpid())"
let secondsPerRow = arguments.count > 2 ? Double(arguments[2]) ?? 2 : 2

func padded(_ value: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - value.utf8.count)) + value
}

func number(_ value: Double, decimals: Int = 0) -> String {
  let scale = decimals == 0 ? 1.0 : decimals == 1 ? 10 : 100
  let scaled = Int((value * scale).rounded())
  if decimals == 0 { return "\(scaled)" }
  let fraction = "\(scaled % Int(scale))"
  return "\(scaled / Int(scale))." + String(repeating: "0", count: decimals - fraction.utf8.count) + fraction
}

/// Times in nanoseconds.
struct Samples {
  var values: [Int64] = []
  func quantile(_ part: Double) -> Double {
    if values.isEmpty { return 0 }
    return Double(values.sorted()[min(values.count - 1, Int(Double(values.count) * part))]) / 1000
  }
}

/// Writes and syncs 4 KiB at a time over a file of zeros: what no journal can be faster than.
func measureDisk() throws -> Samples {
  let file = try SystemDisk().open(directory + "/disk", creating: 0o600)
  let size = 16 << 20
  try file.fillWithZeros(upTo: size)
  let block = [UInt8](repeating: 1, count: 4096)
  var samples = Samples()
  let end = csys_monotonic_ns() + Int64(secondsPerRow * 1e9)
  var offset = 0
  while csys_monotonic_ns() < end {
    let start = csys_monotonic_ns()
    try block.withUnsafeBytes { try file.writeAll($0, at: offset) }
    try file.synchronizeData()
    samples.values.append(csys_monotonic_ns() - start)
    offset = (offset + 4096) % size
  }
  try SystemDisk().remove(directory + "/disk")
  return samples
}

/// Where a thread waits for notices. Invariant: guarded by `mutex`.
final class Waiter: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var durable: LogSequence = 0
  private var hasRoom = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  func take(_ notice: JournalNotice) {
    pthread_mutex_lock(mutex)
    switch notice {
    case .durable(let through): durable = through
    case .room: hasRoom = true
    case .checkpointWanted, .shortage: break
    case .failed(let failure): fatalError("\(failure)")
    }
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  func wait(for sequence: LogSequence) {
    pthread_mutex_lock(mutex)
    while durable < sequence { pthread_cond_wait(condition, mutex) }
    pthread_mutex_unlock(mutex)
  }

  func waitForRoom() {
    pthread_mutex_lock(mutex)
    while !hasRoom { pthread_cond_wait(condition, mutex) }
    hasRoom = false
    pthread_mutex_unlock(mutex)
  }
}

struct Row {
  var payload: Int
  var threads = 1
  var batch = 1
  /// Batches that a thread has under way.
  var depth = 1
  var oneByOne = false
  /// Streams that a thread's records belong to, in turn.
  var owners = 1
}

/// One thread's part of a row.
final class Worker: @unchecked Sendable {
  let journal: Journal
  let row: Row
  let owner: UInt64
  let end: Int64
  let waiter = Waiter()
  var samples = Samples()
  var records = 0
  private var nextOwner: UInt64 = 0
  private var released: LogSequence = 0
  var thread = pthread_t()

  init(_ journal: Journal, _ row: Row, owner: UInt64, end: Int64) {
    (self.journal, self.row, self.owner, self.end) = (journal, row, owner, end)
  }

  func start() {
    pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Worker>.fromOpaque(argument!).takeUnretainedValue().run()
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  private func run() {
    let listener = journal.addListener { [waiter] in waiter.take($0) }
    let records = JournalRecords()
    let payload = [UInt8](repeating: 7, count: row.payload)
    var underWay: [(last: LogSequence, start: Int64)] = []
    var first = 0
    while csys_monotonic_ns() < end {
      let start = csys_monotonic_ns()
      let last = row.oneByOne ? appendOneByOne(payload, listener) : append(payload, records, listener)
      journal.commit()
      underWay.append((last, start))
      self.records += row.batch
      if underWay.count - first >= row.depth {
        waiter.wait(for: underWay[first].last)
        samples.values.append(csys_monotonic_ns() - underWay[first].start)
        release(through: underWay[first].last)
        first += 1
      }
    }
    if let last = underWay.last { waiter.wait(for: last.last) }
    for number in 0..<UInt64(row.owners) { journal.release(owner: owner + number, through: .max) }
  }

  /// From time to time, as a store would that has synced its own files.
  private func release(through sequence: LogSequence) {
    guard sequence - released > 200_000 else { return }
    released = sequence
    for number in 0..<UInt64(row.owners) { journal.release(owner: owner + number, through: sequence) }
  }

  private func append(_ payload: [UInt8], _ records: JournalRecords, _ listener: Int) -> LogSequence {
    payload.withUnsafeBytes { bytes in
      for _ in 0..<row.batch {
        records.add(owner: owner + nextOwner, kind: 1, bytes)
        nextOwner = nextOwner + 1 == UInt64(row.owners) ? 0 : nextOwner + 1
      }
    }
    while true {
      switch journal.append(batch: records, listener: listener) {
      case .queued(let last): return last
      case .full: waiter.waitForRoom()
      case .refused(let failure): fatalError("\(failure)")
      }
    }
  }

  private func appendOneByOne(_ payload: [UInt8], _ listener: Int) -> LogSequence {
    var last: LogSequence = 0
    var count = 0
    while count < row.batch {
      switch journal.append(owner: owner, kind: 1, payload, listener: listener) {
      case .queued(let sequence): (last, count) = (sequence, count + 1)
      case .full: waiter.waitForRoom()
      case .refused(let failure): fatalError("\(failure)")
      }
    }
    return last
  }
}

func measure(_ row: Row, _ journal: Journal) {
  let before = journal.statistics
  let cpu = csys_process_cpu_ns()
  let start = csys_monotonic_ns()
  let end = start + Int64(secondsPerRow * 1e9)
  let workers = (0..<row.threads).map { Worker(journal, row, owner: UInt64($0) << 32, end: end) }
  for worker in workers { worker.start() }
  for worker in workers { pthread_join(worker.thread, nil) }
  let seconds = Double(csys_monotonic_ns() - start) / 1e9
  let spent = Double(csys_process_cpu_ns() - cpu)
  let after = journal.statistics
  let records = Double(workers.reduce(0) { $0 + $1.records })
  let samples = Samples(values: workers.flatMap(\.samples.values))
  let name =
    "\(row.payload) B, \(row.threads) thread\(row.threads > 1 ? "s" : ""), \(row.batch) at a time, "
    + (row.owners > 1 ? "\(row.owners) owners, " : "")
    + "\(row.depth) under way\(row.oneByOne ? ", each appended alone" : "")"
  print(
    padded(name, 62), padded(number(records / seconds), 10), padded(number(samples.quantile(0.5)), 8),
    padded(number(samples.quantile(0.99)), 8), padded(number(spent / records / 1000, decimals: 2), 8),
    padded(number(Double(after.syncs - before.syncs) / seconds), 7),
    padded(number(Double(after.bytesWritten - before.bytesWritten) / records), 7))
}

do {
  try SystemDisk().makeDirectory(directory, mode: 0o700)
  let disk = try measureDisk()
  print(
    "disk: write and fdatasync of 4 KiB: p50 \(number(disk.quantile(0.5))) us, p99 \(number(disk.quantile(0.99))) us")
  let recovery = try JournalRecovery(directory: directory + "/journal")
  while recovery.next() != nil {}
  let journal = try recovery.start()
  print(
    padded("", 62), padded("records/s", 10), padded("p50 us", 8), padded("p99 us", 8), padded("CPU us", 8),
    padded("syncs/s", 7), padded("bytes", 7))
  for payload in [128, 1024] {
    var rows = [Row(payload: payload), Row(payload: payload, threads: 4)]
    for threads in [1, 4] {
      for batch in [10, 100, 1000] { rows.append(Row(payload: payload, threads: threads, batch: batch, depth: 8)) }
    }
    rows.append(Row(payload: payload, threads: 4, batch: 100, depth: 8, oneByOne: true))
    for owners in [100, 25_000] {
      rows.append(Row(payload: payload, threads: 4, batch: 100, depth: 8, owners: owners))
    }
    for row in rows { measure(row, journal) }
  }
  let statistics = journal.statistics
  journal.close()
  print(
    "segments: \(statistics.segmentsCreated) created, \(statistics.segmentsRecycled) recycled;",
    "\(statistics.checkpoints) checkpoints")
  for name in try SystemDisk().list(directory + "/journal") {
    try SystemDisk().remove(directory + "/journal/" + name)
  }
  rmdir(directory + "/journal")
  rmdir(directory)
} catch {
  print("journal-benchmark: \(error)")
  exit(1)
}
