import JSON

/// A setting with a few values, each with its name in JSON.
public protocol NamedPolicy: RawRepresentable, CaseIterable, Sendable where RawValue == String {
  /// What stands for a value beside its name: the JSON text as it stands.
  static func value(ofJSON raw: String) -> Self?
}

extension NamedPolicy {
  public static func value(ofJSON raw: String) -> Self? {
    guard raw.utf8.count >= 2, raw.first == "\"", raw.last == "\"" else { return nil }
    return Self(rawValue: String(raw.dropFirst().dropLast()))
  }
}

extension RequestReader {
  /// One of the values of a policy; anything else, `null` included, ends reading.
  public mutating func read<Policy: NamedPolicy>(_ target: inout Policy) throws(RequestRefusal) {
    let raw = readRaw()
    guard let value = Policy.value(ofJSON: String(decoding: raw, as: UTF8.self)) else { throw .unmarshal(raw) }
    target = value
  }
}

/// When messages leave a stream (FEATURES 5.004).
public enum RetentionPolicy: String, NamedPolicy {
  case limits
  /// When every consumer has acknowledged them.
  case interest
  /// When one consumer has acknowledged them.
  case workQueue = "workqueue"
}

/// What happens to a publish that finds the stream full (FEATURES 5.011).
public enum DiscardPolicy: String, NamedPolicy {
  /// Old messages make room.
  case old
  /// It is refused.
  case new

  public static func value(ofJSON raw: String) -> Self? {
    switch raw.lowercased() {
    case "\"old\"": .old
    case "\"new\"": .new
    default: nil
    }
  }
}

/// Where a stream's messages live (FEATURES 5.013).
public enum StorageType: String, NamedPolicy {
  case file, memory
}

/// How blocks are stored (FEATURES 5.020).
public enum StoreCompression: String, CaseIterable, Sendable {
  case none, s2
}

/// When a publish is acknowledged (FEATURES 5.035).
public enum PersistMode: String, NamedPolicy {
  case `default`
  /// Possibly before the message is on disk.
  case async

  public static func value(ofJSON raw: String) -> Self? {
    switch raw {
    case "\"default\"", "\"\"": .default
    case "\"async\"": .async
    default: nil
    }
  }
}

extension RequestReader {
  mutating func read(_ target: inout StoreCompression) throws(RequestRefusal) {
    let raw = readRaw()
    var json = JSONReader(raw)
    var text = ""
    do throws(JSONError) {
      if !json.readNull() { text = try json.readString() }
    } catch {
      throw RequestRefusal(error.description)
    }
    guard let value = StoreCompression(rawValue: text) else { throw RequestRefusal("unknown compression algorithm") }
    target = value
  }
}
