/// Writes sets of families as one text: families by name, each declared once, whichever sets have it.
///
/// The text is made piece by piece as it is asked for, so that one of 50 MB needs no memory of that size.
public struct Exposition: Sendable {
  public enum Format: Sendable, Equatable {
    /// Prometheus text 0.0.4.
    case text
    /// OpenMetrics 1.0.0. Its counters must end in `_total`; the inherited ones do not, so there they have no type:
    /// renaming them would break queries.
    case openMetrics

    /// What a scraper's `Accept` header asks for: OpenMetrics when it is named with at least the quality of plain text.
    public init(accept: String?) {
      var openMetrics = -1.0
      var text = -1.0
      for part in (accept ?? "").utf8.split(separator: UInt8(ascii: ",")) {
        let pieces = part.split(separator: UInt8(ascii: ";")).map { Self.trimmed($0) }
        guard let type = pieces.first else { continue }
        let quality = pieces.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
        let version = pieces.dropFirst().first { $0.hasPrefix("version=") }.map { $0.dropFirst(8) }
        switch type {
        case "application/openmetrics-text" where version == nil || version == "1.0.0" || version == "0.0.1":
          openMetrics = max(openMetrics, quality)
        case "text/plain", "text/*", "*/*": text = max(text, quality)
        default: break
        }
      }
      self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }

    public var contentType: String {
      switch self {
      case .text: "text/plain; version=0.0.4; charset=utf-8"
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      }
    }

    private static func trimmed(_ bytes: Substring.UTF8View.SubSequence) -> String {
      String(decoding: bytes.filter { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self).lowercased()
    }
  }

  /// Where samples of a family stand.
  private struct Part {
    let name: String
    let set: Int
    let family: Int
  }

  private let sets: [MetricSet]
  private let format: Format
  private let parts: [Part]
  private var part = 0
  private var sample = 0
  private var isComplete = false

  public init(_ sets: [MetricSet], format: Format = .text) {
    self.sets = sets
    self.format = format
    var parts: [Part] = []
    for (set, metrics) in sets.enumerated() {
      for (family, content) in metrics.families.enumerated() where !content.samples.isEmpty {
        parts.append(Part(name: content.name, set: set, family: family))
      }
    }
    self.parts = parts.sorted { ($0.name, $0.set) < ($1.name, $1.set) }
  }

  /// Appends the next piece of the text, of about `count` bytes; false when there is nothing left.
  public mutating func next(_ count: Int, into text: inout [UInt8]) -> Bool {
    guard !isComplete else { return false }
    let end = text.count + count
    while part < parts.count {
      let place = parts[part]
      let set = sets[place.set]
      let family = set.families[place.family]
      while sample < family.samples.count {
        guard text.count < end else { return true }
        if sample == 0, part == 0 || parts[part - 1].name != place.name { declare(family, to: &text) }
        write(family.samples[sample], of: family, in: set, to: &text)
        sample += 1
      }
      part += 1
      sample = 0
    }
    if format == .openMetrics { text.append(contentsOf: "# EOF\n".utf8) }
    isComplete = true
    return true
  }

  /// The whole text.
  public static func bytes(_ sets: [MetricSet], format: Format = .text) -> [UInt8] {
    var exposition = Exposition(sets, format: format)
    var text: [UInt8] = []
    while exposition.next(1 << 20, into: &text) {}
    return text
  }

  private func declare(_ family: MetricSet.Family, to text: inout [UInt8]) {
    var name = family.name[...]
    let type: String
    switch (format, family.kind) {
    case (_, .gauge): type = "gauge"
    case (.text, .counter): type = "counter"
    case (.text, .untyped): type = "untyped"
    case (.openMetrics, .counter) where name.hasSuffix("_total"):
      type = "counter"
      name = name.dropLast(6)
    case (.openMetrics, _): type = "unknown"
    }
    text.append(contentsOf: "# HELP \(name) ".utf8)
    writeHelp(family.help, to: &text)
    text.append(contentsOf: "\n# TYPE \(name) \(type)\n".utf8)
  }

  private func writeHelp(_ help: String, to text: inout [UInt8]) {
    if format == .openMetrics { return LabelSet.writeEscaped(help[...], to: &text) }
    for byte in help.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): text.append(contentsOf: [byte, byte])
      case 0x0A: text.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
      default: text.append(byte)
      }
    }
  }

  private func write(
    _ sample: MetricSet.Sample, of family: MetricSet.Family, in set: MetricSet, to text: inout [UInt8]
  ) {
    text.append(contentsOf: family.name.utf8)
    let labels = set.labels(sample.row)
    if !labels.isEmpty {
      text.append(UInt8(ascii: "{"))
      text.append(contentsOf: labels)
      text.append(UInt8(ascii: "}"))
    }
    text.append(0x20)
    Self.writeValue(sample.value, to: &text)
    text.append(0x0A)
  }

  /// Whole numbers in full, which no parser rounds; others in their shortest form.
  static func writeValue(_ value: Double, to text: inout [UInt8]) {
    if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
      writeInteger(whole, to: &text)
    } else if value.isNaN {
      text.append(contentsOf: "NaN".utf8)
    } else if value.isInfinite {
      text.append(contentsOf: (value < 0 ? "-Inf" : "+Inf").utf8)
    } else {
      text.append(contentsOf: value.description.utf8)
    }
  }

  private static func writeInteger(_ value: Int64, to text: inout [UInt8]) {
    if value < 0 { text.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = text.count
    repeat {
      text.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    text[start...].reverse()
  }
}
