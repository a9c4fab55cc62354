import CSystem
import Configuration
import Reactor

// Taking a changed configuration while traffic runs: all of it or nothing (FEATURES 3.318 to 3.333).

extension Server {
  /// Replaces the options. Whether the change is allowed has been decided (`ReloadPlan`). Any thread; connections
  /// follow on their own loops.
  ///
  /// - Parameter changes: the log lines that say what has changed.
  public func reload(_ options: ServerOptions, changes: [String]) throws {
    let old = settings
    let new = try ServerSettings(options, records: records, previous: old)
    try logger.apply(options.log.loggerSettings)
    replaceSettings(new)
    new.install(retire: retire)
    system.follow(new)
    for change in changes { logger.info(change) }
    for worker in workers {
      worker.loop.submit { [unowned worker] in
        for connection in Array(worker.connections.values) {
          connection.follow(new, old: old)
        }
      }
    }
    loops.loops[0].submit { [self] in
      monitoring.follow(new.options)
      jetStream?.settingsChanged()
    }
    closeExcessConnections(new.options.maxConnections)
    let digest = options.configurationDigest
    logger.info("Reloaded server configuration\(digest.isEmpty ? "" : " (\(digest))")")
  }

  /// The youngest connections above a lowered `max_connections` are closed.
  private func closeExcessConnections(_ limit: Int) {
    guard limit >= 0 else { return }
    loops.loops[0].submit { [self] in
      var excess = currentConnectionCount - limit
      guard excess > 0 else { return }
      for worker in workers where excess > 0 {
        let share = (excess + workers.count - 1) / workers.count
        excess -= share
        worker.loop.submit { [unowned worker] in
          for connection in worker.connections.values.sorted(by: { $0.identifier > $1.identifier }).prefix(share) {
            connection.sendError("maximum connections exceeded")
            connection.close(.maxConnectionsExceeded)
          }
        }
      }
    }
  }
}

extension LogOptions {
  /// The same settings as the log writer takes them.
  public var loggerSettings: Logger.Settings {
    var settings = Logger.Settings()
    settings.debug = debug
    settings.trace = trace
    settings.time = time
    settings.utc = timeInUTC
    settings.format = format == .json ? .json : .text
    // nats-server's order of precedence.
    if !file.isEmpty {
      settings.destination = .file(path: file, sizeLimit: sizeLimit, maxFiles: maxFiles)
    } else if !remoteSyslog.isEmpty {
      settings.destination = .remoteSyslog(remoteSyslog)
    } else if syslog {
      settings.destination = .syslog
    }
    return settings
  }
}

extension Connection {
  /// Takes new settings. Owner loop.
  func follow(_ settings: ServerSettings, old: ServerSettings) {
    guard phase != .closed, closeReason == nil else { return }
    if settings.options.log.trace {
      state.flags.insert(.tracing)
    } else {
      state.flags.remove(.tracing)
    }
    if settings.options.noFastProducerStall {
      state.flags.insert(.noStall)
    } else {
      state.flags.remove(.noStall)
    }
    if let tls, let pinned = settings.options.tls?.pinnedCertificates, !tls.matches(pinned: pinned) {
      close(.tlsHandshakeError)
      return
    }
    announce()
    if isConnected { reauthorize(settings, old: old) } else { refreshShadows() }
  }

  /// The connection is closed when its user is gone, has moved, or has other credentials.
  private func reauthorize(_ settings: ServerSettings, old: ServerSettings) {
    if !options.nkey.isEmpty || !options.user.isEmpty, user != nil {
      let renewed = options.nkey.isEmpty ? settings.users[options.user] : settings.nkeyUsers[options.nkey]
      guard let renewed, renewed.account === account else {
        close(.clientClosed)
        return
      }
      if renewed.password == user?.password {
        adopt(renewed)
        return
      }
    }
    switch checkCredentials() {
    case .refused:
      // Somebody who named a user is let go without a word, as nats-server does.
      if options.user.isEmpty { authorizationViolation(.authenticationViolation) } else { close(.clientClosed) }
    case .granted(let renewed):
      if let renewed, renewed.account !== account { close(.clientClosed) } else { adopt(renewed) }
    case .needsHash(let given, let hash, let renewed):
      let isUnchanged =
        renewed == nil && old.options.authorization.password == settings.options.authorization.password
        && old.options.authorization.token == settings.options.authorization.token
      adopt(renewed)
      if !isUnchanged { verifyAfterReload(given, hash) }
    }
  }

  private func adopt(_ renewed: UserRecord?) {
    rebind(to: renewed)
    removeForbiddenSubscriptions()
    refreshShadows()
  }

  /// Subscriptions that the new permissions do not allow end, and the client is told (FEATURES 1.039).
  private func removeForbiddenSubscriptions() {
    var all: [SubscriptionPointer] = []
    subscriptions.forEach(in: server.records) { all.append($0) }
    for subscription in all {
      let subject = account.index.subject(of: subscription)
      let name = account.index.queueName(of: subscription)
      let queue: UnsafeRawBufferPointer? = name.isEmpty ? nil : name
      subject.withUnsafeBytes { subject in
        if permissions?.maySubscribe(subject, queue: queue) ?? true {
          let filtered = permissions?.needsDeliveryFilter(subject, queue: queue) ?? false
          setFiltered(subscription, filtered)
          return
        }
        let using = queue.map { " using queue \(quoted($0))" } ?? ""
        let sid = quoted(subscription.sid)
        sendError("Permissions Violation for Subscription to \(quoted(subject))\(using) (sid \(sid))")
        server.logger.info("Removed sub \(quoted(subject))\(using) (sid \(sid)) for \(claimedUser) - not authorized")
        remove(subscription)
      }
    }
  }

  private func setFiltered(_ subscription: SubscriptionPointer, _ isFiltered: Bool) {
    let flag = SubscriptionFlags.filtered.rawValue
    let flags = isFiltered ? subscription.flags | flag : subscription.flags & ~flag
    if flags == subscription.flags, !isFiltered { return }
    subscription.flags = flags
    account.index.touch(subscription)
  }
}
