import JSON

/// What a server has: the configurations of its streams and consumers.
public struct ObservedState: Sendable {
  public var configurations: [AssetIdentity: JSONObject] = [:]

  public init() {}

  /// From the elements of `STREAM.LIST` and `CONSUMER.LIST` answers, or from `INFO` answers; what has no
  /// configuration is passed over.
  public init(streamInfos: [JSONValue], consumerInfos: [JSONValue]) {
    for info in streamInfos {
      guard let configuration = info["config"]?.object, let name = configuration["name"]?.string else { continue }
      configurations[.stream(name)] = configuration
    }
    for info in consumerInfos {
      guard let configuration = info["config"]?.object, let stream = info["stream_name"]?.string,
        let name = info["name"]?.string ?? configuration["durable_name"]?.string
      else { continue }
      configurations[.consumer(stream: stream, name: name)] = configuration
    }
  }
}

/// What the server answered to the last apply. Where a manifest is silent the server's answer is right, also when its
/// own limits (the largest duplicate window, acknowledgements of the account) made it another than the usual default.
public struct SettledConfiguration: Sendable {
  public var sent: JSONObject
  public var answered: JSONObject

  /// - Parameters:
  ///   - sent: `DesiredAsset.configuration` of the apply.
  ///   - answered: `config` of the server's answer.
  public init(sent: JSONObject, answered: JSONObject) {
    self.sent = sent
    self.answered = answered
  }
}

/// Who an asset belongs to, kept in its metadata.
public struct Ownership: Equatable, Sendable {
  public static let ownerKey = "io.nats.nack.owner"
  public static let resourceKey = "io.nats.nack.resource"
  public static let keepKey = "io.nats.nack.keep"

  /// The controller's name: one that prunes sees only assets with its own.
  public var owner: String

  public init(owner: String) { self.owner = owner }

  static func isOwnershipKey(_ key: String) -> Bool { [ownerKey, resourceKey, keepKey].contains(key) }

  func marked(_ configuration: JSONObject, by resource: Resource) -> JSONObject {
    var configuration = configuration
    var metadata = configuration["metadata"]?.object ?? JSONObject()
    metadata[Self.ownerKey] = .string(owner)
    metadata[Self.resourceKey] = .string(resource.title)
    if resource.preventsDelete { metadata[Self.keepKey] = .string("true") }
    configuration["metadata"] = .object(metadata)
    return configuration
  }

  func owns(_ configuration: JSONObject) -> Bool {
    configuration["metadata"]?[Self.ownerKey]?.string == owner
  }
}
