import JetStream
