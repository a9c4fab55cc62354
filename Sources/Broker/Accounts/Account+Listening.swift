import CSystem
import Subjects

// Handlers inside the server that hear messages of an account.

extension Account {
  /// Makes a handler hear a subject or a pattern. Any thread. It is heard from the next match on.
  public func listen(to subject: [UInt8], with subscriber: InternalSubscriber) {
    let record = subject.withUnsafeBytes { subject in
      index.insert(
        subject: subject, queue: UnsafeRawBufferPointer(start: nil, count: 0),
        sid: UnsafeRawBufferPointer(start: nil, count: 0), owner: Unmanaged.passUnretained(subscriber).toOpaque(),
        flags: SubscriptionFlags.internal.rawValue)
    }
    guard let record else { return }
    withListeners { $0[ObjectIdentifier(subscriber)] = Listener(subscriber: subscriber, record: record) }
  }

  /// Ends that. Any thread.
  ///
  /// - Parameter retire: runs its argument when no loop can use the handler any more.
  public func unlisten(_ subscriber: InternalSubscriber, retire: (@escaping @Sendable () -> Void) -> Void) {
    guard let listener = withListeners({ $0.removeValue(forKey: ObjectIdentifier(subscriber)) }) else { return }
    index.remove(listener.record)
    retire { [records = index.records] in
      records.release(listener.record)
      withExtendedLifetime(listener.subscriber) {}
    }
  }

  /// Where messages of other accounts come from that this account imports under a subject: the accounts and their
  /// subjects. A handler that is to hear them listens there, too. Any thread.
  public func streamOrigins(of subject: [UInt8]) -> [(account: Account, subject: [UInt8])] {
    subject.withUnsafeBytes { subject in
      links.streamImports.compactMap { source in source.sourceSubject(for: subject).map { (source.exporter, $0) } }
    }
  }

  /// What handlers inside the server hear. Any thread.
  var listenedSubjects: [String] {
    withListeners { listeners in
      listeners.values.map { String(decoding: index.subject(of: $0.record), as: UTF8.self) }
    }
  }

  /// A handler and its record. Handed from thread to thread as a whole.
  struct Listener: @unchecked Sendable {
    let subscriber: InternalSubscriber
    let record: SubscriptionPointer
  }
}
