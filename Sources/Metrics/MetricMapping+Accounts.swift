import JSON

/// `/accstatz` and `/accountz`. FEATURES 15.027, 15.028.
extension MetricMapping {
  // MARK: - Statistics

  func mapAccountStatistics(_ reader: inout JSONReader, into set: inout MetricSet) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      guard reader.keyIs("account_statz") else { return try reader.skipValue() }
      try reader.eachElement { reader throws(JSONError) in try mapAccountStatistic(&reader, into: &set) }
    }
  }

  private func mapAccountStatistic(_ reader: inout JSONReader, into set: inout MetricSet) throws(JSONError) {
    var account = ""
    var name = ""
    var values: [String: Double] = [:]
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "acc": account = try reader.text()
      case "name": name = try reader.text()
      case "conns": values["current_connections"] = try reader.number()
      case "total_conns": values["total_connections"] = try reader.number()
      case "num_subscriptions": values["subscriptions"] = try reader.number()
      case "leafnodes": values["leaf_nodes"] = try reader.number()
      case "slow_consumers": values["slow_consumers"] = try reader.number()
      case "sent": try readTraffic(&reader, "sent", &values)
      case "received": try readTraffic(&reader, "received", &values)
      default: try reader.skipValue()
      }
    }
    let labels = serverLabels.with(["account": account, "account_id": account, "account_name": name])
    guard let row = set.row(labels, series: Self.statistics.count) else { return }
    for (name, help) in Self.statistics {
      set.add(set.family(coreName("accstatz", name), help: help), row, values[name] ?? 0)
    }
  }

  private func readTraffic(
    _ reader: inout JSONReader, _ direction: String, _ values: inout [String: Double]
  ) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      if reader.keyIs("msgs") {
        values[direction + "_messages"] = try reader.number()
      } else if reader.keyIs("bytes") {
        values[direction + "_bytes"] = try reader.number()
      } else {
        try reader.skipValue()
      }
    }
  }

  private static let statistics: [(name: String, help: String)] = [
    ("current_connections", "Client connections of the account now."),
    ("total_connections", "Client connections of the account since it exists."),
    ("subscriptions", "Subscriptions of the account."),
    ("leaf_nodes", "Leaf node connections of the account."),
    ("sent_messages", "Messages sent to the account's clients."),
    ("sent_bytes", "Bytes sent to the account's clients."),
    ("received_messages", "Messages received from the account's clients."),
    ("received_bytes", "Bytes received from the account's clients."),
    ("slow_consumers", "Clients of the account that were closed because they were slow."),
  ]

  // MARK: - One account

  /// The accounts that `/accountz` lists; each is asked for by `/accountz?acc=NAME`.
  public static func accounts(_ json: UnsafeRawBufferPointer) throws(JSONError) -> [String] {
    var reader = JSONReader(json, maximumDepth: MetricLimits.depth)
    var accounts: [String] = []
    try reader.eachMember { reader throws(JSONError) in
      guard reader.keyIs("accounts") else { return try reader.skipValue() }
      try reader.eachElement { reader throws(JSONError) in accounts.append(try reader.text()) }
    }
    try reader.finish()
    return accounts
  }

  /// Adds one account, the answer of `/accountz?acc=NAME`. What is no such answer adds nothing.
  public func mapAccount(_ json: UnsafeRawBufferPointer, into set: inout MetricSet) throws(JSONError) {
    try JSONReader.validate(json)
    var reader = JSONReader(json, maximumDepth: MetricLimits.depth)
    try mapAccount(&reader, into: &set)
  }

  func mapAccount(_ reader: inout JSONReader, into set: inout MetricSet) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      guard reader.keyIs("account_detail") else { return try reader.skipValue() }
      if reader.readNull() { return }
      try mapAccountDetail(&reader, into: &set)
    }
  }

  private func mapAccountDetail(_ reader: inout JSONReader, into set: inout MetricSet) throws(JSONError) {
    var account = ""
    var name = ""
    var values: [String: Double] = [:]
    try reader.eachMember { reader throws(JSONError) in
      let key = reader.key
      switch key {
      case "account_name": account = try reader.text()
      case "name_tag": name = try reader.text()
      case "client_connections", "leafnode_connections", "subscriptions": values[key] = try reader.number()
      case "is_system", "expired", "complete", "jetstream_enabled": values[key] = try reader.truth()
      case "decoded_jwt": try readClaims(&reader, &values)
      default: try reader.skipValue()
      }
    }
    let labels = serverLabels.with(["account_id": account, "account_name": name])
    guard let row = set.row(labels, series: Self.accountFields.count) else { return }
    for (name, help) in Self.accountFields {
      set.add(set.family(coreName("accountz", name), help: help), row, values[name] ?? 0)
    }
  }

  /// `nats.limits` of the account's claims.
  private func readClaims(_ reader: inout JSONReader, _ values: inout [String: Double]) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      guard reader.keyIs("nats") else { return try reader.skipValue() }
      try reader.eachMember { reader throws(JSONError) in
        guard reader.keyIs("limits") else { return try reader.skipValue() }
        try reader.eachMember { reader throws(JSONError) in
          let key = reader.key
          switch key {
          case "subs", "data", "payload", "imports", "exports", "conn", "leaf":
            values["limit_" + key] = try reader.number()
          case "wildcards": values["limit_wildcards"] = try reader.truth()
          default: try reader.skipValue()
          }
        }
      }
    }
  }

  private static let accountFields: [(name: String, help: String)] = [
    ("client_connections", "Client connections of the account."),
    ("leafnode_connections", "Leaf node connections of the account."),
    ("subscriptions", "Subscriptions of the account."),
    ("is_system", "Whether this is the system account."),
    ("expired", "Whether the account's claims have expired."),
    ("complete", "Whether all imports of the account are resolved."),
    ("jetstream_enabled", "Whether the account may use JetStream."),
    ("limit_subs", "Subscriptions that the account's claims allow; -1 for any number."),
    ("limit_data", "Bytes of data that the account's claims allow; -1 for any number."),
    ("limit_payload", "Bytes of a message that the account's claims allow; -1 for any number."),
    ("limit_imports", "Imports that the account's claims allow; -1 for any number."),
    ("limit_exports", "Exports that the account's claims allow; -1 for any number."),
    ("limit_wildcards", "Whether the account's claims allow wildcards in exports."),
    ("limit_conn", "Client connections that the account's claims allow; -1 for any number."),
    ("limit_leaf", "Leaf node connections that the account's claims allow; -1 for any number."),
  ]
}
