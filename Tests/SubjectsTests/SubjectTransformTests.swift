import Testing

@testable import Subjects

@Suite struct SubjectTransformTests {
  @Test("FEATURES 2.012 to 2.020, 2.023, 2.024: mapped subjects as observed on nats-server")
  func observed() throws {
    for row in observedMappings {
      let mapping = try AccountMapping(source: row.source, destinations: [.init(subject: row.destination)])
      var mappings = AccountMappings()
      mappings.set(mapping)
      let result = mappings.map(row.subject)
      #expect(result == row.received, "\(row.source) -> \(row.destination) on \(row.subject)")
    }
  }

  @Test("FEATURES 2.021: error texts as nats-server -t prints them")
  func errors() {
    for row in observedMappingErrors {
      var found: String?
      do throws(AccountMapping.Invalid) {
        _ = try AccountMapping(source: row.source, destinations: [.init(subject: row.destination)])
      } catch {
        found = error.description
      }
      #expect(found == row.error, "\(row.source) -> \(row.destination)")
    }
  }

  @Test("FEATURES 2.022: strict transforms use every wildcard and nothing else")
  func strict() {
    let rows: [(source: String, destination: String, error: String?)] = [
      ("foo.*", "bar.$1", nil), ("foo.*.*", "bar.{{wildcard(2)}}.$1", nil), ("foo.>", "bar.>", nil),
      ("foo", "bar", nil),
      (
        "foo.*.*", "bar.$1",
        "invalid mapping destination: not using all of the token wildcard(s) in bar.$1"
      ),
      (
        "foo.*", "bar.{{partition(3,1)}}",
        "invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} "
          + "in {{partition(3,1)}}"
      ),
      (
        "foo.*", "{{random(3)}}.$1",
        "invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} "
          + "in {{random(3)}}"
      ),
      ("foo.*", "bar.*", "invalid subject"), ("foo.>", "bar", "invalid subject"), ("foo", "", "invalid subject"),
    ]
    for row in rows {
      var found: String?
      do throws(SubjectTransformError) {
        _ = try SubjectTransform(source: row.source, destination: row.destination, strict: true)
      } catch {
        found = error.description
      }
      #expect(found == row.error, "\(row.source) -> \(row.destination)")
    }
  }

  @Test("A transform answers only for literal subjects that match, and >-to-> leaves everything as it is")
  func matching() throws {
    let transform = try SubjectTransform(source: "foo.*", destination: "bar.$1")
    #expect(transform.transform("foo.a") == "bar.a")
    #expect(transform.transform("foo.a.b") == nil)
    #expect(transform.transform("foo.*") == nil)
    #expect(transform.transform("foo.") == nil)
    let all = try SubjectTransform(source: "", destination: ">")
    #expect(all.transform("foo..a") == "foo..a")
    let literal = try SubjectTransform(source: "foo", destination: "bar.{{partition(1000000)}}")
    #expect(literal.transform("foo") == "bar.307223")
  }

  @Test("Imports are answered through the reverse")
  func reverse() throws {
    let rows: [(source: String, destination: String, backSource: String, backDestination: String)] = [
      ("foo", "bar", "bar", "foo"), ("foo.*", "bar.$1", "bar.*", "foo.$1"),
      ("foo.*.*", "bar.$2.$1", "bar.*.*", "foo.$2.$1"),
      ("foo.*.x.*", "{{wildcard(2)}}.y.{{wildcard(1)}}", "*.y.*", "foo.{{wildcard(2)}}.x.{{wildcard(1)}}"),
      ("foo.>", "bar.>", "bar.>", "foo.>"), ("*.>", "x.$1.>", "x.*.>", "$1.>"),
    ]
    for row in rows {
      let transform = try SubjectTransform(source: row.source, destination: row.destination, strict: true)
      let back = try #require(transform.reversed())
      #expect(back.source == row.backSource && back.destination == row.backDestination, "\(row)")
    }
    #expect(try SubjectTransform(source: "foo.*.*", destination: "bar.$1").reversed() == nil)
  }

  @Test("Patterns and destinations turn into each other")
  func placeholders() {
    #expect(SubjectTransform.withPlaceholders("foo.*.bar.*.>") == "foo.$1.bar.$2.>")
    let shape = SubjectTransform.withoutPlaceholders("foo.$2.{{ wildcard(1) }}.$x.$0.{{wildcard()}}.>")
    #expect(shape.pattern == "foo.*.*.$x.$0.{{wildcard()}}.>")
    #expect(shape.placeholders == ["$2", "{{ wildcard(1) }}"])
  }

  @Test("FEATURES 2.015: random numbers stay below n and reach all of it")
  func random() throws {
    let transform = try SubjectTransform(source: "foo", destination: "{{random(5)}}.{{random(3)}}")
    var generator = SeededGenerator(seed: 1)
    var seen: Set<String> = []
    for _ in 0..<1000 { seen.insert(try #require(transform.transform("foo", random: generator.next()))) }
    #expect(seen == Set((0..<5).flatMap { first in (0..<3).map { "\(first).\($0)" } }))
  }

  @Test("A buffer that is too small is filled, and the length says what is needed")
  func smallBuffer() throws {
    let transform = try SubjectTransform(source: "foo.*", destination: "bar.{{sliceFromLeft(1,2)}}.$1")
    let subject = Array("foo.abcdef".utf8)
    let whole = Array("bar.ab.cd.ef.abcdef".utf8)
    for capacity in 0...whole.count + 1 {
      var output = [UInt8](repeating: 0xFF, count: capacity)
      let length = output.withUnsafeMutableBytes { output in
        subject.withUnsafeBytes { transform.apply(to: $0, random: 0, into: output) }
      }
      #expect(length == whole.count)
      #expect(output.prefix(whole.count) == whole.prefix(capacity))
    }
  }

  @Test("Any destination and subject: no crash, and what fits is what is counted")
  func anything() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("SubjectTransformTests.anything seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let parts = [
      "{{", "}}", "wildcard", "split", "From", "left", "Slice", "right", "partition", "random", "(", ")", ",", "1", "2",
      "-", "$", ".", ">", "*", "a", " ", "é", "\n", "0",
    ]
    func words(_ limit: Int) -> String {
      (0..<Int.random(in: 0...limit, using: &generator)).map { _ in parts.randomElement(using: &generator)! }.joined()
    }
    var made = 0
    for _ in 0..<20_000 {
      let functions = ["{{split(1,-)}}", "{{sliceFromLeft(1,1)}}", "{{partition(9,1)}}", "$1", words(12)]
      let destination = "x." + functions.randomElement(using: &generator)!
      guard let transform = try? SubjectTransform(source: "a.*", destination: destination) else { continue }
      made += 1
      let subject = [UInt8](("a." + words(8)).utf8)
      let result = subject.withUnsafeBytes { transform.transformed($0, random: generator.next()) }
      #expect(result.starts(with: "x.".utf8), "\(destination), seed \(seed)")
    }
    #expect(made > 1000)
  }
}

extension AccountMappings {
  /// The subject on which subscribers receive a message: `nil` if nobody can.
  func map(_ subject: String, random: UInt64 = 0) -> String? {
    var output = [UInt8](repeating: 0, count: 1024)
    let outcome = output.withUnsafeMutableBytes { output in
      Array(subject.utf8).withUnsafeBytes { map($0, random: random, into: output) }
    }
    let result: [UInt8]
    switch outcome {
    case .lost: return nil
    case .unmapped: result = Array(subject.utf8)
    case .mapped(let length): result = Array(output[0..<length])
    }
    return result.withUnsafeBytes { Subject.hasEmptyToken($0) } ? nil : String(decoding: result, as: UTF8.self)
  }
}
