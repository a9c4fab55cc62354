import CSystem
import Configuration
import Crypto
import JSON

// CONNECT: who the client is, and what follows from it (FEATURES 1.008 to 1.016, 4.001 to 4.022).

extension Connection {
  /// The longest that authentication may take counts from here.
  func startAuthenticationTimer() {
    let limit = server.settings.options.authorization.timeoutNanoseconds
    authenticationTimer = worker.loop.schedule(afterNanoseconds: limit) { [self] in
      guard phase != .closed else { return }
      authenticationTimer = nil
      sendError("Authentication Timeout")
      close(.authenticationTimeout)
    }
  }

  private func clearAuthenticationTimer() {
    if let authenticationTimer { worker.loop.cancel(authenticationTimer) }
    authenticationTimer = nil
  }

  /// Takes a CONNECT line. False when the connection is closing.
  func handleConnect(_ arguments: UnsafeRawBufferPointer) -> Bool {
    if state.flags.contains(.tracing) { traceIn("CONNECT", arguments) }
    clearAuthenticationTimer()
    noteActivity()
    let isFirst = !isConnected
    if roundTripNanoseconds == 0 { roundTripNanoseconds = max(1, worker.loop.now - start) }
    startPingTimer(first: true)
    do {
      try options.merge(arguments)
    } catch {
      parseError("\(error)")
      return false
    }
    isConnected = true
    applyFlags()
    if !isFirst { leaveAccount() }
    switch checkCredentials() {
    case .refused(let why):
      server.logger.debug("\(self.label) - \(why)")
      authorizationViolation(.authenticationViolation)
      return false
    case .granted(let user):
      return finishConnect(user)
    case .needsHash(let given, let hash, let user):
      verifyElsewhere(given, hash, user)
      return true
    }
  }

  func checkCredentials() -> Authenticator.Verdict {
    let settings = server.settings
    let mapsCertificate = settings.options.tls?.verifyAndMap == true && tls != nil
    var connect = options
    defer { options = connect }
    return Authenticator(settings: settings).check(
      &connect, nonce: nonce, certificateUser: mapsCertificate ? { [self] in userOfCertificate(settings) } : nil)
  }

  /// The first bytes are not CONNECT although credentials are asked for: fine only with `no_auth_user`.
  func authenticateWithoutConnect() -> Bool {
    let settings = server.settings
    let isOpen = !settings.options.noAuthUser.isEmpty || settings.openUser != nil
    guard isOpen, case .granted(let user) = checkCredentials(), let user, bind(to: user) else {
      if closeReason == nil { authorizationViolation(.authenticationViolation) }
      return false
    }
    clearAuthenticationTimer()
    isConnected = true
    state.flags.remove(.awaitingAuthentication)
    return true
  }

  /// bcrypt takes a tenth of a second: not on a loop.
  private func verifyElsewhere(_ given: String, _ hash: String, _ user: UserRecord?) {
    suspend()
    let accepted = server.background.submit { [self] in
      let isRight = Password.matches(configured: hash, given: given)
      worker.loop.submit { [self] in
        guard phase == .suspended else { return }
        if !isRight {
          authorizationViolation(.authenticationViolation)
        } else if finishConnect(user) {
          resume()
        }
      }
    }
    if !accepted { authorizationViolation(.authenticationViolation) }
  }

  /// A reload changed the hash of this connection's password.
  func verifyAfterReload(_ given: String, _ hash: String) {
    server.background.submit { [self] in
      if Password.matches(configured: hash, given: given) { return }
      worker.loop.submit { [self] in
        if closeReason == nil { authorizationViolation(.authenticationViolation) }
      }
    }
  }

  private func finishConnect(_ user: UserRecord?) -> Bool {
    if options.newAccount || !options.account.isEmpty {
      authorizationViolation(.authenticationViolation)
      return false
    }
    guard bind(to: user) else { return false }
    isBound = true
    announce()
    state.flags.remove(.awaitingAuthentication)
    guard (0...1).contains(options.protocolVersion) else {
      sendError("invalid client protocol")
      logError("invalid client protocol")
      close(.badClientProtocolVersion)
      return false
    }
    if options.noResponders, !state.flags.contains(.headers) {
      sendError("no responders requires headers support")
      logError("no responders requires headers support")
      close(.noRespondersRequiresHeaders)
      return false
    }
    if options.verbose { sendOK() }
    return true
  }

  /// Gives the connection its user's account, permissions and limits.
  private func bind(to user: UserRecord?) -> Bool {
    let settings = server.settings
    self.user = user
    let joined = user?.account ?? settings.globalAccount
    guard joined.admit() else {
      sendError("maximum account active connections exceeded")
      logError("maximum account active connections exceeded")
      close(.maxAccountConnectionsExceeded)
      return false
    }
    isAdmitted = true
    account = joined
    scope = user?.scope ?? joined.openScope
    setPermissions(user?.permissions)
    state.input.pointee.scope = scope.state
    state.input.pointee.memo = nil
    applyLimits(settings)
    trafficBeforeAccount = traffic
    server.system.didJoin(self)
    return true
  }

  /// A reload changed the user, not who the connection is.
  func rebind(to user: UserRecord?) {
    let settings = server.settings
    self.user = user
    scope = user?.scope ?? account.openScope
    setPermissions(user?.permissions)
    state.input.pointee.scope = scope.state
    state.input.pointee.memo = nil
    applyLimits(settings)
  }

  private func applyLimits(_ settings: ServerSettings) {
    var payload = settings.options.maxPayload
    let rules = account.limits
    if rules.maxPayload >= 0 { payload = min(payload, rules.maxPayload) }
    state.input.pointee.maxPayload = payload
    state.input.pointee.maxControlLine = settings.options.maxControlLine
    state.maxPending = Int(settings.options.maxPending)
    // Both limits hold for each connection (FEATURES 4.025).
    let limits = [
      settings.options.maxSubscriptions > 0 ? settings.options.maxSubscriptions : -1, rules.maxSubscriptions,
    ]
    maxSubscriptions = limits.filter { $0 >= 0 }.min() ?? -1
    if user != nil { closeAboveSubscriptionLimit() }
  }

  /// A user's connection with more subscriptions than its limits allow now, or without room for any, is told and closed.
  private func closeAboveSubscriptionLimit() {
    guard maxSubscriptions == 0 || maxSubscriptions > 0 && Int(subscriptions.count) > maxSubscriptions else { return }
    worker.loop.schedule(afterNanoseconds: Self.subscriptionLimitNanoseconds) { [weak self] in
      guard let self, closeReason == nil else { return }
      logError("maximum subscriptions exceeded")
      sendError("maximum subscriptions exceeded")
      close(.maxSubscriptionsExceeded)
    }
  }

  private static let subscriptionLimitNanoseconds: Int64 = 20_000_000

  /// Back to nobody: subscriptions and the place in the account are given up.
  func leaveAccount() {
    removeAllSubscriptions()
    if isAdmitted {
      isAdmitted = false
      account.traffic.add(accountTraffic)
      account.leave()
      server.system.connectionsChanged(in: account, on: worker)
    }
  }

  private func setPermissions(_ new: ConnectionPermissions?) {
    csys_lock(state.lockPointer)
    permissions = new
    csys_unlock(state.lockPointer)
    if new?.responses != nil {
      state.flags.insert([.tracksReplies, .inspected])
    } else {
      state.flags.remove([.tracksReplies, .inspected])
    }
  }

  /// The permissions, for a loop that is not the owner.
  func permissionsForDelivery() -> ConnectionPermissions? {
    csys_lock(state.lockPointer)
    defer { csys_unlock(state.lockPointer) }
    return permissions
  }

  private func applyFlags() {
    func set(_ flag: ConnectionFlags, _ isOn: Bool) {
      if isOn { state.flags.insert(flag) } else { state.flags.remove(flag) }
    }
    set(.verbose, options.verbose)
    set(.pedantic, options.pedantic)
    set(.noEcho, !options.echo)
    set(.headers, options.headers && !server.settings.options.noHeaderSupport)
    set(.noResponders, options.noResponders)
    announce()
  }

  func authorizationViolation(_ reason: CloseReason) {
    let who = claimedUser
    logError(who.isEmpty ? "authentication error" : "authentication error - \(who)")
    sendError("Authorization Violation")
    server.system.didRefuse(self, reason)
    close(reason)
  }

  /// Who the client says it is, as logs show it (FEATURES 4.077): never a secret.
  var claimedUser: String {
    if !options.nkey.isEmpty { return "Nkey \(quoted(options.nkey))" }
    if !options.user.isEmpty { return "User \(quoted(options.user))" }
    return options.token.isEmpty ? "" : "Token \"[REDACTED]\""
  }

  // MARK: reply permissions

  /// A delivered request makes its reply subject publishable.
  func noteReply(_ reply: UnsafeRawBufferPointer, at now: Int64) {
    guard let rule = permissionsForDelivery()?.responses else { return }
    csys_lock(state.lockPointer)
    replies.note(reply, at: now, rule)
    csys_unlock(state.lockPointer)
  }

  /// Whether a denied subject may be published because it answers a request.
  func mayReply(to subject: UnsafeRawBufferPointer, at now: Int64) -> Bool {
    guard let rule = permissions?.responses else { return false }
    csys_lock(state.lockPointer)
    defer { csys_unlock(state.lockPointer) }
    return replies.use(subject, at: now, rule)
  }
}
