// Where the messages of a stream lie, in files or in memory: blocks, the index by subject, deletions, recovery. What a
// stream may store is JetStream's business; when it is durable, the Journal's.
