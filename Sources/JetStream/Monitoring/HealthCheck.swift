import Broker
import Bytes
import Glibc

// Whether JetStream and what it stores is well (FEATURES 11.015 to 11.017), with nats-server's texts.

extension JetStreamService {
  public func checkHealth(_ options: HealthzOptions, _ done: @escaping @Sendable (JetStreamHealth) -> Void) {
    if let reason = journalFailure {
      var health = JetStreamHealth()
      health.problems = [HealthProblem(.jetStream, "JetStream journal write error: \(reason)")]
      done(health)
      return
    }
    let found = find(options)
    guard found.code == nil else {
      done(found)
      return
    }
    let handles = checked(options)
    // The order of streams is kept; consumers are known by name without asking.
    StreamSurvey<HealthProblem?>.run(handles, on: self, visit: { runner in Self.problem(with: runner) }) { problems in
      var health = found
      health.problems += problems.compactMap { $0 }
      done(health)
    }
  }

  /// The streams that are looked at.
  private func checked(_ options: HealthzOptions) -> [StreamHandle] {
    let accounts = sortedAccounts.filter { options.account.isEmpty || $0.name == options.account }
    return accounts.flatMap(\.sortedStreams).filter { options.stream.isEmpty || $0.name == options.stream }
  }

  private static func problem(with runner: StreamRunner) -> HealthProblem? {
    let (account, stream) = (runner.handle.account.name, runner.handle.name)
    if let damage = runner.damage {
      return HealthProblem(
        .stream, "JetStream stream '\(account) > \(stream)' could not be recovered: \(damage)", account: account,
        stream: stream)
    }
    guard let failure = runner.failure ?? runner.shortage else { return nil }
    return HealthProblem(
      .stream, "JetStream stream '\(account) > \(stream)' write error: \(failure)", account: account, stream: stream)
  }

  /// What was asked for by name and is not there, and what is stored but not served.
  private func find(_ options: HealthzOptions) -> JetStreamHealth {
    var health = JetStreamHealth()
    health.problems = unserved(options)
    if options.account.isEmpty { return health }
    let (account, stream, consumer) = (options.account, options.stream, options.consumer)
    let (accountShown, streamShown) = (GoString.quote(account), GoString.quote(stream))
    let isUnserved = !health.problems.isEmpty
    func missing(_ problem: HealthProblem) -> JetStreamHealth {
      // Without details the first problem is told, and it is not told that something is not there.
      if isUnserved, !options.hasDetails { return health }
      health.problems = [problem]
      health.code = 404
      return health
    }
    guard let known = self.account(named: account), hasStored(known) else {
      return isUnserved
        ? health
        : missing(HealthProblem(.account, "JetStream account \(accountShown) not found", account: account))
    }
    if stream.isEmpty { return health }
    guard let handle = known.stream(named: stream) else {
      return missing(
        HealthProblem(
          .stream, "JetStream stream \(streamShown) not found on account \(accountShown)", account: account,
          stream: stream))
    }
    if consumer.isEmpty || known.withLock({ handle.consumers[consumer] != nil }) { return health }
    return missing(
      HealthProblem(
        .consumer,
        "JetStream consumer \(GoString.quote(consumer)) not found for stream \(streamShown) on account \(accountShown)",
        account: account, stream: stream, consumer: consumer))
  }

  /// Something is or was stored: nats-server looks for the account's directory.
  private func hasStored(_ account: AccountJetStream) -> Bool {
    if account.streamCount > 0 { return true }
    return access(location.parents(account: account.name)[0], F_OK) == 0
  }

  /// Streams of accounts that have no JetStream now.
  private func unserved(_ options: HealthzOptions) -> [HealthProblem] {
    var problems = journalDamage.map { HealthProblem(.jetStream, "JetStream journal read error: \($0)") }
    for stream in unrecovered.values.sorted(by: { $0.identifier < $1.identifier })
    where options.includes(stream.account, stream.configuration.name) {
      let (account, name) = (stream.account, stream.configuration.name)
      problems.append(
        HealthProblem(
          .stream, "JetStream stream '\(account) > \(name)' could not be recovered", account: account, stream: name))
    }
    let waiting = unservedStreams.filter { options.account.isEmpty || $0.account == options.account }
    for (account, streams) in Dictionary(grouping: waiting, by: \.account).sorted(by: { $0.key < $1.key }) {
      guard server.accounts[account] != nil else {
        problems.append(
          HealthProblem(.account, "JetStream account '\(account)' could not be resolved", account: account))
        continue
      }
      for stream in streams.map(\.configuration.name).sorted() where options.stream.isEmpty || stream == options.stream
      {
        problems.append(
          HealthProblem(
            .stream, "JetStream stream '\(account) > \(stream)' could not be recovered", account: account,
            stream: stream))
      }
    }
    return problems
  }
}

extension HealthzOptions {
  /// Whether a stream is asked about.
  fileprivate func includes(_ account: String, _ stream: String) -> Bool {
    (self.account.isEmpty || self.account == account) && (self.stream.isEmpty || self.stream == stream)
  }
}
