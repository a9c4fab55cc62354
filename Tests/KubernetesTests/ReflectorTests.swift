import Testing

@testable import Kubernetes

/// A reflector, told what happens line by line.
private struct Follower {
  var reflector: Reflector
  var now: Int64 = 0

  init(_ mode: Reflector.Mode = .watch) {
    reflector = Reflector(mode: mode)
  }

  mutating func page(_ version: String = "10", continuation: String = "") -> [Reflector.Action] {
    var page = try! ListPage(Array("{}".utf8)) { _ in }
    page.resourceVersion = version
    page.continuation = continuation
    return reflector.listed(page, now: now, random: 0)
  }

  mutating func listFails(_ error: KubernetesError) -> [Reflector.Action] {
    reflector.listFailed(error, random: 0)
  }

  mutating func watchEnds(_ error: KubernetesError?, after seconds: Int64 = 60) -> [Reflector.Action] {
    reflector.watchOpened()
    now += seconds * 1_000_000_000
    return reflector.watchEnded(error, now: now, random: 0)
  }

  mutating func timer() -> [Reflector.Action] { reflector.timerFired(now: now, random: 0) }
}

private func status(_ code: Int, retryAfter: Int64? = nil) -> KubernetesError {
  .status(APIStatus(code: code, retryAfterSeconds: retryAfter))
}

private let firstPage = Reflector.Action.list(limit: 64, continuation: "")
private let firstWait = Reflector.Action.wait(nanoseconds: 800_000_000)

@Suite struct ReflectorTests {
  @Test func listsPageByPageThenWatchesFromTheListsVersion() {
    var follower = Follower()
    #expect(follower.reflector.start() == [firstPage])
    #expect(follower.page(continuation: "abc") == [.list(limit: 64, continuation: "abc")])
    #expect(follower.page("17") == [.replaced, .watch(after: "17", seconds: 300)])
  }

  @Test func aWatchThatEndsAsPlannedGoesOnAtTheLastVersionSeen() {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page("10")
    follower.reflector.watched(resourceVersion: "12")
    follower.reflector.watched(resourceVersion: "15")
    #expect(follower.watchEnds(nil) == [.watch(after: "15", seconds: 300)])
  }

  @Test func aWatchThatEndsAtOnceIsNotAskedForAgainAtOnce() {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page()
    #expect(follower.watchEnds(nil, after: 0) == [firstWait])
    #expect(follower.timer() == [.watch(after: "10", seconds: 300)])
    #expect(follower.watchEnds(nil, after: 0) == [.wait(nanoseconds: 1_600_000_000)])
  }

  @Test func aLostConnectionResumesAfterAWait() {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page()
    follower.reflector.watched(resourceVersion: "11")
    let lost = KubernetesError.interrupted("gone")
    #expect(follower.watchEnds(lost) == [.report(lost), firstWait])
    #expect(follower.timer() == [.watch(after: "11", seconds: 300)])
  }

  @Test func anExpiredVersionListsAnew() {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page()
    #expect(follower.watchEnds(status(410)) == [firstPage])
    _ = follower.page("30")
    // Right after a list: with a wait, so that a broken server is not stormed.
    #expect(follower.watchEnds(status(410), after: 0) == [firstWait])
    #expect(follower.timer() == [firstPage])
  }

  @Test(arguments: [
    (status(403), true), (status(404), true), (.malformed("x"), true), (.tooLarge, true),
    (status(429), false), (status(500), false), (status(503), false), (.unreachable("x"), false),
  ])
  func whatAWatchFailsWithDecidesWhetherTheListComesFirst(_ error: KubernetesError, _ lists: Bool) {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page()
    #expect(follower.watchEnds(error) == [.report(error), firstWait])
    #expect(follower.timer() == [lists ? firstPage : .watch(after: "10", seconds: 300)])
  }

  @Test func aPageThatFailsIsAskedForAgainWithGrowingWaits() {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page(continuation: "c1")
    for wait in [800, 1600, 3200, 6400, 10000, 10000] as [Int64] {
      #expect(follower.listFails(status(503)) == [.report(status(503)), .wait(nanoseconds: wait * 1_000_000)])
      #expect(follower.timer() == [.list(limit: 64, continuation: "c1")])
    }
    // The server's own wish counts when it is longer.
    let busy = status(429, retryAfter: 50)
    #expect(follower.listFails(busy) == [.report(busy), .wait(nanoseconds: 50_000_000_000)])
  }

  @Test func pagesThatExpireAreListedFromTheStartAndAtLastInOne() {
    var follower = Follower()
    _ = follower.reflector.start()
    for limit in [64, 64, 0] {
      _ = follower.page(continuation: "old")
      _ = follower.listFails(status(410))
      #expect(follower.timer() == [.list(limit: limit, continuation: "")])
    }
    #expect(follower.page("9") == [.replaced, .watch(after: "9", seconds: 300)])
  }

  @Test func aPageThatIsTooLargeIsHalved() {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page(continuation: "c")
    for limit in [32, 16, 8, 4, 2, 1] {
      #expect(follower.listFails(.tooLarge) == [.list(limit: limit, continuation: "c")])
    }
    #expect(follower.listFails(.tooLarge) == [.report(.tooLarge), firstWait])
  }

  @Test func pollingListsInAnIntervalAndNeverWatches() {
    var follower = Follower(.poll(everyNanoseconds: 60))
    #expect(follower.reflector.start() == [firstPage])
    #expect(follower.page() == [.replaced, .wait(nanoseconds: 60)])
    #expect(follower.timer() == [firstPage])
  }

  @Test func aServerThatIsBackIsNotWaitedForAnyLonger() {
    var follower = Follower()
    _ = follower.reflector.start()
    _ = follower.page()
    for _ in 0..<5 {
      _ = follower.watchEnds(.unreachable("refused"), after: 0)
      _ = follower.timer()
    }
    _ = follower.watchEnds(.unreachable("refused"), after: 0)
    #expect(follower.reflector.serverReturned(now: 0, random: 0) == [.watch(after: "10", seconds: 300)])
    // It is asked gently at first, whatever was before.
    #expect(follower.watchEnds(status(404), after: 0) == [.report(status(404)), firstWait])
    _ = follower.timer()
    _ = follower.page()
    // What the server itself refused is no matter of reaching it.
    _ = follower.watchEnds(status(429, retryAfter: 9))
    #expect(follower.reflector.serverReturned(now: 0, random: 0).isEmpty)
  }

  @Test func afterAStopNothingFollows() {
    var follower = Follower()
    _ = follower.reflector.start()
    follower.reflector.stop()
    #expect(follower.page().isEmpty && follower.timer().isEmpty && follower.watchEnds(nil).isEmpty)
  }
}
