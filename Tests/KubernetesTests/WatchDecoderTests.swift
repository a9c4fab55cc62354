import JSON
import Testing

@testable import Kubernetes

@Suite struct WatchDecoderTests {
  private let lines = """
    {"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}
    {"type":"MODIFIED","object":{"metadata":{"name":"ä","resourceVersion":"2"}}}

    {"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}
    {"type":"DELETED","object":{"metadata":{"name":"a"}}}
    {"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}
    {"type":"NEWER","object":{}}

    """

  private func decode(_ pieces: [[UInt8]], limit: Int = 1000) throws -> [WatchEvent] {
    var decoder = WatchDecoder(limit: limit)
    var events: [WatchEvent] = []
    for piece in pieces { try decoder.take(piece) { events.append($0) } }
    return events
  }

  @Test func eventsAreTheSameInWhateverPiecesTheyCome() throws {
    let bytes = Array(lines.utf8)
    let whole = try decode([bytes])
    #expect(whole.count == 5)
    #expect(whole[2] == .bookmark(resourceVersion: "7"))
    #expect(whole[4] == .error(APIStatus(code: 410, reason: "Expired", message: "too old")))
    for size in [1, 2, 3, 7, 64, 100] {
      let pieces = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
      #expect(try decode(pieces) == whole, "pieces of \(size)")
    }
  }

  @Test func whatIsTooLargeOrNoEventEndsTheWatch() {
    #expect(throws: WatchDecoder.Problem.tooLarge) { try decode([Array(repeating: 32, count: 1001)]) }
    #expect(throws: WatchDecoder.Problem.tooLarge) { try decode([[32], Array(repeating: 32, count: 1000) + [10]]) }
    #expect(throws: WatchDecoder.Problem.self) { try decode([Array("nonsense\n".utf8)]) }
    #expect(throws: WatchDecoder.Problem.self) { try decode([Array("{\"type\":\"ADDED\"}\n".utf8)]) }
  }
}

@Suite struct ListPageTests {
  @Test func objectsComeOneByOneAndTheHeadTellsWhereToGoOn() throws {
    var names: [String] = []
    let text =
      #"{"kind":"StreamList","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}],"#
      + #""metadata":{"resourceVersion":"42","continue":"next"}}"#
    let page = try ListPage(Array(text.utf8)) { names.append($0["metadata"]?["name"]?.string ?? "") }
    #expect(names == ["a", "b"] && page.count == 2)
    #expect(page.resourceVersion == "42" && page.continuation == "next")
  }

  @Test(arguments: ["", "[]", #"{"items":[{"#, #"{"items":{}}"#, #"{"items":[]} x"#])
  func whatIsNoListIsRefused(_ text: String) {
    #expect(throws: JSONError.self) { try ListPage(Array(text.utf8)) { _ in } }
  }

  @Test func aListWithoutItemsIsEmpty() throws {
    let page = try ListPage(Array(#"{"metadata":{"resourceVersion":"1"},"items":null}"#.utf8)) { _ in }
    #expect(page.count == 0 && page.resourceVersion == "1")
  }
}
