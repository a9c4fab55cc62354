import JSON

/// `/connz`: totals over the connections of the answer and, in detail, a row for each. FEATURES 15.023, 15.024.
///
/// The answer holds 1,024 connections at most, the server's own limit, which bounds the rows.
extension MetricMapping {
  private struct Connection {
    var labels: LabelSet
    var pendingBytes = 0.0
    var subscriptions = 0.0
    var inBytes = 0.0
    var outBytes = 0.0
    var inMessages = 0.0
    var outMessages = 0.0
    var start = 0.0
    var lastActivity = 0.0
    var roundTripMicroseconds = 0.0
    var uptimeMilliseconds = 0.0
    var idleMilliseconds = 0.0
  }

  private struct Families {
    let pendingBytes, subscriptions, inBytes, outBytes, inMessages, outMessages: MetricSet.FamilyID

    init(_ mapping: MetricMapping, _ set: inout MetricSet) {
      func family(_ name: String, _ kind: MetricKind, _ help: String) -> MetricSet.FamilyID {
        set.family(mapping.coreName("connz", name), kind, help: help)
      }
      pendingBytes = family("pending_bytes", .gauge, "Bytes that wait for clients.")
      subscriptions = family("subscriptions", .gauge, "Subscriptions of clients.")
      inBytes = family("in_bytes", .counter, "Bytes that the server got from clients.")
      outBytes = family("out_bytes", .counter, "Bytes that the server sent to clients.")
      inMessages = family("in_msgs", .counter, "Messages that the server got from clients.")
      outMessages = family("out_msgs", .counter, "Messages that the server sent to clients.")
    }

    func add(_ connection: Connection, _ row: MetricSet.RowID, to set: inout MetricSet) {
      set.add(pendingBytes, row, connection.pendingBytes)
      set.add(subscriptions, row, connection.subscriptions)
      set.add(inBytes, row, connection.inBytes)
      set.add(outBytes, row, connection.outBytes)
      set.add(inMessages, row, connection.inMessages)
      set.add(outMessages, row, connection.outMessages)
    }
  }

  private struct DetailFamilies {
    let start, lastActivity, roundTrip, uptime, idle: MetricSet.FamilyID

    init(_ mapping: MetricMapping, _ set: inout MetricSet) {
      func family(_ name: String, _ kind: MetricKind, _ help: String) -> MetricSet.FamilyID {
        set.family(mapping.coreName("connz", name), kind, help: help)
      }
      start = family("start", .untyped, "When the client connected, in milliseconds since 1970.")
      lastActivity = family("last_activity", .untyped, "When the client was last active, in milliseconds since 1970.")
      roundTrip = family("rtt", .gauge, "Round trip time to the client, in microseconds.")
      uptime = family("uptime", .untyped, "How long the client is connected, in milliseconds.")
      idle = family("idle", .gauge, "How long the client has been idle, in milliseconds.")
    }

    func add(_ connection: Connection, _ row: MetricSet.RowID, to set: inout MetricSet) {
      set.add(start, row, connection.start)
      set.add(lastActivity, row, connection.lastActivity)
      set.add(roundTrip, row, connection.roundTripMicroseconds)
      set.add(uptime, row, connection.uptimeMilliseconds)
      set.add(idle, row, connection.idleMilliseconds)
    }
  }

  func mapConnections(_ reader: inout JSONReader, isDetailed: Bool, into set: inout MetricSet) throws(JSONError) {
    let families = Families(self, &set)
    let details = isDetailed ? DetailFamilies(self, &set) : nil
    var total = Connection(labels: serverLabels)
    var page: [String: Double] = ["num_connections": 0, "total": 0, "offset": 0, "limit": 0]
    // The totals' row is promised before details can fill the set.
    let row = set.row(serverLabels, series: 6 + page.count)
    try reader.eachMember { reader throws(JSONError) in
      let key = reader.key
      if page[key] != nil {
        page[key] = try reader.number()
      } else if key == "connections" {
        try reader.eachElement { reader throws(JSONError) in
          let connection = try readConnection(&reader, isDetailed: isDetailed)
          total.pendingBytes += connection.pendingBytes
          total.subscriptions += connection.subscriptions
          total.inBytes += connection.inBytes
          total.outBytes += connection.outBytes
          total.inMessages += connection.inMessages
          total.outMessages += connection.outMessages
          guard let details, let row = set.row(connection.labels, series: 11) else { return }
          families.add(connection, row, to: &set)
          details.add(connection, row, to: &set)
        }
      } else {
        try reader.skipValue()
      }
    }
    guard let row else { return }
    families.add(total, row, to: &set)
    for (name, value) in page.sorted(by: { $0.key < $1.key }) {
      set.add(set.family(coreName("connz", name), help: "The field \(name) of /connz."), row, value)
    }
  }

  private func readConnection(_ reader: inout JSONReader, isDetailed: Bool) throws(JSONError) -> Connection {
    var connection = Connection(labels: LabelSet())
    var labels = Self.emptyDetailLabels
    try reader.eachMember { reader throws(JSONError) in
      if reader.keyIs("pending_bytes") {
        connection.pendingBytes = try reader.number()
      } else if reader.keyIs("subscriptions") {
        connection.subscriptions = try reader.number()
      } else if reader.keyIs("in_bytes") {
        connection.inBytes = try reader.number()
      } else if reader.keyIs("out_bytes") {
        connection.outBytes = try reader.number()
      } else if reader.keyIs("in_msgs") {
        connection.inMessages = try reader.number()
      } else if reader.keyIs("out_msgs") {
        connection.outMessages = try reader.number()
      } else if isDetailed {
        try readDetail(&reader, into: &connection, &labels)
      } else {
        try reader.skipValue()
      }
    }
    if isDetailed {
      labels["server_id"] = serverID
      labels["account_id"] = labels["account"]
      connection.labels = labels
    }
    return connection
  }

  private func readDetail(
    _ reader: inout JSONReader, into connection: inout Connection, _ labels: inout LabelSet
  ) throws(JSONError) {
    let key = reader.key
    switch key {
    case "start": connection.start = MonitoringText.unixMilliseconds(try reader.text()) ?? -1
    case "last_activity": connection.lastActivity = MonitoringText.unixMilliseconds(try reader.text()) ?? -1
    case "rtt":
      connection.roundTripMicroseconds = MonitoringText.nanoseconds(try reader.text()).map { Double($0 / 1000) } ?? -1
    case "uptime": connection.uptimeMilliseconds = MonitoringText.uptimeMilliseconds(try reader.text())
    case "idle": connection.idleMilliseconds = MonitoringText.uptimeMilliseconds(try reader.text())
    case "cid", "port": labels[key] = try reader.readNumberText()
    case _ where labels[key] != nil: labels[key] = try reader.text()
    default: try reader.skipValue()
    }
  }

  private static let emptyDetailLabels: LabelSet = [
    "cid": "", "kind": "", "type": "", "ip": "", "port": "", "name": "", "name_tag": "", "account": "", "lang": "",
    "version": "", "tls_version": "", "tls_cipher_suite": "",
  ]
}
