// What a running journal holds of one owner, for an owner that cannot do what its records say now: they are kept
// elsewhere, so that the journal can go on.

extension Journal {
  /// Shows the records of `owner` that it has not released, up to `sequence`, in their order. Any thread but the
  /// journal's; others may append meanwhile, but the owner must not release anything.
  ///
  /// Throws when some of them cannot be read: then it is as if nothing had been shown.
  public func read(
    owner: UInt64, through sequence: LogSequence, _ body: (JournalRecord) throws -> Void
  ) throws {
    guard let place = place(of: owner) else { return }
    let last = min(sequence, durable)
    guard place.heldFrom <= last else { return }
    // Nothing is written before `start`. Segments from `heldFrom` on stay as they are while the owner holds them.
    let reader = try JournalRecovery(directory: place.directory, disk: place.disk, options: place.options)
    while true {
      while let record = reader.next() {
        if record.sequence > last { return }
        if record.owner == owner, record.sequence >= place.heldFrom { try body(record) }
        if record.sequence == last { return }
      }
      // Below, segments may be overwritten by now.
      guard case .damaged(_, let damaged) = reader.ending, damaged < place.heldFrom else {
        throw JournalFailure.damaged(reader.ending ?? .clean(next: last))
      }
      reader.skipDamage()
    }
  }
}
