/// The members of `metadata` that belong to the server (FEATURES 5.037, 6.024).
extension ConsumerConfiguration {
  static let requiredLevelKey = "_nats.req.level"
  static let serverVersionKey = "_nats.ver"
  static let serverLevelKey = "_nats.level"

  /// What `_nats.ver` says.
  public static let serverVersion = "2.15.1"

  /// The API level that a server must have to run this consumer.
  public var requiredLevel: Int {
    if ackPolicy == .flowControl { return 4 }
    if let pauseUntil, !pauseUntil.isZero { return 1 }
    return priorityPolicy != .none || priorityTimeout != 0 || !priorityGroups.isEmpty ? 1 : 0
  }

  /// Drops what only answers carry and notes the required level: what is stored.
  public mutating func setStoredMetadata() {
    metadata[Self.serverVersionKey] = nil
    metadata[Self.serverLevelKey] = nil
    metadata[Self.requiredLevelKey] = String(requiredLevel)
  }

  /// As answers show it.
  var withServerMetadata: ConsumerConfiguration {
    var copy = self
    copy.metadata[Self.serverVersionKey] = Self.serverVersion
    copy.metadata[Self.serverLevelKey] = String(APILevel.current)
    return copy
  }

  /// Whether this server is able to run a stored consumer.
  public var isSupported: Bool {
    guard let text = metadata[Self.requiredLevelKey], !text.isEmpty else { return true }
    guard let level = Int(text) else { return false }
    return level <= APILevel.current
  }
}
