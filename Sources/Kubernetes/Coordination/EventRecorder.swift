import JSON
import Reactor

/// Writes Events, on the client's loop. What cannot be written is dropped: nothing depends on it.
///
/// Invariant: all state belongs to the loop's thread.
public final class EventRecorder: @unchecked Sendable {
  private let client: KubernetesClient
  private let failed: @Sendable (KubernetesError) -> Void
  private var series: EventSeries

  /// - Parameters:
  ///   - component: who reports, `jetstream-controller`.
  ///   - instance: which replica of it.
  public init(
    client: KubernetesClient, component: String, instance: String,
    failed: @escaping @Sendable (KubernetesError) -> Void = { _ in }
  ) {
    self.client = client
    self.failed = failed
    series = EventSeries(component: component, instance: instance)
  }

  /// Any thread.
  public func record(_ event: ObjectEvent) {
    client.onLoop {
      guard let action = self.series.record(event, now: self.now) else { return }
      self.perform(action, event, mayRecreate: true)
    }
  }

  /// No more Events about this object.
  public func forget(_ object: ObjectReference) {
    client.onLoop { self.series.forget(object) }
  }

  private var now: Int64 { client.loop.clock.wallNanoseconds() }

  private func perform(_ action: EventSeries.Action, _ event: ObjectEvent, mayRecreate: Bool) {
    let namespace = event.object.eventNamespace
    let request: ResourceRequest
    switch action {
    case .create(_, let body): request = .create(.events, namespace: namespace, body)
    case .patch(let name, let body):
      request = .patch(.events, ObjectKey(namespace: namespace, name: name), body)
    }
    client.send(request) { result in
      guard case .failure(let error) = result else { return }
      if error.isNotFound, mayRecreate, case .patch = action, let again = self.series.recreate(event, now: self.now) {
        return self.perform(again, event, mayRecreate: false)
      }
      self.failed(error)
    }
  }
}
