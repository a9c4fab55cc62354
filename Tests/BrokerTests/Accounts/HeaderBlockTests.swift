import Testing

@testable import Broker

@Suite struct HeaderBlockTests {
  @Test(
    "2.029 a field is put at the end, in place of those of its name",
    arguments: [
      ("", "NATS/1.0\r\nKey: v\r\n\r\n"),
      ("NATS/1.0\r\n\r\n", "NATS/1.0\r\nKey: v\r\n\r\n"),
      ("NATS/1.0\r\nA: b\r\n\r\n", "NATS/1.0\r\nA: b\r\nKey: v\r\n\r\n"),
      ("NATS/1.0\r\nKey: old\r\nA: b\r\nKey:older\r\n\r\n", "NATS/1.0\r\nA: b\r\nKey: v\r\n\r\n"),
      ("NATS/1.0\r\nKey: old\r\n\r\n", "NATS/1.0\r\nKey: v\r\n\r\n"),
      ("NATS/1.0 100 Idle\r\nKey: old\r\n\r\n", "NATS/1.0 100 Idle\r\nKey: v\r\n\r\n"),
      (
        "NATS/1.0\r\nkey: other\r\nAKey: x\r\nKeys: y\r\nA: Key: z\r\n\r\n",
        "NATS/1.0\r\nkey: other\r\nAKey: x\r\nKeys: y\r\nA: Key: z\r\nKey: v\r\n\r\n"
      ),
    ])
  func setting(block: String, expected: String) {
    let changed = Array(block.utf8).withUnsafeBytes { HeaderBlock.setting("Key", to: "v", in: $0) }
    #expect(String(decoding: changed, as: UTF8.self) == expected)
  }
}
