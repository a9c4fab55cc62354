import JSON
import Testing

@testable import NATSClient

@Suite struct JetStreamAnswerTests {
  @Test(
    arguments: [
      (#"{"config":{"name":"A"}}"#, nil),
      (#"{"config":{},"error":null}"#, nil),
      (
        #"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#,
        .api(APIError(code: 404, errorCode: 10059, description: "stream not found"))
      ),
      (#"{"error":{"code":"many"}}"#, .malformed("error")), ("[]", .malformed("[]")), ("", .malformed("")),
      (String(repeating: "x", count: 300), .malformed(String(repeating: "x", count: 256))),
    ] as [(String, JetStreamError?)])
  func answers(_ text: String, _ expected: JetStreamError?) {
    let answer = JetStreamAnswer.read(.success(ClientMessage(subject: "i", payload: Array(text.utf8))))
    switch answer {
    case .success(let value): #expect(expected == nil && value["config"] != nil)
    case .failure(let error): #expect(error == expected)
    }
  }

  @Test func noAnswerIsTheClientsError() {
    #expect(JetStreamAnswer.read(.failure(.timedOut)) == .failure(.client(.timedOut)))
  }
}
