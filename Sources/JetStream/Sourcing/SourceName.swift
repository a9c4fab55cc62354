import Bytes
import Crypto
import JetStreamAPI

/// What tells the sources of a stream apart, as `Nats-Stream-Source` has it (FEATURES 5.052).
struct SourceName: Hashable, Sendable {
  /// The origin, with hashes of the API prefix and of the consumer if there are any.
  let stream: String
  /// What is wanted of it: one subject, or those of the transforms with form feeds between them.
  let filter: String
  let destination: String

  init(_ source: StreamSource) {
    var stream = source.name
    if let external = source.external { stream += ":" + ShortHash.make(external.apiPrefix) }
    if let consumer = source.consumer { stream += ":C=" + ShortHash.make(consumer.name) }
    self.stream = stream
    if source.subjectTransforms.isEmpty {
      filter = Self.all(source.filterSubject)
      destination = ">"
    } else {
      filter = source.subjectTransforms.map { Self.all($0.source) }.joined(separator: "\u{0C}")
      destination = source.subjectTransforms.map { Self.all($0.destination) }.joined(separator: "\u{0C}")
    }
  }

  private static func all(_ subject: String) -> String { subject.isEmpty ? ">" : subject }

  /// The name in one piece.
  var text: String { "\(stream) \(filter) \(destination)" }

  /// What old servers wrote instead: the origin alone.
  var oldStream: String { String(stream.prefix { $0 != ":" }) }
}

/// The value of `Nats-Stream-Source`: `<origin> <sequence> <filter> <destination> <subject> [<identity>]`. Servers before
/// 2.10 wrote the origin and the sequence only.
///
/// The windows point into the header, which must outlive them.
struct SourceMark {
  typealias Value = UnsafeRawBufferPointer

  let stream: Value
  let sequence: UInt64
  /// Filter and destination with the space between them; nil in old headers.
  let selection: Value?
  /// The subject at the origin.
  let subject: Value?
  /// Tells a stream from a later one of its name; nil: the origin told none.
  let identity: Value?

  /// nil when it is no such value.
  init?(_ value: Value) {
    var fields: [Value] = []
    var start = 0
    for index in 0...value.count where index == value.count || value[index] == UInt8(ascii: " ") {
      fields.append(Value(rebasing: value[start..<index]))
      start = index + 1
    }
    guard fields.count == 2 || fields.count >= 4, let sequence = PublishHeaders.decimal(fields[1]) else { return nil }
    stream = fields[0]
    self.sequence = sequence
    if fields.count >= 4 {
      let first = fields[0].count + fields[1].count + 2
      selection = Value(rebasing: value[first..<(first + fields[2].count + 1 + fields[3].count)])
    } else {
      selection = nil
    }
    subject = fields.count >= 5 ? fields[4] : nil
    identity = fields.count >= 6 ? fields[5] : nil
  }
}

/// Writes `Nats-Stream-Source` for the messages of one source.
struct SourceMarkWriter {
  private let front: [UInt8]
  private let selection: [UInt8]

  init(_ name: SourceName) {
    front = Array("Nats-Stream-Source: \(name.stream) ".utf8)
    selection = Array(" \(name.filter) \(name.destination) ".utf8)
  }

  /// Appends the field without the line end.
  func append(sequence: UInt64, subject: UnsafeRawBufferPointer, identity: [UInt8], to block: inout [UInt8]) {
    block += front
    block.append(decimal: sequence)
    block += selection
    block.append(contentsOf: subject)
    if identity.isEmpty { return }
    block.append(UInt8(ascii: " "))
    block += identity
  }
}
