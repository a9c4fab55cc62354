/// `-sl command[=pid]` (FEATURES 3.026): which signal goes to which processes.
public struct SignalRequest: Sendable, Equatable {
  /// As it was given; known or not.
  public var command: String
  /// A process identifier, or the beginning of some; `nil` means the only running server.
  public var process: String?
  /// Whether `process` is the beginning of identifiers.
  public var isPattern: Bool

  public struct Failure: Error, Sendable, Equatable {
    /// For `ProgramOutput.failure`.
    public let text: String
  }

  public enum Signal: Int32, Sendable {
    case hangUp = 1
    case interrupt = 2
    case kill = 9
    case user1 = 10
    case user2 = 12
    case terminate = 15
  }

  /// `cmd`, `cmd=pid`, `cmd=pi*`, `cmd=*` or `cmd=/path/of/pidfile`.
  static func parse(_ text: String, access: FileAccess) -> Result<SignalRequest, Failure> {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2 else {
      return .failure(Failure(text: "invalid signal parameters: \(GoText.list(Array(parts[2...])))"))
    }
    var target = parts.count == 2 ? parts[1] : ""
    if !target.isEmpty, case .success(let content) = access.read(target) {
      target = String(decoding: content, as: UTF8.self)
    }
    let isPattern = target.hasSuffix("*")
    let process = isPattern ? String(target.dropLast()) : target
    if !process.isEmpty {
      guard case .success = GoInteger.parse(process) else {
        return .failure(Failure(text: "invalid pid: \(process)"))
      }
    }
    return .success(
      SignalRequest(command: parts[0], process: process.isEmpty ? nil : process, isPattern: isPattern))
  }

  /// Whether the caller has to look for running servers; otherwise `targets` needs no list.
  public var needsRunningProcesses: Bool { process == nil || isPattern }

  /// The signal and the processes it goes to.
  ///
  /// - Parameter running: the other servers' process identifiers.
  public func targets(running: [Int32]) -> Result<(Signal, [Int32]), Failure> {
    var candidates = running
    if let process, !isPattern {
      guard let identifier = Int32(process) else { return .failure(Failure(text: "invalid pid: \(process)")) }
      candidates = [identifier]
    }
    if candidates.count > 1, !isPattern {
      let list = candidates.map { "\n\($0)" }.joined()
      return .failure(Failure(text: "multiple \(Launch.programName) processes running:\(list)"))
    }
    if candidates.isEmpty { return .failure(Failure(text: "no \(Launch.programName) processes running")) }
    guard let signal else {
      return .failure(Failure(text: "unknown signal \(GoText.quoted(command))"))
    }
    if isPattern, let process { candidates.removeAll { !String($0).hasPrefix(process) } }
    return .success((signal, candidates))
  }

  private var signal: Signal? {
    switch command {
    case "stop": .kill
    case "quit": .interrupt
    case "reopen": .user1
    case "reload": .hangUp
    case "ldm": .user2
    case "term": .terminate
    default: nil
    }
  }

  /// The failure of single deliveries: process and the system's reason, such as `no such process`.
  public func failure(_ failures: [(process: Int32, reason: String)]) -> Failure {
    Failure(
      text: failures.map { "\nsignal \(GoText.quoted(command)) \($0.process): \($0.reason)" }.joined())
  }
}
