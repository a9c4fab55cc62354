import JSON
import JetStreamAPI
import Testing

struct JetStreamErrorTests {
  @Test func anErrorIsWrittenAsClientsReadIt() {
    let text = String(decoding: JetStreamError.streamNotFound.json(), as: UTF8.self)
    #expect(text == #"{"code":404,"err_code":10059,"description":"stream not found"}"#)
  }

  @Test func aVariablePartIsFilledIn() {
    #expect(JetStreamError.streamWrongLastSequence(7).description == "wrong last sequence: 7")
  }
}
