import Testing

@testable import Reactor

@Suite struct EpochsTests {
  @Test("nothing is released while another loop is in a batch that began before")
  func waitsForOthers() {
    let epochs = Epochs(loops: 2)
    var released = false
    epochs.enter(0)
    epochs.enter(1)
    epochs.retire(on: 0) { released = true }
    epochs.leave(0)
    #expect(epochs.reclaim(on: 0) == 1)
    #expect(!released)
    epochs.leave(1)
    #expect(epochs.reclaim(on: 0) == 0)
    #expect(released)
  }

  @Test("a loop that has begun a new batch since does not hold anything back")
  func newBatchDoesNotHold() {
    let epochs = Epochs(loops: 2)
    var released = false
    epochs.enter(1)
    epochs.retire(on: 0) { released = true }
    epochs.leave(1)
    epochs.enter(1)
    epochs.reclaim(on: 0)
    #expect(released)
  }

  @Test("a sleeping loop holds nothing back, and releases may retire more")
  func nestedRetirement() {
    let epochs = Epochs(loops: 3)
    var order: [Int] = []
    epochs.retire(on: 0) {
      order.append(1)
      epochs.retire(on: 0) { order.append(2) }
    }
    #expect(epochs.reclaim(on: 0) == 1)
    #expect(epochs.reclaim(on: 0) == 0)
    #expect(order == [1, 2])
  }
}
