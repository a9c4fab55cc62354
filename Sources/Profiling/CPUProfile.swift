import CSystem
import Glibc
import Reactor

/// What the threads of this process were doing, sampled at every 10 ms of their CPU time.
struct CPUProfile: Sendable {
  struct Stack: Hashable, Sendable {
    let thread: Int
    /// Innermost first. All but the first are return addresses.
    let addresses: [UInt64]
  }

  static let periodNanoseconds: Int64 = 10_000_000
  /// 8 MB: more than a minute of four busy threads in deep calls. Samples beyond it are counted as lost.
  private static let bufferWords = 1 << 20
  /// Threads that start meanwhile are found this often.
  private static let threadSearchMicroseconds: UInt32 = 200_000

  enum Failure: Error, CustomStringConvertible {
    case inUse
    case unavailable(String)

    var description: String {
      switch self {
      case .inUse: "cpu profiling already in use"
      case .unavailable(let reason): reason
      }
    }
  }

  var counts: [Stack: Int] = [:]
  var threadNames: [Int: String] = [:]
  var map: MemoryMap
  var lostSamples = 0
  let startNanoseconds: Int64
  let durationNanoseconds: Int64

  /// A profile is being taken.
  static var isRecording: Bool { csys_load32(inUse) != 0 }

  /// Samples for so long, on the calling thread, which sleeps. One at a time.
  static func record(seconds: Double) throws(Failure) -> CPUProfile {
    guard csys_compare_exchange32(inUse, 0, 1) != 0 else { throw .inUse }
    defer { csys_store32(inUse, 0) }
    // Fresh pages of the kernel are zero, and cost nothing until they are written.
    guard
      let pages = mmap(nil, bufferWords * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | Int32(MAP_ANONYMOUS), -1, 0),
      pages != MAP_FAILED
    else { throw .unavailable(SystemError.text(of: csys_errno())) }
    defer { munmap(pages, bufferWords * 8) }
    let buffer = pages.bindMemory(to: UInt64.self, capacity: bufferWords)
    var map = MemoryMap.current()
    guard !map.regions.isEmpty else { throw .unavailable("/proc is not mounted") }
    csys_profile_stacks(map.stacks, UInt32(map.stacks.count / 2))
    let code = csys_profile_start(buffer, UInt64(bufferWords))
    guard code == 0 else { throw .unavailable(SystemError.text(of: code)) }
    let start = csys_realtime_ns()
    let begin = csys_monotonic_ns()
    let end = begin + Int64(seconds * 1e9)
    var names: [Int: String] = [:]
    var failure: Int32 = 0
    while csys_monotonic_ns() < end {
      for thread in ThreadTime.current() where names[thread.identifier] == nil {
        failure = csys_profile_thread(Int32(thread.identifier), periodNanoseconds)
        if failure == 0 { names[thread.identifier] = thread.name }
      }
      usleep(min(threadSearchMicroseconds, UInt32(max(1, (end - csys_monotonic_ns()) / 1000))))
    }
    var lost: UInt64 = 0
    let words = csys_profile_stop(&lost)
    if names.isEmpty { throw .unavailable("timer_create: \(SystemError.text(of: failure))") }
    map = MemoryMap.current()
    var profile = CPUProfile(
      map: map, startNanoseconds: start, durationNanoseconds: csys_monotonic_ns() - begin)
    profile.threadNames = names
    profile.lostSamples = Int(lost)
    profile.read(UnsafeBufferPointer(start: buffer, count: Int(words)))
    return profile
  }

  init(map: MemoryMap, startNanoseconds: Int64, durationNanoseconds: Int64) {
    self.map = map
    self.startNanoseconds = startNanoseconds
    self.durationNanoseconds = durationNanoseconds
  }

  /// Takes samples as the signal handler writes them.
  mutating func read(_ words: UnsafeBufferPointer<UInt64>) {
    var position = 0
    while position + 2 < words.count {
      let depth = Int(words[position])
      guard depth > 0, position + 2 + depth <= words.count else { return }
      let addresses = Array(words[position + 2..<position + 2 + depth])
      counts[Stack(thread: Int(words[position + 1]), addresses: addresses), default: 0] += 1
      position += 2 + depth
    }
  }

  private nonisolated(unsafe) static let inUse: UnsafeMutablePointer<UInt32> = {
    let word = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    word.initialize(to: 0)
    return word
  }()
}

/// Names of addresses in this process.
struct Symbolizer {
  let program: String
  let table: SymbolTable
  let map: MemoryMap
  private let base: UInt64
  private var known: [UInt64: String] = [:]

  init(map: MemoryMap) {
    self.map = map
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    program = count > 0 ? String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
    table = SymbolTable.read("/proc/self/exe")
    base = table.isRelocatable ? map.base(of: program) : 0
  }

  /// The function's name, or file and address for code without symbols.
  ///
  /// - Parameter isCaller: the address is one of return, behind the call.
  mutating func name(_ address: UInt64, isCaller: Bool) -> String {
    let place = isCaller ? address - 1 : address
    if let name = known[place] { return name }
    let name = find(place)
    known[place] = name
    return name
  }

  private func find(_ address: UInt64) -> String {
    let region = map.regions.first { $0.start <= address && address < $0.end }
    if region?.path == program, let name = table.name(at: address &- base) { return name }
    guard let region, !region.path.isEmpty else { return "0x" + String(address, radix: 16) }
    let file = region.path.split(separator: "/").last.map(String.init) ?? region.path
    let isProgram = region.path == program
    let offset = isProgram ? address &- base : address - region.start + region.offset
    return "\(file)+0x\(String(offset, radix: 16))"
  }
}
