import Configuration
import Subjects

/// A service that an account imports: listens in that account and carries requests to the exporter (FEATURES 4.028).
///
/// Invariant for `@unchecked Sendable`: nothing of it changes.
final class ServiceImport: InternalSubscriber, @unchecked Sendable {
  let plan: AccountLinkPlan.ServiceImport
  let hop: ServiceHop
  private let target: PaddedBytes

  init(_ plan: AccountLinkPlan.ServiceImport, importer: Account, exporter: Account, export: ServiceExport) {
    self.plan = plan
    hop = ServiceHop(
      source: importer, target: exporter, export: export, latency: export.plan.latency, share: plan.share)
    target = PaddedBytes(Array(plan.to.utf8))
  }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    worker.forward(message, to: self, from: publisher)
  }

  /// What the exporter's clients listen to for a request to `subject`.
  func targetSubject(of subject: UnsafeRawBufferPointer) -> PaddedBytes {
    if let transform = plan.transform { return PaddedBytes(transform.transformed(subject, random: 0)) }
    return plan.keepsSubject ? PaddedBytes(subject) : target
  }
}

/// Bytes with room behind them for the copies of the message path.
struct PaddedBytes: Sendable {
  private let storage: [UInt8]
  let count: Int

  init(_ bytes: some Collection<UInt8>) {
    let count = bytes.count
    self.count = count
    storage = Array(unsafeUninitializedCapacity: count + Chunk.slack) { buffer, used in
      _ = buffer.initialize(from: bytes)
      (buffer.baseAddress! + count).initialize(repeating: 0, count: Chunk.slack)
      used = count + Chunk.slack
    }
  }

  /// The bytes without the padding, which is readable behind them.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }

  var bytes: ArraySlice<UInt8> { storage[..<count] }
}
