import JSON

/// What a watch tells.
public enum WatchEvent: Sendable, Equatable {
  /// Added or modified: the object as it is now.
  case changed(JSONValue)
  /// The object as it was last.
  case deleted(JSONValue)
  /// Everything up to this version was told.
  case bookmark(resourceVersion: String)
  /// The watch cannot go on.
  case error(APIStatus)
}

/// Cuts the body of a watch, which comes in any pieces, into events: one JSON object a line.
struct WatchDecoder {
  enum Problem: Error, Equatable {
    case tooLarge
    case malformed(String)
  }

  private let limit: Int
  private var rest: [UInt8] = []

  init(limit: Int = KubernetesLimits.watchEventBytes) {
    self.limit = limit
  }

  /// - Parameter event: called for every whole event, in their order.
  mutating func take(_ bytes: [UInt8], each event: (WatchEvent) -> Void) throws(Problem) {
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard rest.count + end - start <= limit else { throw .tooLarge }
      var line = rest
      line.append(contentsOf: bytes[start..<end])
      rest = []
      start = end + 1
      if let found = try Self.event(line) { event(found) }
    }
    guard rest.count + bytes.count - start <= limit else { throw .tooLarge }
    rest.append(contentsOf: bytes[start...])
  }

  /// Nil for an empty line and for a type of events that is not known.
  private static func event(_ line: [UInt8]) throws(Problem) -> WatchEvent? {
    guard line.contains(where: { $0 > 0x20 }) else { return nil }
    let document: JSONValue
    do {
      document = try JSONValue(parsing: line)
    } catch {
      throw .malformed("an event of the watch is not JSON: \(error)")
    }
    guard let object = document["object"] else { throw .malformed("an event of the watch has no object") }
    switch document["type"]?.string {
    case "ADDED", "MODIFIED": return .changed(object)
    case "DELETED": return .deleted(object)
    case "BOOKMARK": return .bookmark(resourceVersion: object["metadata"]?["resourceVersion"]?.string ?? "")
    case "ERROR": return .error(APIStatus(object))
    default: return nil
    }
  }
}
