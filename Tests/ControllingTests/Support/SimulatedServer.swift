import JSON
import NATSClient
import Reconciliation

@testable import Controlling

/// A JetStream API in memory, as nats-server 2.15 answers it as far as the controller can tell.
final class SimulatedServer: @unchecked Sendable {
  static let pageSize = 256

  var state = ObservedState()
  /// By operation, `STREAM.CREATE`.
  var requests: [String: Int] = [:]
  /// Requests that change something, in their order.
  var changes: [String] = []
  /// Refuses a request.
  var refusal: ((_ subject: String, _ body: JSONValue?) -> APIError?)?

  var requestCount: Int { requests.values.reduce(0, +) }

  func forget() {
    requests = [:]
    changes = []
  }

  func answer(_ subject: String, _ bytes: [UInt8]) -> JSONValue {
    // `$JS.domain.API` is the same API here.
    let words = subject.split(separator: ".").map(String.init)
    let parts = words[1] == "API" ? words : [words[0]] + words[2...]
    let body = bytes.isEmpty ? nil : try? JSONValue(parsing: bytes)
    let operation = "\(parts[2]).\(parts[3])"
    requests[operation, default: 0] += 1
    if !["LIST", "INFO", "NAMES"].contains(parts[3]) { changes.append(subject) }
    if let refused = refusal?(subject, body) { return Self.error(refused) }
    do {
      switch operation {
      case "STREAM.LIST": return streamPage(Int(body?["offset"]?.int64 ?? 0))
      case "STREAM.INFO": return try streamInfo(parts[4])
      case "STREAM.CREATE": return try createStream(body!.object!)
      case "STREAM.UPDATE": return try updateStream(body!.object!)
      case "STREAM.DELETE": return try deleteStream(parts[4])
      case "CONSUMER.LIST": return try consumerPage(parts[4], Int(body?["offset"]?.int64 ?? 0))
      case "CONSUMER.INFO": return try consumerInfo(parts[4], parts[5])
      case "CONSUMER.CREATE": return try createConsumer(parts[4], parts[5], body!)
      case "CONSUMER.DELETE": return try deleteConsumer(parts[4], parts[5])
      case "CONSUMER.PAUSE":
        state.configurations[.consumer(stream: parts[4], name: parts[5])]?["pause_until"] = body?["pause_until"]
        return .object([:])
      default: throw APIError(code: 400, errorCode: 10003, description: "bad request")
      }
    } catch let error as APIError {
      return Self.error(error)
    } catch {
      fatalError("\(error)")
    }
  }

  private static func error(_ error: APIError) -> JSONValue {
    .object([
      "error": .object([
        "code": JSONValue(error.code), "err_code": JSONValue(error.errorCode),
        "description": .string(error.description),
      ])
    ])
  }

  // MARK: - Streams

  private func streamInfo(_ name: String) throws -> JSONValue {
    guard let configuration = state.configurations[.stream(name)] else {
      throw APIError(code: 404, errorCode: APIError.streamNotFound, description: "stream not found")
    }
    return .object([
      "config": .object(configuration),
      "state": .object(["consumer_count": JSONValue(consumers(name).count)]),
    ])
  }

  private func streamPage(_ offset: Int) -> JSONValue {
    let names = state.configurations.keys.filter(\.isStream).map(\.stream).sorted()
    let page = names.dropFirst(offset).prefix(Self.pageSize)
    return .object([
      "total": JSONValue(names.count), "offset": JSONValue(offset), "limit": JSONValue(Self.pageSize),
      "streams": .array(page.map { try! streamInfo($0) }),
    ])
  }

  private func createStream(_ sent: JSONObject) throws -> JSONValue {
    let name = sent["name"]!.string!
    let stored = stream(sent)
    if let existing = state.configurations[.stream(name)] {
      guard existing == stored else {
        throw APIError(
          code: 400, errorCode: 10058, description: "stream name already in use with a different configuration")
      }
      return try streamInfo(name)
    }
    try checkOverlap(stored, name)
    state.configurations[.stream(name)] = stored
    return try streamInfo(name)
  }

  private func updateStream(_ sent: JSONObject) throws -> JSONValue {
    let name = sent["name"]!.string!
    guard let existing = state.configurations[.stream(name)] else {
      throw APIError(code: 404, errorCode: APIError.streamNotFound, description: "stream not found")
    }
    let stored = stream(sent)
    guard existing["storage"] == stored["storage"] else {
      throw APIError(
        code: 500, errorCode: 10052, description: "stream configuration update can not change storage type")
    }
    try checkOverlap(stored, name)
    state.configurations[.stream(name)] = stored
    return try streamInfo(name)
  }

  private func deleteStream(_ name: String) throws -> JSONValue {
    _ = try streamInfo(name)
    state.configurations = state.configurations.filter { $0.key.stream != name }
    return .object(["success": .bool(true)])
  }

  private func checkOverlap(_ stored: JSONObject, _ name: String) throws {
    let subjects = Set((stored["subjects"]?.array ?? []).compactMap(\.string))
    for (identity, other) in state.configurations where identity.isStream && identity.stream != name {
      if (other["subjects"]?.array ?? []).compactMap(\.string).contains(where: subjects.contains) {
        throw APIError(code: 400, errorCode: 10065, description: "subjects overlap with an existing stream")
      }
    }
  }

  private func stream(_ sent: JSONObject) -> JSONObject {
    var stored = sent
    for limit in ["max_consumers", "max_msgs", "max_bytes", "max_msgs_per_subject", "max_msg_size"]
    where (stored[limit]?.int64 ?? 0) == 0 {
      stored[limit] = JSONValue(-1)
    }
    if stored["compression"] == nil { stored["compression"] = .string("none") }
    if stored["mirror"] == nil, stored["sources"]?.array?.isEmpty != false {
      if stored["subjects"] == nil { stored["subjects"] = .array([stored["name"]!]) }
      let age = stored["max_age"]?.int64 ?? 0
      if stored["duplicate_window"] == nil {
        stored["duplicate_window"] = JSONValue(age > 0 && age < 120_000_000_000 ? age : 120_000_000_000)
      }
    }
    if stored["storage"] == nil { stored["storage"] = .string("file") }
    stored.members.sort { $0.key < $1.key }
    return stored
  }

  // MARK: - Consumers

  private func consumers(_ stream: String) -> [String] {
    state.configurations.keys.compactMap { identity in
      if case .consumer(stream, let name) = identity { name } else { nil }
    }.sorted()
  }

  private func consumerInfo(_ stream: String, _ name: String) throws -> JSONValue {
    _ = try streamInfo(stream)
    guard let configuration = state.configurations[.consumer(stream: stream, name: name)] else {
      throw APIError(code: 404, errorCode: APIError.consumerNotFound, description: "consumer not found")
    }
    return .object(["stream_name": .string(stream), "name": .string(name), "config": .object(configuration)])
  }

  private func consumerPage(_ stream: String, _ offset: Int) throws -> JSONValue {
    _ = try streamInfo(stream)
    let names = consumers(stream)
    let page = names.dropFirst(offset).prefix(Self.pageSize)
    return .object([
      "total": JSONValue(names.count), "offset": JSONValue(offset), "limit": JSONValue(Self.pageSize),
      "consumers": .array(try page.map { try consumerInfo(stream, $0) }),
    ])
  }

  private func createConsumer(_ stream: String, _ name: String, _ body: JSONValue) throws -> JSONValue {
    _ = try streamInfo(stream)
    let identity = AssetIdentity.consumer(stream: stream, name: name)
    var stored = body["config"]!.object!
    if stored["max_deliver"] == nil { stored["max_deliver"] = JSONValue(-1) }
    if stored["deliver_subject"] == nil, stored["max_waiting"] == nil { stored["max_waiting"] = JSONValue(512) }
    if stored["ack_policy"] != .string("none"), stored["max_ack_pending"] == nil {
      stored["max_ack_pending"] = JSONValue(1000)
    }
    if let first = stored["backoff"]?.array?.first { stored["ack_wait"] = first }
    stored.members.sort { $0.key < $1.key }
    switch (body["action"]?.string, state.configurations[identity]) {
    case ("create", let existing?) where existing != stored:
      throw APIError(code: 400, errorCode: 10148, description: "consumer already exists")
    case ("update", nil):
      throw APIError(code: 400, errorCode: 10149, description: "consumer does not exist")
    default: state.configurations[identity] = stored
    }
    return try consumerInfo(stream, name)
  }

  private func deleteConsumer(_ stream: String, _ name: String) throws -> JSONValue {
    _ = try consumerInfo(stream, name)
    state.configurations[.consumer(stream: stream, name: name)] = nil
    return .object(["success": .bool(true)])
  }
}
