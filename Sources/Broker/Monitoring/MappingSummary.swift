import Configuration
import JSON
import Subjects

/// A mapping as `/accountz` shows it: destinations by weight, each with the sum of the weights up to it.
struct MappingSummary: Sendable, Equatable {
  struct Destination: Sendable, Equatable {
    var subject: String
    var weight: Int
    var cluster: String
  }

  let source: String
  let destinations: [Destination]

  init(_ mapping: MappingOptions) {
    source = mapping.source
    let clusters = Set(mapping.destinations.map(\.cluster)).subtracting([""]).sorted()
    destinations = ([""] + clusters).flatMap { Self.destinations(of: mapping, cluster: $0) }
  }

  /// What is missing to 100 % stays with the source, unless the source is a destination itself.
  private static func destinations(of mapping: MappingOptions, cluster: String) -> [Destination] {
    var list = mapping.destinations.filter { $0.cluster == cluster }
      .map { Destination(subject: $0.subject, weight: $0.weight, cluster: cluster) }
    let total = list.reduce(0) { $0 + $1.weight }
    if total != 100, !mapping.destinations.contains(where: { $0.subject == mapping.source }) {
      let kept = SubjectTransform.withPlaceholders(mapping.source)
      list.append(Destination(subject: kept, weight: 100 - total, cluster: cluster))
    }
    list = list.enumerated().sorted { ($0.element.weight, $0.offset) < ($1.element.weight, $1.offset) }.map(\.element)
    var sum = 0
    for position in list.indices {
      sum += list[position].weight
      list[position].weight = sum
    }
    return list
  }

  func writeDestinations(to writer: inout JSONWriter) {
    writer.beginArray()
    for destination in destinations {
      writer.beginObject()
      writer.field("subject", destination.subject)
      writer.field("weight", destination.weight)
      writer.field("cluster", destination.cluster, omitEmpty: true)
      writer.endObject()
    }
    writer.endArray()
  }
}
