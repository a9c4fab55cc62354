import JSON

/// `/gatewayz` and `/leafz`: connections to other servers. FEATURES 15.025, 15.026.
extension MetricMapping {
  private struct Remote {
    var name = ""
    var account = ""
    var address = ""
    var identifier = "0"
    var port = "0"
    var startSeconds = 0.0
    var lastActivitySeconds = 0.0
    var uptime = ""
    var idle = ""
    var roundTripSeconds = 0.0
    var pendingBytes = 0.0
    var inMessages = 0.0
    var outMessages = 0.0
    var inBytes = 0.0
    var outBytes = 0.0
    var subscriptions = 0.0
    var subscriptionList: [String] = []
  }

  // MARK: - Gateways

  func mapGateways(_ reader: inout JSONReader, into set: inout MetricSet) throws(JSONError) {
    var name = ""
    // The own name may stand behind what needs it.
    var gateways: [(direction: String, remoteName: String, isConfigured: Double, remote: Remote)] = []
    try reader.eachMember { reader throws(JSONError) in
      if reader.keyIs("name") {
        name = try reader.text()
      } else if reader.keyIs("outbound_gateways") {
        try reader.eachMember { reader throws(JSONError) in
          let remoteName = reader.key
          let (isConfigured, remote) = try readGateway(&reader)
          gateways.append(("outbound", remoteName, isConfigured, remote))
        }
      } else if reader.keyIs("inbound_gateways") {
        try reader.eachMember { reader throws(JSONError) in
          let remoteName = reader.key
          try reader.eachElement { reader throws(JSONError) in
            let (isConfigured, remote) = try readGateway(&reader)
            gateways.append(("inbound", remoteName, isConfigured, remote))
          }
        }
      } else {
        try reader.skipValue()
      }
    }
    for gateway in gateways {
      let labels = serverLabels.with([
        "gateway_name": name, "cid": gateway.remote.identifier, "remote_gateway_name": gateway.remoteName,
      ])
      addGateway(gateway.direction, isConfigured: gateway.isConfigured, gateway.remote, labels, to: &set)
    }
  }

  private func readGateway(_ reader: inout JSONReader) throws(JSONError) -> (isConfigured: Double, Remote) {
    var isConfigured = 0.0
    var remote = Remote()
    try reader.eachMember { reader throws(JSONError) in
      if reader.keyIs("configured") {
        isConfigured = try reader.truth()
      } else if reader.keyIs("connection") {
        remote = try readRemote(&reader)
      } else {
        try reader.skipValue()
      }
    }
    return (isConfigured, remote)
  }

  private func addGateway(
    _ direction: String, isConfigured: Double, _ remote: Remote, _ labels: LabelSet, to set: inout MetricSet
  ) {
    let values: [(name: String, help: String, value: Double)] = [
      ("configured", "Whether the gateway is in the configuration.", isConfigured),
      ("conn_start_time_seconds", "When the gateway connected, in seconds since 1970.", remote.startSeconds),
      (
        "conn_last_activity_seconds", "When the gateway was last active, in seconds since 1970.",
        remote.lastActivitySeconds
      ),
      ("conn_uptime_seconds", "How long the gateway is connected.", Self.seconds(remote.uptime)),
      ("conn_idle_seconds", "How long the gateway has been idle.", Self.seconds(remote.idle)),
      ("conn_rtt", "Round trip time to the gateway, in seconds.", remote.roundTripSeconds),
      ("conn_pending_bytes", "Bytes that wait for the gateway.", remote.pendingBytes),
      ("conn_in_msgs", "Messages from the gateway.", remote.inMessages),
      ("conn_out_msgs", "Messages to the gateway.", remote.outMessages),
      ("conn_in_bytes", "Bytes from the gateway.", remote.inBytes),
      ("conn_out_bytes", "Bytes to the gateway.", remote.outBytes),
      ("conn_subscriptions", "Subscriptions of the gateway.", remote.subscriptions),
    ]
    guard let row = set.row(labels, series: values.count) else { return }
    for (name, help, value) in values {
      set.add(set.family(coreName("gatewayz", "\(direction)_gateway_\(name)"), help: help), row, value)
    }
  }

  private static func seconds(_ uptime: String) -> Double {
    MonitoringText.uptimeMilliseconds(uptime) / 1000
  }

  // MARK: - Leaf nodes

  func mapLeafNodes(_ reader: inout JSONReader, into set: inout MetricSet) throws(JSONError) {
    var count = 0.0
    try reader.eachMember { reader throws(JSONError) in
      if reader.keyIs("leafnodes") {
        count = try reader.number()
      } else if reader.keyIs("leafs") {
        try reader.eachElement { reader throws(JSONError) in addLeafNode(try readRemote(&reader), to: &set) }
      } else {
        try reader.skipValue()
      }
    }
    set.add(coreName("leafz", "conn_nodes_total"), help: "Leaf node connections.", serverLabels, count)
  }

  private func addLeafNode(_ leaf: Remote, to set: inout MetricSet) {
    let labels = serverLabels.with([
      "account": leaf.account, "account_id": leaf.account, "ip": leaf.address, "port": leaf.port, "name": leaf.name,
    ])
    let values: [(name: String, help: String, value: Double)] = [
      ("info", "A leaf node connection. Always 1.", 1),
      ("conn_rtt", "Round trip time to the leaf node, in seconds.", leaf.roundTripSeconds),
      ("conn_in_msgs", "Messages from the leaf node.", leaf.inMessages),
      ("conn_out_msgs", "Messages to the leaf node.", leaf.outMessages),
      ("conn_in_bytes", "Bytes from the leaf node.", leaf.inBytes),
      ("conn_out_bytes", "Bytes to the leaf node.", leaf.outBytes),
      ("conn_subscriptions_total", "Subscriptions of the leaf node.", leaf.subscriptions),
    ]
    guard let row = set.row(labels, series: values.count) else { return }
    for (name, help, value) in values { set.add(set.family(coreName("leafz", name), help: help), row, value) }
    for subject in leaf.subscriptionList {
      set.add(
        coreName("leafz", "conn_subscriptions"), help: "A subscription of the leaf node. Always 0.",
        labels.with(["subscription": subject]), 0)
    }
  }

  // MARK: - Both

  private func readRemote(_ reader: inout JSONReader) throws(JSONError) -> Remote {
    var remote = Remote()
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "cid": remote.identifier = try reader.readNumberText()
      case "name": remote.name = try reader.text()
      case "account": remote.account = try reader.text()
      case "ip": remote.address = try reader.text()
      case "port": remote.port = try reader.readNumberText()
      case "start": remote.startSeconds = Self.unixSeconds(try reader.text())
      case "last_activity": remote.lastActivitySeconds = Self.unixSeconds(try reader.text())
      case "uptime": remote.uptime = try reader.text()
      case "idle": remote.idle = try reader.text()
      case "rtt": remote.roundTripSeconds = Double(MonitoringText.nanoseconds(try reader.text()) ?? 0) / 1e9
      case "pending_bytes": remote.pendingBytes = try reader.number()
      case "in_msgs": remote.inMessages = try reader.number()
      case "out_msgs": remote.outMessages = try reader.number()
      case "in_bytes": remote.inBytes = try reader.number()
      case "out_bytes": remote.outBytes = try reader.number()
      case "subscriptions": remote.subscriptions = try reader.number()
      case "subscriptions_list":
        try reader.eachElement { reader throws(JSONError) in remote.subscriptionList.append(try reader.text()) }
      default: try reader.skipValue()
      }
    }
    return remote
  }

  private static func unixSeconds(_ text: String) -> Double {
    ((MonitoringText.unixMilliseconds(text) ?? 0) / 1000).rounded(.down)
  }
}
