import CSystem
import Glibc
import Reactor

/// Runs an exec plugin. Blocks: on a thread of its own.
enum ExecRunner {
  /// A plugin that takes longer is ended.
  static let timeoutMilliseconds: Int64 = 60_000

  /// What the plugin prints. Its errors go where ours go.
  static func run(
    _ plugin: ExecPlugin, timeoutMilliseconds limit: Int64 = timeoutMilliseconds
  ) throws(ConfigurationProblem) -> [UInt8] {
    var pipe: [Int32] = [0, 0]
    guard Glibc.pipe(&pipe) == 0 else { throw problem(plugin, "\(SystemError("pipe"))") }
    defer { close(pipe[0]) }
    let child: pid_t
    do {
      defer { close(pipe[1]) }
      child = try spawn(plugin, pipe)
    }
    let deadline = csys_monotonic_ns() + limit * 1_000_000
    let (output, isWhole) = read(pipe[0], deadline: deadline)
    guard isWhole, let status = end(of: child, deadline: deadline) else {
      kill(child, SIGKILL)
      _ = wait(for: child, 0)
      let reason =
        output.count > KubernetesLimits.execOutputBytes
        ? "it printed more than \(KubernetesLimits.execOutputBytes) bytes" : "no answer within \(limit / 1000) s"
      throw problem(plugin, reason)
    }
    guard status == 0 else {
      let signal = status & 0x7F
      throw problem(plugin, signal == 0 ? "it ended with exit code \(status >> 8 & 0xFF)" : "ended by signal \(signal)")
    }
    return output
  }

  /// How it ended; nil when it goes on, though it has nothing more to print.
  private static func end(of child: pid_t, deadline: Int64) -> Int32? {
    while true {
      if let status = wait(for: child, WNOHANG) { return status }
      guard csys_monotonic_ns() < deadline else { return nil }
      usleep(2000)
    }
  }

  private static func wait(for child: pid_t, _ options: Int32) -> Int32? {
    var status: Int32 = 0
    while true {
      let result = waitpid(child, &status, options)
      if result == child { return status }
      guard result < 0 else { return nil }
      // Where SIGCHLD is ignored nobody is told how it ended.
      if csys_errno() != EINTR { return 0 }
    }
  }

  private static func problem(_ plugin: ExecPlugin, _ text: String) -> ConfigurationProblem {
    ConfigurationProblem("\(plugin.owner): exec plugin \(plugin.command): \(text)")
  }

  private static func spawn(_ plugin: ExecPlugin, _ pipe: [Int32]) throws(ConfigurationProblem) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
    for descriptor in pipe { posix_spawn_file_actions_addclose(&actions, descriptor) }
    // Signals are blocked in our threads and SIGPIPE is ignored; the plugin gets them as usual.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var variables = ProcessEnvironment.variables
    for (name, value) in plugin.environment { variables[name] = value }
    variables["KUBERNETES_EXEC_INFO"] = plugin.execInfo
    let arguments = CStrings([plugin.command] + plugin.arguments)
    let environment = CStrings(variables.map { "\($0.key)=\($0.value)" })
    var child = pid_t()
    let code = withExtendedLifetime((arguments, environment)) {
      posix_spawnp(&child, plugin.command, &actions, &attributes, arguments.pointers, environment.pointers)
    }
    guard code == 0 else {
      let hint = plugin.installHint.isEmpty ? "" : "\n\(plugin.installHint)"
      throw problem(plugin, "\(SystemError("start", code: code))\(hint)")
    }
    return child
  }

  /// All until the end; not whole at the deadline and above the limit.
  private static func read(_ descriptor: Int32, deadline: Int64) -> (output: [UInt8], isWhole: Bool) {
    var output: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 16384)
    while true {
      let left = (deadline - csys_monotonic_ns()) / 1_000_000
      guard left > 0, output.count <= KubernetesLimits.execOutputBytes else { return (output, false) }
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&poll, 1, Int32(left)) > 0 else { continue }
      let count = Glibc.read(descriptor, &block, block.count)
      if count == 0 { return (output, true) }
      if count > 0 { output += block[..<count] }
    }
  }
}

/// A list of C strings that ends with nil, as long as it lives.
private final class CStrings {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ texts: [String]) {
    count = texts.count
    pointers = .allocate(capacity: texts.count + 1)
    for (index, text) in texts.enumerated() { (pointers + index).initialize(to: strdup(text)) }
    (pointers + texts.count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { free(pointers[index]) }
    pointers.deallocate()
  }
}
