/// All mappings of an account, in order. The first whose source matches applies; its result is not mapped again
/// (FEATURES 2.011).
public struct AccountMappings: Equatable, Sendable {
  public enum Outcome: Equatable, Sendable {
    /// No mapping is for this subject.
    case unmapped
    /// The message goes to the subject of this length in the output buffer.
    case mapped(length: Int)
    /// The message goes nowhere (FEATURES 2.008); a request is answered as one without responders.
    case lost
  }

  public private(set) var mappings: [AccountMapping] = []
  private var cluster = ""

  public init() {}

  public var isEmpty: Bool { mappings.isEmpty }

  /// Adds a mapping, in place of one with the same source.
  public mutating func set(_ mapping: AccountMapping) {
    var mapping = mapping
    mapping.select(cluster: cluster)
    if let index = mappings.firstIndex(where: { $0.source == mapping.source }) {
      mappings[index] = mapping
    } else {
      mappings.append(mapping)
    }
  }

  /// Removes the mapping of a source. False if there is none.
  @discardableResult
  public mutating func remove(source: String) -> Bool {
    guard let index = mappings.firstIndex(where: { $0.source == source }) else { return false }
    mappings.remove(at: index)
    return true
  }

  /// The name of this server's cluster; empty for none.
  public mutating func select(cluster: String) {
    self.cluster = cluster
    for index in mappings.indices { mappings[index].select(cluster: cluster) }
  }

  /// Maps a published subject. See `AccountMapping.map`.
  public func map(
    _ subject: UnsafeRawBufferPointer, random: UInt64, into output: UnsafeMutableRawBufferPointer
  ) -> Outcome {
    for index in mappings.indices where mappings[index].matches(subject) {
      guard let length = mappings[index].map(subject, random: random, into: output) else { return .lost }
      return .mapped(length: length)
    }
    return .unmapped
  }
}
