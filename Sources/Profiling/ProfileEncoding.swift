/// The forms of a CPU profile.
extension CPUProfile {
  /// Stacks, outermost first, with their number of samples: `thread;main;work 12`, a line each, for flame graphs.
  func folded(_ symbolizer: inout Symbolizer) -> String {
    var lines: [String: Int] = [:]
    for (stack, count) in counts {
      let names = stack.addresses.enumerated().map { index, address in
        symbolizer.name(address, isCaller: index > 0).replacingSemicolons
      }
      let thread = threadNames[stack.thread] ?? "thread"
      lines[([thread] + names.reversed()).joined(separator: ";"), default: 0] += count
    }
    return lines.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
      .map { "\($0.key) \($0.value)\n" }.joined()
  }

  /// The most expensive functions as text.
  func summary(_ symbolizer: inout Symbolizer, most: Int = 50) -> String {
    var own: [String: Int] = [:]
    var cumulative: [String: Int] = [:]
    for (stack, count) in counts {
      var seen: Set<String> = []
      for (index, address) in stack.addresses.enumerated() {
        let name = symbolizer.name(address, isCaller: index > 0)
        if index == 0 { own[name, default: 0] += count }
        if seen.insert(name).inserted { cumulative[name, default: 0] += count }
      }
    }
    let total = max(1, counts.values.reduce(0, +))
    func percent(_ count: Int) -> String { "\(count * 1000 / total / 10).\(count * 1000 / total % 10)%" }
    func padded(_ text: String) -> String { String(repeating: " ", count: max(0, 8 - text.count)) + text }
    var text = "\(counts.values.reduce(0, +)) samples of 10 ms CPU time in \(durationNanoseconds / 1_000_000) ms"
    text += lostSamples > 0 ? ", \(lostSamples) lost\n\n" : "\n\n"
    text += "     own   total  function\n"
    for (name, count) in cumulative.sorted(by: { own[$0.key, default: 0] > own[$1.key, default: 0] }).prefix(most) {
      text += "\(padded(percent(own[name, default: 0])))\(padded(percent(count)))  \(name)\n"
    }
    return text
  }

  /// pprof's format (`profile.proto` of github.com/google/pprof), not compressed.
  func pprof(_ symbolizer: inout Symbolizer) -> [UInt8] {
    var strings = StringNumbers()
    var output = ProtobufWriter()
    for (type, unit) in [("samples", "count"), ("cpu", "nanoseconds")] {
      output.message(1) { $0.valueType(type, unit, &strings) }
    }
    let regions = map.code.filter { $0.path.hasPrefix("/") }
    var locations: [UInt64: UInt64] = [:]
    var functions: [String: UInt64] = [:]
    let ordered = counts.sorted { $0.value > $1.value }
    for (stack, count) in ordered {
      var identifiers: [UInt64] = []
      for (index, address) in stack.addresses.enumerated() {
        // pprof wants addresses inside the call.
        let place = index > 0 ? address - 1 : address
        if let known = locations[place] {
          identifiers.append(known)
          continue
        }
        let identifier = UInt64(locations.count + 1)
        locations[place] = identifier
        identifiers.append(identifier)
        let name = symbolizer.name(address, isCaller: index > 0)
        let function = functions[name] ?? UInt64(functions.count + 1)
        let isNew = functions.updateValue(function, forKey: name) == nil
        let mapping = regions.firstIndex { $0.start <= place && place < $0.end }
        output.message(4) { location in
          location.number(1, identifier)
          location.number(2, UInt64(mapping.map { $0 + 1 } ?? 0))
          location.number(3, place)
          if !symbolizer.table.isEmpty { location.message(4) { $0.number(1, function) } }
        }
        if isNew {
          output.message(5) { message in
            message.number(1, function)
            message.number(2, strings[name])
            message.number(3, strings[name])
          }
        }
      }
      output.message(2) { sample in
        sample.packed(1, identifiers)
        sample.packed(2, [UInt64(count), UInt64(count) * UInt64(CPUProfile.periodNanoseconds)])
        sample.message(3) { label in
          label.number(1, strings["thread"])
          label.number(2, strings[threadNames[stack.thread] ?? "thread"])
        }
      }
    }
    for (index, region) in regions.enumerated() {
      output.message(3) { mapping in
        mapping.number(1, UInt64(index + 1))
        mapping.number(2, region.start)
        mapping.number(3, region.end)
        mapping.number(4, region.offset)
        mapping.number(5, strings[region.path])
        if region.path == symbolizer.program {
          mapping.number(6, strings[symbolizer.table.buildIdentifier])
          if !symbolizer.table.isEmpty { mapping.number(7, 1) }
        }
      }
    }
    output.number(9, UInt64(clamping: startNanoseconds))
    output.number(10, UInt64(clamping: durationNanoseconds))
    output.message(11) { $0.valueType("cpu", "nanoseconds", &strings) }
    output.number(12, UInt64(CPUProfile.periodNanoseconds))
    for text in strings.texts { output.text(6, text) }
    return output.bytes
  }
}

extension String {
  /// Folded stacks separate frames by semicolons.
  fileprivate var replacingSemicolons: String { String(map { $0 == ";" ? ":" : $0 }) }
}

/// pprof names texts by their position; the first is empty.
private struct StringNumbers {
  private(set) var texts = [""]
  private var numbers: [String: UInt64] = ["": 0]

  subscript(text: String) -> UInt64 {
    mutating get {
      if let number = numbers[text] { return number }
      let number = UInt64(texts.count)
      texts.append(text)
      numbers[text] = number
      return number
    }
  }
}

/// Protocol buffers: fields of numbers, texts and messages.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  /// Zero is the default and not written.
  mutating func number(_ field: UInt64, _ value: UInt64) {
    if value == 0 { return }
    varint(field << 3)
    varint(value)
  }

  mutating func text(_ field: UInt64, _ text: String) { raw(field, Array(text.utf8)) }

  mutating func packed(_ field: UInt64, _ values: [UInt64]) {
    var inner = ProtobufWriter()
    for value in values { inner.varint(value) }
    raw(field, inner.bytes)
  }

  mutating func message(_ field: UInt64, _ write: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    write(&inner)
    raw(field, inner.bytes)
  }

  fileprivate mutating func valueType(_ type: String, _ unit: String, _ strings: inout StringNumbers) {
    number(1, strings[type])
    number(2, strings[unit])
  }

  private mutating func raw(_ field: UInt64, _ contents: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(contents.count))
    bytes += contents
  }

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }
}
