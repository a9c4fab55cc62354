import Bytes

/// A mapping of an account: messages published to `source` go to one of several destinations, chosen by weight
/// (FEATURES 2.007 to 2.010).
public struct AccountMapping: Equatable, Sendable {
  /// A destination as configured.
  public struct Destination: Equatable, Sendable {
    public var subject: String
    /// Percent of the messages, 0 to 100.
    public var weight: Int
    /// Only on servers of this cluster; empty for all others.
    public var cluster: String

    public init(subject: String, weight: Int = 100, cluster: String = "") {
      self.subject = subject
      self.weight = weight
      self.cluster = cluster
    }
  }

  public enum Invalid: Error, Equatable, CustomStringConvertible {
    case source
    case duplicate(String)
    case weight
    case totalWeight
    case transform(SubjectTransformError)

    /// nats-server's text, which follows `Error adding mapping for "…" : `.
    public var description: String {
      switch self {
      case .source: "invalid subject"
      case .duplicate(let subject): "duplicate entry for \(GoString.quote(subject))"
      case .weight: "individual weights need to be <= 100"
      case .totalWeight: "total weight needs to be <= 100"
      case .transform(let error): error.description
      }
    }
  }

  /// A destination, and the sum of weights up to and including it.
  private struct Choice: Equatable, Sendable {
    /// `nil` for an empty destination: such messages are lost.
    var transform: SubjectTransform?
    var weight: Int
  }

  public let source: String
  private let sourceBytes: [UInt8]
  private let isLiteral: Bool
  private var unscoped: [Choice] = []
  private var scoped: [String: [Choice]] = [:]
  /// What applies on this server.
  private var choices: [Choice]

  public init(source: String, destinations: [Destination]) throws(Invalid) {
    guard Subject.isValid(source) else { throw .source }
    self.source = source
    sourceBytes = [UInt8](source.utf8)
    isLiteral = Subject.isLiteral(source)
    var seen: Set<String> = []
    var totals: [String: Int] = [:]
    for destination in destinations {
      guard seen.insert(destination.subject).inserted else { throw .duplicate(destination.subject) }
      guard (0...100).contains(destination.weight) else { throw .weight }
      totals[destination.cluster, default: 0] += destination.weight
      guard totals[destination.cluster]! <= 100 else { throw .totalWeight }
      let choice = Choice(transform: try Self.transform(source, destination.subject), weight: destination.weight)
      if destination.cluster.isEmpty {
        unscoped.append(choice)
      } else {
        scoped[destination.cluster, default: []].append(choice)
      }
    }
    // What is left of 100 stays with the source, unless that is a destination: then it is lost.
    let keepsRest = !seen.contains(source)
    unscoped = try Self.completed(unscoped, keepsRest ? source : nil)
    for (cluster, choices) in scoped { scoped[cluster] = try Self.completed(choices, keepsRest ? source : nil) }
    choices = unscoped
  }

  /// Chooses the destinations for servers of a cluster; without a name, or without destinations of its own, the
  /// unscoped ones (FEATURES 2.009).
  public mutating func select(cluster: String) { choices = scoped[cluster] ?? unscoped }

  /// Whether messages to this subject are mapped.
  public func matches(_ subject: UnsafeRawBufferPointer) -> Bool {
    sourceBytes.withUnsafeBytes { source in
      isLiteral && source.equals(subject) || Subject.isSubset(subject, of: source)
    }
  }

  /// Chooses by `random` (uniform over 64 bits) and writes the new subject. `nil` if the message is lost, otherwise
  /// the subject's length; if that is more than `output` holds, call again with the same number and more room.
  public func map(
    _ subject: UnsafeRawBufferPointer, random: UInt64, into output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    // High bits choose the destination, a second draw serves {{random(n)}}.
    let draw = Int(random.multipliedFullWidth(by: 100).high)
    for choice in choices where draw < choice.weight {
      guard let transform = choice.transform else { return nil }
      // nats-server hands no tokens to the transform of a literal source: partition(n) hashes nothing there.
      let given = isLiteral ? UnsafeRawBufferPointer(start: nil, count: 0) : subject
      return transform.apply(to: given, random: random &* 0xD134_2543_DE82_EF95, into: output)
    }
    return nil
  }

  private static func transform(_ source: String, _ destination: String) throws(Invalid) -> SubjectTransform? {
    if destination.isEmpty { return nil }
    do {
      try SubjectTransform.validateMapping(source: source, destination: destination)
      return try SubjectTransform(source: source, destination: destination)
    } catch {
      throw .transform(error)
    }
  }

  private static func completed(_ choices: [Choice], _ source: String?) throws(Invalid) -> [Choice] {
    var choices = choices
    let total = choices.reduce(0) { $0 + $1.weight }
    if total != 100, let source {
      do {
        let same = try SubjectTransform(source: source, destination: SubjectTransform.withPlaceholders(source))
        choices.append(Choice(transform: same, weight: 100 - total))
      } catch {
        throw .transform(error)
      }
    }
    var sum = 0
    for index in choices.indices {
      sum += choices[index].weight
      choices[index].weight = sum
    }
    return choices
  }
}
