/// The families of accounts, streams and consumers, looked up once a document.
struct JetStreamFamilies {
  let accountMaximumMemory, accountMaximumStorage, accountMemory, accountStorage: MetricSet.FamilyID
  let streamMessages, streamBytes, streamFirst, streamLast, streamConsumers, streamSubjects: MetricSet.FamilyID
  let streamBytesLimit, streamMessagesLimit: MetricSet.FamilyID
  let sourceLag, sourceActive, mirrorLag, mirrorActive: MetricSet.FamilyID
  let deliveredConsumer, deliveredStream, lastDelivery, lastAck: MetricSet.FamilyID
  let ackPending, redelivered, waiting, pending, ackFloorStream, ackFloorConsumer: MetricSet.FamilyID

  init(_ mapping: MetricMapping, _ set: inout MetricSet) {
    func family(_ subsystem: String, _ name: String, _ help: String) -> MetricSet.FamilyID {
      set.family(mapping.jetStreamName(subsystem, name), help: help)
    }
    accountMaximumMemory = family("account", "max_memory", "Bytes of memory reserved for the account.")
    accountMaximumStorage = family("account", "max_storage", "Bytes of storage reserved for the account.")
    accountMemory = family("account", "memory_used", "Bytes of memory that the account uses.")
    accountStorage = family("account", "storage_used", "Bytes of storage that the account uses.")

    streamMessages = family("stream", "total_messages", "Messages in the stream.")
    streamBytes = family("stream", "total_bytes", "Bytes in the stream.")
    streamFirst = family("stream", "first_seq", "Sequence of the first message of the stream.")
    streamLast = family("stream", "last_seq", "Sequence of the last message of the stream.")
    streamConsumers = family("stream", "consumer_count", "Consumers of the stream.")
    streamSubjects = family("stream", "subject_count", "Subjects that the stream holds messages of.")
    streamBytesLimit = family("stream", "limit_bytes", "Bytes that the stream may hold; -1 for any number.")
    streamMessagesLimit = family("stream", "limit_messages", "Messages that the stream may hold; -1 for any number.")

    sourceLag = family("stream", "source_lag", "Messages that the stream is behind a source.")
    sourceActive = family(
      "stream", "source_active_duration_ns", "Nanoseconds since the source was active; -1 when it never was.")
    mirrorLag = family("stream", "mirror_lag", "Messages that the stream is behind what it mirrors.")
    mirrorActive = family(
      "stream", "mirror_active_duration_ns", "Nanoseconds since the mirror was active; -1 when it never was.")

    deliveredConsumer = family("consumer", "delivered_consumer_seq", "Deliveries of the consumer.")
    deliveredStream = family("consumer", "delivered_stream_seq", "Stream sequence delivered last.")
    lastDelivery = family("consumer", "last_delivery_seconds", "Seconds since the last delivery.")
    lastAck = family("consumer", "last_ack_seconds", "Seconds since the last acknowledgement.")
    ackPending = family("consumer", "num_ack_pending", "Messages delivered and not acknowledged.")
    redelivered = family("consumer", "num_redelivered", "Messages that were delivered more than once.")
    waiting = family("consumer", "num_waiting", "Pull requests that wait for messages.")
    pending = family("consumer", "num_pending", "Messages that are to be delivered yet.")
    ackFloorStream = family("consumer", "ack_floor_stream_seq", "Stream sequence up to which all is acknowledged.")
    ackFloorConsumer = family("consumer", "ack_floor_consumer_seq", "Delivery up to which all is acknowledged.")
  }
}
