import Foundation
import Testing

@testable import Reactor

@Suite struct FileWatcherTests {
  @Test func placesAreTheFileAndEveryLinkOnTheWay() {
    let links = [
      "/etc/nats/nats.conf": "..data/nats.conf", "/etc/nats/..data": "..2026_1", "/short": "/etc/nats",
      "loop": "loop",
    ]
    func places(_ path: String) -> [String: Set<String>] {
      var places = WatchedPlaces()
      places.add(path, linkTarget: { links[$0] })
      return places.names
    }
    #expect(
      places("/etc/nats/nats.conf") == ["/etc/nats": ["nats.conf", "..data"], "/etc/nats/..2026_1": ["nats.conf"]])
    #expect(
      places("/short/nats.conf") == [
        "/": ["short"], "/etc/nats": ["nats.conf", "..data"], "/etc/nats/..2026_1": ["nats.conf"],
      ])
    #expect(places("nats.conf") == [".": ["nats.conf"]])
    #expect(places("a/../b.conf") == ["a/..": ["b.conf"]])
    #expect(places("loop") == [".": ["loop"]])
    #expect(places("") == [:])
  }

  @Test func everyWayOfChangingAFileIsSeenOnce() throws {
    let folder = try TemporaryFolder()
    let manager = FileManager.default
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/" + name))
    }
    func publish(_ version: Int, _ text: String) throws {
      try manager.createDirectory(atPath: folder.path + "/..\(version)", withIntermediateDirectories: false)
      try write(text, "..\(version)/mounted")
      try manager.createSymbolicLink(atPath: folder.path + "/..next", withDestinationPath: "..\(version)")
      rename(folder.path + "/..next", folder.path + "/..data")
    }
    try write("1", "plain")
    try publish(1, "1")
    try manager.createSymbolicLink(atPath: folder.path + "/mounted", withDestinationPath: "..data/mounted")

    let group = LoopGroup(count: 1)
    let changes = Counter()
    group.startThreads(includingFirst: true)
    let loop = group.loops[0]
    nonisolated(unsafe) var watcher: FileWatcher?
    let files = ["plain", "mounted", "missing"].map { folder.path + "/" + $0 }
    loop.submit {
      watcher = FileWatcher(loop: loop) { changes.add() }
      watcher?.watch(files)
      changes.add()
    }
    #expect(changes.reaches(1))
    let steps: [(String, () throws -> Void)] = [
      ("written in place", { try write("2", "plain") }),
      (
        "replaced",
        {
          try write("3", "new")
          rename(folder.path + "/new", folder.path + "/plain")
        }
      ),
      ("turned", { try publish(2, "2") }),
      ("turned again", { try publish(3, "3") }),
      ("appears", { try write("1", "missing") }),
      ("goes", { try manager.removeItem(atPath: folder.path + "/missing") }),
    ]
    for (number, (name, step)) in steps.enumerated() {
      try step()
      #expect(changes.reaches(number + 2), "\(name)")
    }
    // Neither the same contents nor other files are changes.
    try write("3", "plain")
    try write("x", "other")
    usleep(500_000)
    #expect(changes.value == steps.count + 1)
    loop.submit {
      watcher?.stop()
      watcher = nil
    }
    group.stop()
    group.join()
  }
}

private final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0
  var value: Int { lock.withLock { count } }
  func add() { lock.withLock { count += 1 } }

  /// Within two seconds, which is what users are promised.
  func reaches(_ number: Int) -> Bool {
    let deadline = Date().addingTimeInterval(2)
    while Date() < deadline {
      if value >= number { return value == number }
      usleep(2000)
    }
    return false
  }
}
