/// Bytes: the ground floor. Text encodings (base32, base64), times and durations as Go prints them, quoting.
/// Nothing here knows NATS, files or sockets.
public enum Bytes {}
