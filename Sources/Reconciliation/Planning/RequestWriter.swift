import Bytes
import JSON

/// Writes requests to `$JS.API`. FEATURES 7.002-7.026.
struct RequestWriter {
  let prefix: String
  let now: Timestamp

  func create(_ identity: AssetIdentity, _ configuration: JSONObject) -> [APIRequest] {
    switch identity {
    case .stream(let name):
      // A stream cannot be created sealed (FEATURES 5.026).
      guard configuration["sealed"] == .bool(true) else {
        return [request("STREAM.CREATE.\(name)", .object(configuration))]
      }
      var open = configuration
      open["sealed"] = nil
      let sealed = effective(configuration)
      return [
        request("STREAM.CREATE.\(name)", .object(open)), request("STREAM.UPDATE.\(name)", .object(sealed)),
      ]
    case .consumer(let stream, let name):
      return [consumer(stream, name, configuration, action: "create")]
    }
  }

  func update(
    _ identity: AssetIdentity, _ wanted: JSONObject, _ existing: JSONObject, _ comparison: Comparison
  ) -> [APIRequest] {
    var configuration = effective(wanted)
    for (member, value) in comparison.adopted.sorted(by: { $0.key < $1.key }) { configuration[member] = value }
    for member in existing.members where !KnownMembers.all.contains(member.key) {
      configuration[member.key] = member.value
    }
    switch identity {
    case .stream(let name):
      return [request("STREAM.UPDATE.\(name)", .object(configuration))]
    case .consumer(let stream, let name):
      var requests: [APIRequest] = []
      let changes = comparison.changes
      if changes.contains(where: { $0.member != "pause_until" }) {
        requests.append(consumer(stream, name, configuration, action: "update"))
      }
      // An update leaves the pause as it is.
      if let pause = changes.first(where: { $0.member == "pause_until" })?.desired {
        requests.append(request("CONSUMER.PAUSE.\(stream).\(name)", .object(["pause_until": pause])))
      }
      return requests
    }
  }

  func delete(_ identity: AssetIdentity) -> [APIRequest] {
    switch identity {
    case .stream(let name): [APIRequest(subject: "\(prefix).STREAM.DELETE.\(name)", body: [])]
    case .consumer(let stream, let name):
      [APIRequest(subject: "\(prefix).CONSUMER.DELETE.\(stream).\(name)", body: [])]
    }
  }

  /// The server takes a sealed stream's update only with what sealing forced.
  private func effective(_ configuration: JSONObject) -> JSONObject {
    guard configuration["sealed"] == .bool(true) else { return configuration }
    var configuration = configuration
    for (member, value) in CanonicalConfiguration.sealedEffects.sorted(by: { $0.key < $1.key }) {
      configuration[member] = value
    }
    for member in ["max_age", "allow_rollup_hdrs"] { configuration[member] = nil }
    return configuration
  }

  private func consumer(_ stream: String, _ name: String, _ configuration: JSONObject, action: String) -> APIRequest {
    request(
      "CONSUMER.CREATE.\(stream).\(name)",
      .object(["stream_name": .string(stream), "config": .object(configuration), "action": .string(action)]))
  }

  private func request(_ subject: String, _ body: JSONValue) -> APIRequest {
    APIRequest(subject: "\(prefix).\(subject)", body: body.json(escapesHTML: false))
  }
}
