import JSON

/// What a server's asset is called.
public enum AssetIdentity: Hashable, Sendable, CustomStringConvertible {
  case stream(String)
  case consumer(stream: String, name: String)

  /// `stream ORDERS`, `consumer ORDERS/mailer`.
  public var description: String {
    switch self {
    case .stream(let name): "stream \(name)"
    case .consumer(let stream, let name): "consumer \(stream)/\(name)"
    }
  }

  public var stream: String {
    switch self {
    case .stream(let name), .consumer(let name, _): name
    }
  }

  public var isStream: Bool {
    if case .stream = self { true } else { false }
  }
}

/// One asset as the manifests want it.
public struct DesiredAsset: Sendable {
  public var identity: AssetIdentity
  /// The configuration to send, in the server's terms, without ownership.
  public var configuration: JSONObject
  public var resource: Resource

  public init?(_ resource: Resource) {
    guard let (identity, configuration) = AssetConfiguration.make(resource) else { return nil }
    self.identity = identity
    self.configuration = configuration
    self.resource = resource
  }
}

/// What one server connection should have.
public struct DesiredState: Sendable {
  public private(set) var assets: [AssetIdentity: DesiredAsset] = [:]

  public init() {}

  /// The desired states of all connections that the resources name.
  ///
  /// Two resources for one asset are an error on the later one (by title); the first one stands.
  public static func byConnection(
    _ resources: [Resource]
  ) -> (states: [ConnectionSettings: DesiredState], diagnostics: [Diagnostic]) {
    var states: [ConnectionSettings: DesiredState] = [:]
    var diagnostics: [Diagnostic] = []
    for resource in resources.sorted(by: { $0.title < $1.title }) {
      if let problem = states[resource.connection, default: DesiredState()].insert(resource) {
        diagnostics.append(problem)
      }
    }
    return (states.filter { !$0.value.assets.isEmpty }, diagnostics)
  }

  /// Adds a resource; Accounts name no asset and are passed over.
  public mutating func insert(_ resource: Resource) -> Diagnostic? {
    guard let asset = DesiredAsset(resource) else { return nil }
    if let other = assets[asset.identity] {
      return Diagnostic(
        at: resource.position, path: "spec", "\(asset.identity) is already described by \(other.resource.title)")
    }
    assets[asset.identity] = asset
    return nil
  }
}
