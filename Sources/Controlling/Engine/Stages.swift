import JSON
import Reconciliation

/// A plan cut into stages: the steps of one may be carried out side by side, a stage begins when the one before has
/// ended. Deletions keep the plan's order; streams come origins first, and among equals the existing ones first, since
/// they may give up subjects that new ones take; then consumers.
struct Stages {
  private(set) var stages: [[PlanStep]] = []

  init(_ plan: Plan, desired: DesiredState) {
    let steps = plan.steps.filter { !$0.requests.isEmpty }
    let deletions = steps.filter { if case .delete = $0.outcome { true } else { false } }
    append(deletions.filter { !$0.identity.isStream })
    for step in deletions where step.identity.isStream { append([step]) }
    let changes = steps.filter { if case .delete = $0.outcome { false } else { true } }
    let streams = changes.filter(\.identity.isStream)
    let levels = Self.levels(streams, desired)
    for level in Set(levels.values).sorted() {
      let ofLevel = streams.filter { levels[$0.identity] == level }
      append(ofLevel.filter { !Self.creates($0) })
      append(ofLevel.filter(Self.creates))
    }
    append(changes.filter { !$0.identity.isStream })
  }

  private mutating func append(_ steps: [PlanStep]) {
    if !steps.isEmpty { stages.append(steps) }
  }

  private static func creates(_ step: PlanStep) -> Bool {
    if case .create = step.outcome { true } else { false }
  }

  /// How many streams of the plan must come before each. The plan has origins first, so one pass is enough; a cycle is
  /// cut where it is met.
  private static func levels(_ streams: [PlanStep], _ desired: DesiredState) -> [AssetIdentity: Int] {
    var levels: [AssetIdentity: Int] = [:]
    for step in streams {
      let origins = desired.assets[step.identity].map { $0.configuration.origins } ?? []
      levels[step.identity] = origins.compactMap { levels[.stream($0)] }.max().map { $0 + 1 } ?? 0
    }
    return levels
  }
}
