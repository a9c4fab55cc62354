import JSON
import Testing

@testable import NATSClient

struct JetStreamPagingTests {
  private static func page(_ names: [String], total: Int, more: String = "") throws -> JSONValue {
    let list = names.map { "\"\($0)\"" }.joined(separator: ",")
    return try JSONValue(parsing: #"{"total":\#(total),"offset":0,"limit":2,"streams":[\#(list)]\#(more)}"#)
  }

  @Test func pagesAreReadToTheEnd() throws {
    var pages = JetStreamClient.Pages(subject: "STREAM.NAMES", member: "streams", filter: nil)
    #expect(pages.take(try Self.page(["a", "b"], total: 3)) == .next)
    #expect(pages.body["offset"]?.int64 == 2)
    #expect(pages.take(try Self.page(["c"], total: 3, more: #","missing":["d"],"offline":{"e":"r"}"#)) == .done)
    #expect(pages.listing.items.compactMap(\.string) == ["a", "b", "c"])
    #expect(pages.listing.missing == ["d"])
    #expect(pages.listing.offline == ["e": "r"])
  }

  @Test func aListThatChangesIsReadAnew() throws {
    var pages = JetStreamClient.Pages(subject: "STREAM.NAMES", member: "streams", filter: nil)
    #expect(pages.take(try Self.page(["a", "b"], total: 4)) == .next)
    #expect(pages.take(try Self.page(["d"], total: 3)) == .next)
    #expect(pages.offset == 0)
    #expect(pages.take(try Self.page(["b", "c"], total: 3)) == .next)
    #expect(pages.take(try Self.page(["c", "d"], total: 3)) == .done)
    #expect(pages.listing.items.compactMap(\.string) == ["b", "c", "d"])
  }

  @Test func anEmptyPageEndsTheList() throws {
    var pages = JetStreamClient.Pages(subject: "STREAM.NAMES", member: "streams", filter: nil)
    #expect(pages.take(try Self.page([], total: 3)) == .done)
  }

  @Test(arguments: ["", "a.b", "a b", "a*", ">", "a/b", "a\\b"])
  func namesThatCannotBePartOfASubject(_ name: String) { #expect(!JetStreamClient.isName(name)) }

  @Test func anAPIErrorIsRead() {
    let text = #"{"type":"x","error":{"code":404,"err_code":10059,"description":"stream not found"}}"#
    let answer = JetStreamClient.read(.success(ClientMessage(subject: "i", payload: Array(text.utf8))))
    #expect(answer == .failure(.api(APIError(code: 404, errorCode: 10059, description: "stream not found"))))
    let broken = JetStreamClient.read(.success(ClientMessage(subject: "i", payload: [65])))
    #expect(broken == .failure(.malformed("A")))
  }
}
