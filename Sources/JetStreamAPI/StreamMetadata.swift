/// What the server itself notes in the metadata of streams and consumers (FEATURES 5.037).
public enum AssetMetadata {
  public static let requiredLevelKey = "_nats.req.level"
  public static let serverVersionKey = "_nats.ver"
  public static let serverLevelKey = "_nats.level"

  /// What is stored: the level the asset needs; what describes the server is for answers only.
  public static func stored(_ metadata: [String: String], requiredLevel: Int) -> [String: String] {
    var result = metadata
    result[serverVersionKey] = nil
    result[serverLevelKey] = nil
    result[requiredLevelKey] = String(requiredLevel)
    return result
  }

  /// What is answered: with the server's version and level.
  public static func answered(_ metadata: [String: String], serverVersion: String) -> [String: String] {
    var result = metadata
    result[serverVersionKey] = serverVersion
    result[serverLevelKey] = String(APILevel.current)
    return result
  }

  /// The level a stored asset needs if that is above ours or no number; FEATURES 5.100.
  public static func unsupportedLevel(_ metadata: [String: String]) -> String? {
    guard let text = metadata[requiredLevelKey], !text.isEmpty else { return nil }
    if let level = Int(text), level <= APILevel.current { return nil }
    return text
  }

  /// Whether the level that a request asks for in `Nats-Required-Api-Level` is above ours or no number: error 10185
  /// (FEATURES 5.084). An empty header asks for nothing.
  public static func refusesRequiredLevel(_ header: String) -> Bool {
    if header.isEmpty { return false }
    guard let level = Int(header) else { return true }
    return APILevel.current < level
  }
}

extension StreamConfiguration {
  /// The API level that a server needs to run the stream.
  public var requiredLevel: Int {
    if allowBatchPublish { return 4 }
    if allowMessageCounter || allowAtomicPublish || allowMessageSchedules || persistMode == .async { return 2 }
    return allowMessageTTL || subjectDeleteMarkerTTL > 0 ? 1 : 0
  }

  /// As it is stored.
  public func withStoredMetadata() -> StreamConfiguration {
    var result = self
    result.metadata = AssetMetadata.stored(metadata, requiredLevel: requiredLevel)
    return result
  }

  /// As it is answered.
  public func withAnsweredMetadata(serverVersion: String) -> StreamConfiguration {
    var result = self
    result.metadata = AssetMetadata.answered(metadata, serverVersion: serverVersion)
    return result
  }
}
