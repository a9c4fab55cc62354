import JSON

/// Streams sorted so that what a stream copies from comes before it; among equals, existing ones first, since they may
/// give up subjects that new ones take, then by name. A cycle is cut where it is met: the server refuses it.
struct StreamOrder {
  let originsFirst: [String]

  init(desired: DesiredState, observed: ObservedState) {
    var configurations: [String: JSONObject] = [:]
    for (identity, configuration) in observed.configurations where identity.isStream {
      configurations[identity.stream] = configuration
    }
    for (identity, asset) in desired.assets where identity.isStream {
      configurations[identity.stream] = asset.configuration
    }
    let names = configurations.keys.sorted { left, right in
      let exist = (
        observed.configurations[.stream(left)] != nil, observed.configurations[.stream(right)] != nil
      )
      return exist.0 == exist.1 ? left < right : exist.0
    }
    var sorted: [String] = []
    var seen: Set<String> = []
    // By hand, not by recursion: a chain may be long.
    var stack: [(name: String, isDone: Bool)] = names.reversed().map { ($0, false) }
    while let (name, isDone) = stack.popLast() {
      if isDone {
        sorted.append(name)
        continue
      }
      guard let configuration = configurations[name], seen.insert(name).inserted else { continue }
      stack.append((name, true))
      stack += configuration.origins.sorted(by: >).map { ($0, false) }
    }
    originsFirst = sorted
  }
}

extension JSONObject {
  /// Streams of the same account that a stream's configuration copies.
  public var origins: [String] {
    let all = [self["mirror"]].compactMap { $0 } + (self["sources"]?.array ?? [])
    return all.filter { $0["external"] == nil }.compactMap { $0["name"]?.string }
  }
}
