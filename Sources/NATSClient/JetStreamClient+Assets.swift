import JSON

/// Account, streams and consumers. Configurations and infos are JSON as the API has them.
extension JetStreamClient {
  /// FEATURES 7.001
  public func accountInfo(completed: @escaping Completion<JSONValue>) { call("INFO", completed: completed) }

  // MARK: - Streams

  /// FEATURES 7.002; `configuration` has the name.
  public func createStream(_ configuration: JSONObject, completed: @escaping Completion<JSONValue>) {
    call(
      "STREAM.CREATE", names: [configuration["name"]?.string ?? ""], .object(configuration), completed: completed)
  }

  /// FEATURES 7.003
  public func updateStream(_ configuration: JSONObject, completed: @escaping Completion<JSONValue>) {
    call(
      "STREAM.UPDATE", names: [configuration["name"]?.string ?? ""], .object(configuration), completed: completed)
  }

  /// FEATURES 7.006
  public func streamInfo(_ name: String, completed: @escaping Completion<JSONValue>) {
    call("STREAM.INFO", names: [name], completed: completed)
  }

  /// FEATURES 7.007
  public func deleteStream(_ name: String, completed: @escaping Completion<Void>) {
    call("STREAM.DELETE", names: [name], completed: Self.success(completed))
  }

  /// FEATURES 7.004
  ///
  /// - Parameter subject: only streams that take this subject.
  public func streamNames(subject: String? = nil, completed: @escaping Completion<Listing>) {
    list("STREAM.NAMES", "streams", subject: subject, completed: completed)
  }

  /// Stream infos; FEATURES 7.005.
  public func streams(subject: String? = nil, completed: @escaping Completion<Listing>) {
    list("STREAM.LIST", "streams", subject: subject, completed: completed)
  }

  /// Names of the buckets: streams `KV_<bucket>` (ADR-8).
  public func keyValueBuckets(completed: @escaping Completion<[String]>) { names(after: "KV_", completed) }

  /// Names of the object stores: streams `OBJ_<bucket>` (ADR-20).
  public func objectStores(completed: @escaping Completion<[String]>) { names(after: "OBJ_", completed) }

  private func names(after prefix: String, _ completed: @escaping Completion<[String]>) {
    streamNames { answer in
      completed(
        answer.map { listing in
          listing.items.compactMap(\.string).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        })
    }
  }

  // MARK: - Consumers

  /// What `createConsumer` may do (ADR-42 and FEATURES 7.019).
  public enum ConsumerAction: String, Sendable {
    case create
    case update
    case createOrUpdate = ""
  }

  /// FEATURES 7.019, 7.020: the subject has the name, and the filter if there is just one. A configuration without
  /// `name` and `durable_name` makes an ephemeral consumer that the server names.
  public func createConsumer(
    stream: String, _ configuration: JSONObject, action: ConsumerAction = .create,
    completed: @escaping Completion<JSONValue>
  ) {
    var body: JSONObject = ["stream_name": .string(stream), "config": .object(configuration)]
    if action != .createOrUpdate { body["action"] = .string(action.rawValue) }
    let name = configuration["name"]?.string ?? configuration["durable_name"]?.string ?? ""
    let names = name.isEmpty ? [stream] : [stream, name]
    if let bad = names.first(where: { !Self.isName($0) }) { return completed(.failure(.invalidName(bad))) }
    var subject = (["CONSUMER.CREATE"] + names).joined(separator: ".")
    let filter = configuration["filter_subject"]?.string ?? ""
    // Wildcards and all, as they are.
    if !name.isEmpty, !filter.isEmpty { subject += ".\(filter)" }
    call(subject, .object(body), completed: completed)
  }

  /// FEATURES 7.024
  public func consumerInfo(stream: String, _ name: String, completed: @escaping Completion<JSONValue>) {
    call("CONSUMER.INFO", names: [stream, name], completed: completed)
  }

  /// FEATURES 7.025
  public func deleteConsumer(stream: String, _ name: String, completed: @escaping Completion<Void>) {
    call("CONSUMER.DELETE", names: [stream, name], completed: Self.success(completed))
  }

  /// FEATURES 7.022
  public func consumerNames(stream: String, completed: @escaping Completion<Listing>) {
    guard Self.isName(stream) else { return completed(.failure(.invalidName(stream))) }
    list("CONSUMER.NAMES.\(stream)", "consumers", completed: completed)
  }

  /// Consumer infos; FEATURES 7.023.
  public func consumers(stream: String, completed: @escaping Completion<Listing>) {
    guard Self.isName(stream) else { return completed(.failure(.invalidName(stream))) }
    list("CONSUMER.LIST.\(stream)", "consumers", completed: completed)
  }
}
