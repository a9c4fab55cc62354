import JSON

extension Plan {
  /// For people: a line for each asset that is not as wanted, a line for each member, and the counts.
  public var text: String {
    var lines: [String] = []
    for step in steps {
      let title = step.resource.map { "\(step.identity) (\($0))" } ?? "\(step.identity)"
      switch step.outcome {
      case .create: lines.append("+ \(title): create")
      case .delete: lines.append("- \(title): delete")
      case .unchanged: continue
      case .update(let changes):
        lines.append("~ \(title): update")
        lines += changes.map { "    \($0)" }
      case .refused(_, let changes, let message):
        lines.append("! \(title): refused: \(message)")
        lines += changes.map { "    \($0)" }
      }
    }
    let counts = counts
    lines.append(
      "Plan: \(counts.created) to create, \(counts.updated) to update, \(counts.deleted) to delete, "
        + "\(counts.unchanged) unchanged, \(counts.refused) refused.")
    return lines.joined(separator: "\n") + "\n"
  }

  /// For programs: `steps` with `asset`, `resource`, `action`, `changes`, `reason` and `message`, and `counts`.
  public var json: JSONValue {
    let counts = counts
    return .object([
      "steps": .array(steps.map(\.json)),
      "counts": .object([
        "create": JSONValue(counts.created), "update": JSONValue(counts.updated), "delete": JSONValue(counts.deleted),
        "unchanged": JSONValue(counts.unchanged), "refused": JSONValue(counts.refused),
      ]),
    ])
  }
}

extension PlanStep {
  fileprivate var json: JSONValue {
    var object: JSONObject = ["asset": .string("\(identity)")]
    object["resource"] = resource.map { .string($0) }
    var changes: [ConfigurationChange] = []
    switch outcome {
    case .create: object["action"] = .string("create")
    case .delete: object["action"] = .string("delete")
    case .unchanged: object["action"] = .string("none")
    case .update(let found):
      object["action"] = .string("update")
      changes = found
    case .refused(let reason, let found, let message):
      object["action"] = .string("refused")
      object["reason"] = .string(reason.rawValue)
      object["message"] = .string(message)
      changes = found
    }
    if !changes.isEmpty {
      object["changes"] = .array(
        changes.map {
          .object(["field": .string($0.member), "observed": $0.observed ?? .null, "desired": $0.desired ?? .null])
        })
    }
    return .object(object)
  }
}

extension ConfigurationChange: CustomStringConvertible {
  /// `max_age: 60000000000 -> (none)`.
  public var description: String {
    func text(_ value: JSONValue?) -> String {
      value.map { String(decoding: $0.json(escapesHTML: false), as: UTF8.self) } ?? "(none)"
    }
    return "\(member): \(text(observed)) -> \(text(desired))"
  }
}
