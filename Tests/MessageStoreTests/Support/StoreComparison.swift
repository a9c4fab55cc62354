import MessageStore

/// Everything a store says, beside what the model says. Returns the first difference.
func difference(_ store: StreamStore, _ model: ModelStore, comparesBytes: Bool = true) throws -> String? {
  let state = store.state
  var expected = model.state
  expected.lost = state.lost
  if !comparesBytes { expected.bytes = state.bytes }
  if state != expected { return "state \(state) instead of \(expected)" }
  let last = model.lastSequence
  var sequences: [UInt64] = Array(stride(from: model.firstSequence, through: last, by: max(1, Int(last / 300))))
  sequences += [0, 1, last, last + 1]
  for sequence in sequences {
    if let problem = compare(try store.load(sequence), try model.load(sequence), "load \(sequence)") { return problem }
    if store.contains(sequence) != model.contains(sequence) { return "contains \(sequence)" }
  }
  let points: [UInt64] = [
    0, model.firstSequence, model.firstSequence + 1, (model.firstSequence + last) / 2, last, last + 1,
  ]
  for (number, filters) in (StoreChange.filters + [.everything]).enumerated() {
    for point in points {
      let where_ = "filter \(number) at \(point)"
      if let problem = compare(
        try store.next(from: point, matching: filters), try model.next(from: point, matching: filters), "next \(where_)"
      ) {
        return problem
      }
      if let problem = compare(
        try store.previous(through: point, matching: filters), try model.previous(through: point, matching: filters),
        "previous \(where_)")
      {
        return problem
      }
      for onlyLast in [false, true] {
        let found = try store.pending(from: point, matching: filters, lastPerSubject: onlyLast)
        let wanted = try model.pending(from: point, matching: filters, lastPerSubject: onlyLast)
        if found != wanted { return "pending \(where_) \(onlyLast): \(found) instead of \(wanted)" }
      }
      for limit in [2, 1000] {
        let found = try store.lastPerSubject(filters, through: point, limit: limit)
        let wanted = try model.lastPerSubject(filters, through: point, limit: limit)
        if found != wanted {
          return "last per subject \(where_): \(String(describing: found)) instead of \(String(describing: wanted))"
        }
      }
    }
    var found: [String] = []
    store.subjectTotals(filters) {
      found.append("\(String(decoding: $0, as: UTF8.self)) \($1)")
      return true
    }
    var wanted: [String] = []
    model.subjectTotals(filters) {
      wanted.append("\(String(decoding: $0, as: UTF8.self)) \($1)")
      return true
    }
    if found != wanted { return "totals of filter \(number): \(found) instead of \(wanted)" }
  }
  for subject in ["a.1", "b.2.x", "c.77", "none"] {
    let result: String? = try Array(subject.utf8).withUnsafeBytes { bytes in
      if store.count(of: bytes) != model.count(of: bytes) { return "count of \(subject)" }
      if try store.firstSequence(of: bytes) != model.firstSequence(of: bytes) { return "first of \(subject)" }
      if try store.lastSequence(of: bytes) != model.lastSequence(of: bytes) { return "last of \(subject)" }
      return nil
    }
    if let result { return result }
  }
  for point in points {
    if let problem = compare(
      try store.next(from: point, flagged: 1), try model.next(from: point, flagged: 1), "flagged from \(point)")
    {
      return problem
    }
    let time = Int64(point) * 1000 - 1000
    let found = try store.firstSequence(atOrAfter: time)
    let wanted = try model.firstSequence(atOrAfter: time)
    if found != wanted { return "first at or after \(time): \(found) instead of \(wanted)" }
  }
  let found = store.deletedRanges(limit: 1000)
  let wanted = model.deletedRanges(limit: 1000)
  if found != wanted { return "deleted \(found) instead of \(wanted)" }
  return nil
}

private func compare(_ left: StoredMessage?, _ right: StoredMessage?, _ what: String) -> String? {
  guard let left, let right else {
    return (left == nil) == (right == nil) ? nil : "\(what): \(left?.sequence ?? 0) instead of \(right?.sequence ?? 0)"
  }
  let isSame =
    left.sequence == right.sequence && left.timestamp == right.timestamp && left.flags == right.flags
    && left.bytes == right.bytes && left.subject.elementsEqual(right.subject)
    && left.header.elementsEqual(right.header) && left.payload.elementsEqual(right.payload)
  return isSame ? nil : "\(what): \(left.sequence) differs from \(right.sequence)"
}
