import Testing

@testable import KubernetesSource

@Suite struct RepeatedFailureTests {
  @Test func theSameIsToldOnceAMinuteAndNewsAtOnce() {
    let second: Int64 = 1_000_000_000
    var failure = RepeatedFailure()
    let told = [
      ("refused", 0), ("refused", 2), ("forbidden", 4), ("forbidden", 63), ("forbidden", 64), ("refused", 65),
    ]
    .filter { failure.isNews($0.0, now: $0.1 * second) }.map(\.1)
    #expect(told == [0, 4, 64, 65])
    failure.end()
    let isNews = failure.isNews("refused", now: 66 * second)
    #expect(isNews)
  }
}
