import JSON

/// Turns the JSON of monitoring endpoints into families.
///
///     let mapping = MetricMapping(serverID: "http://127.0.0.1:8222")
///     let set = try mapping.map(.varz, bytes)
public struct MetricMapping: Sendable {
  /// A metadata key of streams or consumers that becomes a label. FEATURES 15.007.
  public struct MetadataLabel: Sendable, Equatable {
    public let key: String
    public let label: String

    public init(streamKey key: String) {
      self.key = key
      label = "stream_meta_" + LabelSet.name(from: key)
    }

    public init(consumerKey key: String) {
      self.key = key
      label = "consumer_meta_" + LabelSet.name(from: key)
    }
  }

  /// The label `server_id` of every series.
  public var serverID: String
  /// The server's own name, which JetStream's labels and leadership refer to.
  public var serverName = ""
  /// Replaces `gnatsd` and `jetstream` in all names. FEATURES 15.010, 15.016.
  public var prefix: String?
  public var streamMetadata: [MetadataLabel] = []
  public var consumerMetadata: [MetadataLabel] = []
  public var maximumSeries = MetricLimits.seriesPerEndpoint

  public init(serverID: String) {
    self.serverID = serverID
  }

  /// The families of one endpoint's answer.
  ///
  /// - Throws: for what is not this endpoint's JSON; nothing of it is given then.
  public func map(_ endpoint: MonitoringEndpoint, _ json: UnsafeRawBufferPointer) throws(JSONError) -> MetricSet {
    var set = MetricSet(maximumSeries: maximumSeries)
    var reader = JSONReader(json, maximumDepth: MetricLimits.depth)
    switch endpoint {
    case .varz, .subsz, .routez: try mapGeneric(endpoint, &reader, into: &set)
    case .connz, .connzDetailed: try mapConnections(&reader, isDetailed: endpoint == .connzDetailed, into: &set)
    case .gatewayz: try mapGateways(&reader, into: &set)
    case .leafz: try mapLeafNodes(&reader, into: &set)
    case .accstatz: try mapAccountStatistics(&reader, into: &set)
    case .accountz: try mapAccount(&reader, into: &set)
    case .healthz, .healthzJetStreamEnabledOnly, .healthzJetStreamServerOnly:
      try mapHealth(endpoint, &reader, into: &set)
    case .jsz: try mapJetStream(&reader, json, into: &set)
    }
    try reader.finish()
    return set
  }

  public func map(_ endpoint: MonitoringEndpoint, _ json: [UInt8]) throws(JSONError) -> MetricSet {
    let result: Result<MetricSet, JSONError> = json.withUnsafeBytes { bytes in
      do throws(JSONError) {
        return .success(try map(endpoint, bytes))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// What an endpoint that gave no answer still says: health is bad then. FEATURES 15.015, 15.029.
  public func mapUnreachable(_ endpoint: MonitoringEndpoint) -> MetricSet {
    var set = MetricSet(maximumSeries: maximumSeries)
    if endpoint.isHealth { addHealth(endpoint, status: nil, into: &set) }
    return set
  }

  // MARK: - Names

  func coreName(_ subsystem: String, _ name: String) -> String {
    "\(prefix ?? "gnatsd")_\(subsystem)_\(name)"
  }

  func jetStreamName(_ subsystem: String, _ name: String) -> String {
    "\(prefix ?? "jetstream")_\(subsystem)_\(name)"
  }

  var serverLabels: LabelSet { ["server_id": serverID] }
}

extension JSONReader {
  /// Calls the body for each member of an object, which must consume its value; null is an object without members.
  mutating func eachMember(_ body: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
    if readNull() { return }
    try beginObject()
    while try nextKey() { try body(&self) }
  }

  /// Calls the body for each element of an array, which must consume it; null is an array without elements.
  mutating func eachElement(_ body: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
    if readNull() { return }
    try beginArray()
    while try nextElement() { try body(&self) }
  }

  /// The text; null is empty, as Go decodes it.
  mutating func text() throws(JSONError) -> String {
    readNull() ? "" : try readString()
  }

  /// The number; null is 0, as Go decodes it.
  mutating func number() throws(JSONError) -> Double {
    readNull() ? 0 : try readDouble()
  }

  /// 1 for true.
  mutating func truth() throws(JSONError) -> Double {
    readNull() ? 0 : try readBool() ? 1 : 0
  }
}
