/// The families of one source: one endpoint of one server, or a process.
///
/// Made for large ones: the labels of a row (a consumer, a connection) are written once, and each of its series is 16
/// bytes that refer to them.
public struct MetricSet: Sendable {
  /// A family of this set, valid in the set that gave it.
  public struct FamilyID: Sendable {
    let index: Int
  }

  /// The labels of a row, valid in the set that gave them.
  public struct RowID: Sendable {
    let index: Int32
  }

  struct Sample: Sendable {
    let row: Int32
    let value: Double
  }

  struct Family: Sendable {
    let name: String
    let help: String
    let kind: MetricKind
    var samples: [Sample] = []
  }

  private(set) var families: [Family] = []
  private var indexes: [String: Int] = [:]
  private var labelText: [UInt8] = []
  private var labelEnds: [Int] = []
  private let maximumSeries: Int
  private var admittedSeries = 0
  /// Series left out because the set is full.
  public private(set) var droppedSeries = 0

  /// - Parameter maximumSeries: rows that would lead beyond are left out as a whole.
  public init(maximumSeries: Int = MetricLimits.seriesPerEndpoint) {
    self.maximumSeries = maximumSeries
  }

  /// Series in the set.
  public var seriesCount: Int { families.reduce(0) { $0 + $1.samples.count } }

  public var isEmpty: Bool { families.allSatisfy { $0.samples.isEmpty } }

  /// The family of this name, made when it is new. What declares it first counts.
  public mutating func family(_ name: String, _ kind: MetricKind = .gauge, help: String) -> FamilyID {
    if let index = indexes[name] { return FamilyID(index: index) }
    indexes[name] = families.count
    families.append(Family(name: name, help: help, kind: kind))
    return FamilyID(index: families.count - 1)
  }

  /// Takes the labels of a row that will have this many series; nil when the set is full.
  public mutating func row(_ labels: LabelSet, series: Int) -> RowID? {
    guard admittedSeries + series <= maximumSeries, labelEnds.count < Int32.max else {
      droppedSeries += series
      return nil
    }
    admittedSeries += series
    labels.write(to: &labelText)
    labelEnds.append(labelText.count)
    return RowID(index: Int32(labelEnds.count - 1))
  }

  public mutating func add(_ family: FamilyID, _ row: RowID, _ value: Double) {
    families[family.index].samples.append(Sample(row: row.index, value: value))
  }

  /// One series with labels of its own.
  public mutating func add(
    _ name: String, _ kind: MetricKind = .gauge, help: String, _ labels: LabelSet, _ value: Double
  ) {
    guard let row = row(labels, series: 1) else { return }
    add(family(name, kind, help: help), row, value)
  }

  func contains(_ name: String) -> Bool { indexes[name] != nil }

  /// The written labels of a row.
  func labels(_ row: Int32) -> ArraySlice<UInt8> {
    let index = Int(row)
    return labelText[(index == 0 ? 0 : labelEnds[index - 1])..<labelEnds[index]]
  }
}
