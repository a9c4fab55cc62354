import JetStreamAPI

// How a stream ends: with all that it holds, or until the next start.

extension StreamRunner {
  /// What the store holds does not count any more.
  func forgetUse() {
    handle.account.addUse(-Int64(bitPattern: countedBytes), inMemory: !isLogged)
    countedBytes = 0
  }

  /// The stream is deleted.
  func delete() {
    endUpstreams(removed: true)
    end()
    for consumer in consumers.values {
      consumer.machine.dismissWaiting(.consumerDeleted, port: consumer)
      publish(.deleted, about: consumer.name)
    }
    publish(Advisory.stream(handle.name, .delete, loop.advisoryHead()))
    consumers = [:]
    consumerIndex.removeAll()
    forgetUse()
    handle.runner = nil
    loop.forget(self)
    loop.service.removeFiles(of: handle, store)
  }

  func end() {
    isOver = true
    loop.keepUntilSettled(self)
    rules.close()
    unlisten()
    endUpstreams(removed: false)
    handle.answersDirectGets = false
    handle.account.setMirror(handle, of: nil)
    if let tickTimer { worker.loop.cancel(tickTimer) }
    tickTimer = nil
    for consumer in consumers.values { consumer.end() }
    held = []
  }

  /// A consumer that has gone is not found by chance.
  func forgetLastConsumer() { lastConsumer = nil }
}
