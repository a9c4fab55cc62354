/// The way of the message in hand over account borders, on this loop. Empty between messages.
struct Passage {
  struct Step {
    let export: ServiceExport
    let share: Bool
    /// What `Nats-Request-Info` says; nil for an answer.
    let requestInfo: RequestInfo?
  }

  var steps: [Step] = []
  /// The message is traced.
  var trace: MessageTrace?

  /// Whether the message has come through this export before: it would go round in circles.
  func contains(_ export: ServiceExport) -> Bool { steps.contains { $0.export === export } }
}
