import JSON

/// `/jsz`: the server, its accounts, their streams and their consumers. FEATURES 15.032 to 15.037.
///
/// An answer can have 20 MB, and labels depend on what stands behind the rows they belong to. So each level is read
/// twice: once for its own fields, noting where its rows stand, and once for the rows.
extension MetricMapping {
  func mapJetStream(
    _ reader: inout JSONReader, _ json: UnsafeRawBufferPointer, into set: inout MetricSet
  ) throws(JSONError) {
    var server = JetStreamServer()
    var accounts: UnsafeRawBufferPointer?
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "disabled": server.disabled = try reader.truth()
      case "streams": server.streams = try reader.number()
      case "consumers": server.consumers = try reader.number()
      case "messages": server.messages = try reader.number()
      case "bytes": server.bytes = try reader.number()
      case "config": try server.readConfiguration(&reader)
      case "meta_cluster": if !reader.readNull() { try server.readMetaGroup(&reader) }
      case "account_details": accounts = try reader.readRaw()
      default: try reader.skipValue()
      }
    }
    let labels = serverLabels.with([
      "server_name": serverName, "cluster": server.cluster, "domain": server.domain, "meta_leader": server.leader,
      "is_meta_leader": String(!server.hasMetaGroup || server.leader == serverName),
    ])
    if let row = set.row(labels, series: 7) {
      for (name, help, value) in server.values {
        set.add(set.family(jetStreamName("server", name), help: help), row, value)
      }
    }
    guard let accounts else { return }
    let families = JetStreamFamilies(self, &set)
    var rows = JSONReader(accounts, maximumDepth: MetricLimits.depth)
    try rows.eachElement { reader throws(JSONError) in try mapAccount(&reader, labels, families, into: &set) }
  }

  private func mapAccount(
    _ reader: inout JSONReader, _ server: LabelSet, _ families: JetStreamFamilies, into set: inout MetricSet
  ) throws(JSONError) {
    var name = ""
    var identifier = ""
    var memory = 0.0
    var storage = 0.0
    var maximumMemory = 0.0
    var maximumStorage = 0.0
    var streams: UnsafeRawBufferPointer?
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "name": name = try reader.text()
      case "id": identifier = try reader.text()
      case "memory": memory = try reader.number()
      case "storage": storage = try reader.number()
      case "reserved_memory": maximumMemory = try reader.number()
      case "reserved_storage": maximumStorage = try reader.number()
      case "stream_detail": streams = try reader.readRaw()
      default: try reader.skipValue()
      }
    }
    let labels = server.with(["account": name, "account_name": name, "account_id": identifier])
    if let row = set.row(labels, series: 4) {
      set.add(families.accountMaximumMemory, row, maximumMemory)
      set.add(families.accountMaximumStorage, row, maximumStorage)
      set.add(families.accountMemory, row, memory)
      set.add(families.accountStorage, row, storage)
    }
    guard let streams else { return }
    var rows = JSONReader(streams, maximumDepth: MetricLimits.depth)
    try rows.eachElement { reader throws(JSONError) in
      let stream = try JetStreamStream(&reader, metadataKeys: streamMetadata)
      try map(stream, labels, families, into: &set)
    }
  }

  private func map(
    _ stream: JetStreamStream, _ account: LabelSet, _ families: JetStreamFamilies, into set: inout MetricSet
  ) throws(JSONError) {
    var labels = account.with([
      "stream_name": stream.name, "stream_leader": stream.leader ?? "", "stream_raft_group": stream.raftGroup,
      "is_stream_leader": String(stream.leader == nil || stream.leader == serverName),
    ])
    for (label, value) in zip(streamMetadata, stream.metadata) { labels[label.label] = value }
    if let row = set.row(labels, series: stream.limits == nil ? 6 : 8) {
      set.add(families.streamMessages, row, stream.messages)
      set.add(families.streamBytes, row, stream.bytes)
      set.add(families.streamFirst, row, stream.first)
      set.add(families.streamLast, row, stream.last)
      set.add(families.streamConsumers, row, stream.consumers)
      set.add(families.streamSubjects, row, stream.subjects)
      if let limits = stream.limits {
        set.add(families.streamBytesLimit, row, limits.bytes)
        set.add(families.streamMessagesLimit, row, limits.messages)
      }
    }
    for (kind, origins) in [("source", stream.sources), ("mirror", stream.mirror.map { [$0] } ?? [])] {
      for origin in origins {
        var labels = labels
        labels[kind + "_name"] = origin.name
        labels[kind + "_api"] = origin.api
        labels[kind + "_deliver"] = origin.deliver
        guard let row = set.row(labels, series: 2) else { continue }
        set.add(kind == "mirror" ? families.mirrorLag : families.sourceLag, row, origin.lag)
        set.add(kind == "mirror" ? families.mirrorActive : families.sourceActive, row, origin.activeNanoseconds)
      }
    }
    guard let details = stream.consumerDetails else { return }
    var rows = JSONReader(details, maximumDepth: MetricLimits.depth)
    try rows.eachElement { reader throws(JSONError) in
      map(try JetStreamConsumer(&reader, metadataKeys: consumerMetadata), labels, families, into: &set)
    }
  }

  private func map(
    _ consumer: JetStreamConsumer, _ stream: LabelSet, _ families: JetStreamFamilies, into set: inout MetricSet
  ) {
    var labels = stream.with([
      "consumer_name": consumer.name, "consumer_leader": consumer.leader ?? "", "consumer_desc": consumer.text,
      "is_consumer_leader": String(consumer.leader == nil || consumer.leader == serverName),
    ])
    for (label, value) in zip(consumerMetadata, consumer.metadata) { labels[label.label] = value }
    let sinceDelivery = consumer.seconds(since: consumer.delivered)
    let sinceAck = consumer.seconds(since: consumer.ackFloor)
    let series = 8 + (sinceDelivery == nil ? 0 : 1) + (sinceAck == nil ? 0 : 1)
    guard let row = set.row(labels, series: series) else { return }
    if let sinceDelivery { set.add(families.lastDelivery, row, sinceDelivery) }
    if let sinceAck { set.add(families.lastAck, row, sinceAck) }
    set.add(families.deliveredConsumer, row, consumer.delivered.consumer)
    set.add(families.deliveredStream, row, consumer.delivered.stream)
    set.add(families.ackPending, row, consumer.ackPending)
    set.add(families.redelivered, row, consumer.redelivered)
    set.add(families.waiting, row, consumer.waiting)
    set.add(families.pending, row, consumer.pending)
    set.add(families.ackFloorStream, row, consumer.ackFloor.stream)
    set.add(families.ackFloorConsumer, row, consumer.ackFloor.consumer)
  }
}
