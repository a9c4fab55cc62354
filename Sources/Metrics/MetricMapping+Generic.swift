import JSON

/// `/varz`, `/subsz`, `/routez`: every numeric field of the document, however new. FEATURES 15.018 to 15.022.
extension MetricMapping {
  func mapGeneric(
    _ endpoint: MonitoringEndpoint, _ reader: inout JSONReader, into set: inout MetricSet
  ) throws(JSONError) {
    try flatten(endpoint, &reader, path: "", into: &set)
  }

  private func flatten(
    _ endpoint: MonitoringEndpoint, _ reader: inout JSONReader, path: String, into set: inout MetricSet
  ) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      let key = reader.key
      let fullPath = path.isEmpty ? key : path + "_" + key
      let field = Self.fieldName(fullPath)
      let name = coreName(endpoint.rawValue, field)
      // A field that sanitises to the name of another one is left out.
      guard !Self.skippedFields.contains(field), !set.contains(name) else { return try reader.skipValue() }
      let help = "The field \(fullPath) of /\(endpoint.rawValue)."
      switch try reader.peek() {
      case .number: set.add(name, help: help, serverLabels, try reader.readDouble())
      case .string where Self.keptTexts.contains(key):
        let text = try reader.readString()
        if let time = MonitoringText.unixMilliseconds(text) {
          set.add(name, help: help + " In milliseconds since 1970.", serverLabels, time)
        } else {
          set.add(name, help: help + " Always 1.", serverLabels.with(["value": text]), 1)
        }
      case .object: try flatten(endpoint, &reader, path: fullPath, into: &set)
      default: try reader.skipValue()
      }
    }
  }

  /// What names may not have becomes `_`; runs of it become one, and those at the ends go. FEATURES 15.021.
  static func fieldName(_ path: String) -> String {
    var name: [UInt8] = []
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        name.append(byte)
      default:
        if let last = name.last, last != UInt8(ascii: "_") { name.append(UInt8(ascii: "_")) }
      }
    }
    if name.last == UInt8(ascii: "_") { name.removeLast() }
    return String(decoding: name, as: UTF8.self)
  }

  /// FEATURES 15.020.
  private static let skippedFields: Set<String> = [
    "leaf", "trusted_operators_claim", "cluster_tls_timeout", "cluster_cluster_port", "cluster_auth_timeout",
    "gateway_port", "gateway_auth_timeout", "gateway_tls_timeout", "gateway_connect_retries",
  ]

  /// FEATURES 15.019.
  private static let keptTexts: Set<String> = [
    "server_id", "server_name", "version", "domain", "leader", "name", "start", "config_load_time",
  ]
}
