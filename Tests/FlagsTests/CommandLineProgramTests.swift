import Testing

@testable import Flags

@Suite struct CommandLineProgramTests {
  @Test(
    "passwords on the command line are blanked",
    arguments: [
      ("x -s nats://u:pa@h:1,nats://v:w@i", "x -s nats://x:xx@h:1,nats://x:x@i"),
      ("x -s=nats://token@h", "x -s=nats://xxxxx@h"), ("x a,http://u:p@q@h:8222", "x a,http://x:xxx@h:8222"),
      ("x -pass abc -pass=de --pass=f --pass gh", "x -pass xxx -pass=xx --pass=x --pass xx"),
      ("x pass abc -passed abc nats://h:1 u@h", "x pass abc -passed abc nats://h:1 u@h"),
      ("x -pass= -s nats://@h", "x -pass= -s nats://@h"),
    ])
  func blanked(_ line: String, _ shown: String) {
    var arguments = line.split(separator: " ").map { Array($0.utf8) }
    let texts = line.split(separator: " ").map(String.init)
    for (index, places) in CommandLineProgram.secrets(in: texts, of: ["pass"]) {
      for place in places { arguments[index][place] = UInt8(ascii: "x") }
    }
    #expect(arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ") == shown)
  }

  @Test func usageIsSortedByName() {
    let flags = [
      FlagDescription("b", "beta", kind: .text, "Second.", standard: "1s"),
      FlagDescription("A", kind: .toggle, "First."),
    ]
    #expect(
      FlagDescription.usage(flags) == "  -A\n    \tFirst.\n  -b, -beta string\n    \tSecond. (default 1s)\n")
  }
}
