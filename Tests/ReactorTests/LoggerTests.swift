import Bytes
import Foundation
import Testing

@testable import Reactor

@Suite struct LoggerTests {
  private let layout = LogLayout(process: 7)
  private let time = Timestamp(seconds: 1_767_366_245, nanoseconds: 123_456_789)

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("FEATURES 3.031: nats-server's line") func textLines() {
    var layout = self.layout
    layout.utc = true
    #expect(text(layout.line(.info, "hello", at: time)) == "[7] 2026/01/02 15:04:05.123456 [INF] hello\n")
    layout.showsTime = false
    #expect(text(layout.line(.error, "list\n", at: time)) == "[7] [ERR] list\n")
    layout.isColored = true
    #expect(text(layout.line(.warning, "x", at: time)) == "[7] [\u{1B}[0;93mWRN\u{1B}[0m] x\n")
  }

  @Test func jsonLines() {
    var layout = self.layout
    layout.format = .json
    layout.utc = true
    #expect(
      text(layout.line(.debug, "a \"b\" <c>\n", at: time))
        == #"{"time":"2026-01-02T15:04:05.123456Z","level":"debug","pid":7,"message":"a \"b\" <c>"}"# + "\n")
    layout.showsTime = false
    let line = #"127.0.0.1:4000 - cid:9 - "v1.2:go:my - app" - "ACC/user:x" - Client "y" - closed"#
    #expect(
      text(layout.line(.info, line, at: time))
        == #"{"level":"info","pid":7,"address":"127.0.0.1:4000","cid":9,"client":"v1.2:go:my - app","account":"ACC","#
        + #""user":"user:x","message":"Client \"y\" - closed"}"# + "\n")
  }

  @Test(arguments: [
    ("[::1]:4000 - rid:3 - Route created", "rid", "3", "Route created"),
    ("10.0.0.1:1 - cid:4 - \"unfinished - text", "cid", "4", "\"unfinished - text"),
    ("10.0.0.1:1 - cid:4 - \"a\\\"b\" - text", "cid", "4", "text"),
  ])
  func labels(_ line: String, _ kind: String, _ identifier: String, _ message: String) throws {
    let (label, rest) = try #require(ConnectionLabel.split(line))
    #expect(label.kind == kind && label.identifier == identifier && rest == message)
  }

  @Test(arguments: ["", "Server is ready", "a:1 - b:2 - c", "10.0.0.1:1 - cid:x - y", "no colon - cid:1 - x"])
  func linesWithoutLabel(_ line: String) { #expect(ConnectionLabel.split(line) == nil) }

  @Test("FEATURES 3.047: addresses of syslog servers") func syslogTargets() {
    #expect(try! SyslogTarget.parse("udp://localhost:514") == .udp("localhost:514"))
    #expect(try! SyslogTarget.parse("tcp://[::1]:601/x") == .tcp("[::1]:601"))
    #expect(try! SyslogTarget.parse("unix:///dev/log") == .unix("/dev/log"))
    for (text, problem) in [
      ("foo://x", "error invalid network type: \"foo\""), ("x", "error invalid network type: \"\""),
      ("127.0.0.1:1", "parse \"127.0.0.1:1\": first path segment in URL cannot contain colon"),
    ] {
      #expect(throws: SyslogTarget.Failure(description: problem)) { try SyslogTarget.parse(text) }
    }
  }

  @Test("FEATURES 3.046, 3.047: messages as Go's log/syslog writes them") func syslogMessages() {
    setenv("TZ", "UTC", 1)
    tzset()
    func message(_ target: SyslogTarget, _ level: LogLevel) -> String {
      text(
        SyslogFrame(target: target, hostName: "h", tag: "natsd", process: 7).message(level, Array("x".utf8), at: time))
    }
    #expect(message(.local, .info) == "<29>Jan  2 15:04:05 natsd[7]: x\n")
    #expect(message(.unix("/x"), .fatal) == "<2>Jan  2 15:04:05 natsd[7]: x\n")
    #expect(message(.udp("a:1"), .debug) == "<7>2026-01-02T15:04:05Z h natsd[7]: x\n")
    #expect(message(.tcp("a:1"), .trace) == "<5>2026-01-02T15:04:05Z h natsd[7]: x\n")
  }

  @Test("FEATURES 3.029: rotation by size, so many files kept") func rotation() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/n.log"
    try "kept".write(toFile: path + ".not.a.stamp", atomically: true, encoding: .utf8)
    var settings = Logger.Settings()
    settings.destination = .file(path: path, sizeLimit: 1000, maxFiles: 3)
    let logger = try Logger(settings)
    for number in 0..<100 { logger.info("line \(number) " + String(repeating: "x", count: 60)) }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(files.filter { LogFile.isStamp($0.dropFirst("n.log.".count)) }.count == 2)
    #expect(files.contains("n.log.not.a.stamp") && files.contains("n.log"))
    let current = try String(contentsOfFile: path, encoding: .utf8)
    #expect(current.contains("Rotated log, backup saved as \"\(path).") && current.contains("Purged log file \"n.log."))
    for file in files where file.hasPrefix("n.log.2") {
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + file)).count < 1400)
    }
  }

  @Test(arguments: [
    ("2026.01.02.03.04.05.123456789", true), ("2026.01.02.03.04.05.1", true), ("2026.01.02.03.04.05", false),
    ("2026.1.02.03.04.05.123456789", false), ("2026.01.02.03.04.05.12345678x", false), ("gz", false),
  ])
  func stamps(_ text: String, _ isOne: Bool) { #expect(LogFile.isStamp(text[...]) == isOne) }

  @Test func aFullDiskLosesLinesAndSaysHowMany() throws {
    let folder = try TemporaryFolder()
    var settings = Logger.Settings()
    settings.destination = .file(path: "/dev/full", sizeLimit: 10, maxFiles: 0)
    let logger = try Logger(settings)
    for _ in 0..<5 { logger.info("lost") }
    settings.destination = .file(path: folder.path + "/log", sizeLimit: 0, maxFiles: 0)
    try logger.apply(settings)
    logger.info("written")
    let text = try String(contentsOfFile: folder.path + "/log", encoding: .utf8)
    #expect(text.contains("[WRN] 5 log lines were lost: no space left on device\n"), "\(text)")
    #expect(text.hasSuffix("[INF] written\n"))
  }

  @Test func aPipeThatNobodyReadsHoldsNobodyUp() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    var settings = Logger.Settings()
    settings.destination = .file(path: path, sizeLimit: 0, maxFiles: 0)
    settings.time = false
    let logger = try Logger(settings)
    let filler = String(repeating: "x", count: 1000)
    // 64 KB fit the pipe, 1 MB waits; the rest is lost.
    let count = 3000
    let started = Date()
    for number in 0..<count { logger.info("\(number) \(filler)") }
    #expect(Date().timeIntervalSince(started) < 5)
    var received = Data()
    var block = [UInt8](repeating: 0, count: 65536)
    // Some of these may be lost, too.
    var ends = 0
    let deadline = Date().addingTimeInterval(30)
    while Date() < deadline {
      let length = read(reader, &block, block.count)
      if length > 0 { received.append(contentsOf: block[..<length]) } else { usleep(1000) }
      if received.count > 1_050_000 {
        logger.info("end")
        ends += 1
        // The first of these may still find others waiting, and go out before what was lost is told.
        let last = String(decoding: received.suffix(500), as: UTF8.self)
        if last.contains(" log lines were lost: "), last.hasSuffix("[INF] end\n") { break }
      }
    }
    let lines = String(decoding: received, as: UTF8.self).split(separator: "\n")
    let numbers = lines.compactMap { line in
      line.hasSuffix(filler) ? Int(line.split(separator: " ")[2]) : nil
    }
    #expect(numbers.count > 1000 && numbers.count < count)
    // Whole lines, in order.
    #expect(numbers == Array(0..<numbers.count))
    let reports = lines.filter { $0.hasSuffix("log lines were lost: the destination is too slow") }
    let lost = reports.compactMap { Int($0.split(separator: " ")[2]) }.reduce(0, +)
    let arrivedEnds = lines.count { $0.hasSuffix("[INF] end") }
    let lostEnds = lost - (count - numbers.count)
    #expect(
      arrivedEnds > 0 && lostEnds >= 0 && lostEnds <= ends - arrivedEnds, "\(reports), \(numbers.count) of \(count)")
  }

  @Test func aReaderThatGoesAwayIsNoReasonToDie() throws {
    signal(SIGPIPE, SIG_IGN)
    let folder = try TemporaryFolder()
    let path = folder.path + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    var settings = Logger.Settings()
    settings.destination = .file(path: path, sizeLimit: 0, maxFiles: 0)
    let logger = try Logger(settings)
    close(reader)
    for _ in 0..<100 { logger.info("nobody") }
    logger.flush()
  }
}

/// A folder that is removed at the end of a test.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "natsd-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
