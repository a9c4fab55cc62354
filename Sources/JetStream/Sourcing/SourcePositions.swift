import Glibc

/// How far a stream has come with each of its sources, as the stored messages say: what is applied, not what is on its
/// way. Remembered also when the messages have gone, and for sources that are not configured any more.
struct SourcePositions {
  struct Position: Equatable {
    /// The origin's sequence of the last message that was taken.
    var sequence: UInt64
    /// The same of the last message that was stored: nobody may have been interested in those behind it.
    var storedSequence: UInt64
    /// Of the origin; empty: not known.
    var identity: [UInt8]
  }

  private struct Entry {
    var stream: [UInt8]
    /// Filter and destination; nil for messages that older servers stored.
    var selection: [UInt8]?
    var position: Position
  }

  private var entries: [Entry] = []
  /// Messages of one source come one after the other.
  private var lastUsed = 0
  /// Every message that the stream ever had was seen: a source that is not here has never sent one.
  var isComplete = false

  init() {}

  /// Notes a message of a source.
  mutating func note(_ mark: SourceMark, isStored: Bool = true) {
    let index: Int
    if lastUsed < entries.count, Self.matches(entries[lastUsed], mark) {
      index = lastUsed
    } else if let found = entries.firstIndex(where: { Self.matches($0, mark) }) {
      index = found
    } else {
      index = entries.count
      entries.append(
        Entry(
          stream: Array(mark.stream), selection: mark.selection.map(Array.init),
          position: Position(sequence: 0, storedSequence: 0, identity: [])))
    }
    lastUsed = index
    entries[index].position.sequence = mark.sequence
    if isStored { entries[index].position.storedSequence = mark.sequence }
    let isSame = mark.identity.map { $0.elementsEqual(entries[index].position.identity) }
    if isSame ?? entries[index].position.identity.isEmpty { return }
    entries[index].position.identity = mark.identity.map(Array.init) ?? []
  }

  /// Notes a message that is older than all that were noted.
  /// - Returns: whether nothing was known of its source.
  mutating func noteOlder(_ mark: SourceMark) -> Bool {
    if entries.contains(where: { Self.matches($0, mark) }) { return false }
    note(mark)
    return true
  }

  /// How far it has come with a source; nil: it has never sent anything, as far as is known.
  subscript(name: SourceName) -> Position? {
    let stream = Array(name.stream.utf8)
    let selection = Array("\(name.filter) \(name.destination)".utf8)
    if let exact = entries.first(where: { $0.stream == stream && $0.selection == selection }) { return exact.position }
    let old = Array(name.oldStream.utf8)
    return entries.first { $0.selection == nil && ($0.stream == stream || $0.stream == old) }?.position
  }

  private static func matches(_ entry: Entry, _ mark: SourceMark) -> Bool {
    guard entry.stream.elementsEqual(mark.stream) else { return false }
    guard let selection = entry.selection else { return mark.selection == nil }
    return mark.selection.map { $0.elementsEqual(selection) } ?? false
  }

  // MARK: - As a part of checkpoints

  /// What is known of each source; an empty selection is none.
  var parts: [(stream: [UInt8], selection: [UInt8], position: Position)] {
    entries.map { ($0.stream, $0.selection ?? [], $0.position) }
  }

  mutating func append(stream: [UInt8], selection: [UInt8], position: Position) {
    entries.append(Entry(stream: stream, selection: selection.isEmpty ? nil : selection, position: position))
  }
}
