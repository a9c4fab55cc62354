/// The members of `metadata` that belong to the server (FEATURES 5.037, 6.024).
extension ConsumerConfiguration {
  /// The API level that a server must have to run this consumer.
  public var requiredLevel: Int {
    if ackPolicy == .flowControl { return 4 }
    if let pauseUntil, !pauseUntil.isZero { return 1 }
    return priorityPolicy != .none || priorityTimeout != 0 || !priorityGroups.isEmpty ? 1 : 0
  }

  /// Drops what only answers carry and notes the required level: what is stored.
  public mutating func setStoredMetadata() {
    metadata = AssetMetadata.stored(metadata, requiredLevel: requiredLevel)
  }

  /// As answers show it.
  public func withAnsweredMetadata(serverVersion: String) -> ConsumerConfiguration {
    var copy = self
    copy.metadata = AssetMetadata.answered(metadata, serverVersion: serverVersion)
    return copy
  }
}

extension ConsumerInfo {
  /// As answers show it.
  public func withAnsweredMetadata(serverVersion: String) -> ConsumerInfo {
    var copy = self
    copy.configuration = configuration.withAnsweredMetadata(serverVersion: serverVersion)
    return copy
  }
}
