/// Many small records in few large chunks, named by 32-bit references instead of pointers.
///
/// A chunk holds records of one size class, so a record costs its size rounded up to 8 bytes. A chunk whose last
/// record is freed goes back to the system. Reference 0 means none.
///
/// Invariant that makes unlocked reads safe: a `Reader` reads only the spine and a chunk's place, which never move
/// while the arena lives, and a place is written before the reference to a record there is given out.
/// `allocate` and `free` need the owner's lock.
///
/// Limits: 2^20 chunks of 64 KiB; a record above 1 KiB has a chunk of its own.
struct SlabArena {
  static let indexBits: UInt32 = 12
  static let indexMask: UInt32 = (1 << indexBits) - 1
  static let chunkBytes = 64 << 10
  static let chunkLimit: UInt32 = 1 << 20
  /// An empty chunk of which no more than this was ever used is kept, so that a single record that
  /// comes and goes does not map and unmap memory each time.
  static let keptBytes = 8 << 10
  static let classCount = 30
  static let ownChunkClass = classCount - 1
  static let spineLength = 17

  /// Where a chunk's records are.
  fileprivate struct Place {
    var base: UnsafeMutableRawPointer?
    var elementSize: Int
  }

  /// From references to addresses, and nothing else: what threads without the lock may hold.
  struct Reader: @unchecked Sendable {
    /// Segment k holds the places of 16 << k chunks.
    fileprivate let spine: UnsafeMutablePointer<UnsafeMutablePointer<Place>?>

    @inline(__always)
    fileprivate func place(_ number: UInt32) -> UnsafeMutablePointer<Place> {
      let shifted = number &+ 16
      let top = 31 &- UInt32(truncatingIfNeeded: shifted.leadingZeroBitCount)
      return spine[Int(top &- 4)].unsafelyUnwrapped + Int(shifted ^ (1 &<< top))
    }

    /// The record of a reference that is not 0.
    @inline(__always)
    func pointer(_ reference: UInt32) -> UnsafeMutableRawPointer {
      let place = place(reference &>> SlabArena.indexBits)
      return place.pointee.base.unsafelyUnwrapped
        + Int(reference & SlabArena.indexMask) &* place.pointee.elementSize
    }
  }

  /// A chunk's bookkeeping.
  private struct Chunk {
    /// Neighbours in the list of chunks of this class with room; `next` also links vacant chunk numbers.
    var next: UInt32
    var previous: UInt32
    var capacity: UInt16
    /// Records from here on were never given out.
    var used: UInt16
    var live: UInt16
    /// First freed record, its index + 1; the rest hang on its first four bytes.
    var free: UInt16
    var sizeClass: UInt8
  }

  let reader: Reader
  private let open: UnsafeMutablePointer<UInt32>
  private var chunks: UnsafeMutablePointer<Chunk>
  private var chunkCapacity = 16
  private var chunkCount: UInt32 = 1
  private var vacant: UInt32 = 0
  private(set) var liveCount = 0
  private(set) var mappedBytes = 0

  init() {
    reader = Reader(spine: .allocate(capacity: Self.spineLength))
    reader.spine.initialize(repeating: nil, count: Self.spineLength)
    open = .allocate(capacity: Self.classCount)
    open.initialize(repeating: 0, count: Self.classCount)
    chunks = .allocate(capacity: chunkCapacity)
  }

  /// Frees everything; the arena must not be used afterwards.
  mutating func destroy() {
    for number in 1..<chunkCount {
      if let base = reader.place(number).pointee.base { Pages.free(base, bytes(number)) }
    }
    for segment in 0..<Self.spineLength { reader.spine[segment]?.deallocate() }
    reader.spine.deallocate()
    open.deallocate()
    chunks.deallocate()
  }

  private func header(_ number: UInt32) -> UnsafeMutablePointer<Chunk> { chunks + Int(number) }

  /// The record of a reference that is not 0.
  func pointer(_ reference: UInt32) -> UnsafeMutableRawPointer { reader.pointer(reference) }

  /// A record of at least `bytes` bytes, contents undefined.
  mutating func allocate(_ bytes: Int) -> UInt32 {
    let sizeClass = Self.sizeClass(bytes)
    var number = open[sizeClass]
    if number == 0 { number = addChunk(sizeClass, bytes) }
    let chunk = header(number)
    let index: UInt32
    if chunk.pointee.free != 0 {
      index = UInt32(chunk.pointee.free) &- 1
      let record = pointer(number &<< Self.indexBits | index)
      chunk.pointee.free = UInt16(truncatingIfNeeded: record.load(as: UInt32.self))
    } else {
      index = UInt32(chunk.pointee.used)
      chunk.pointee.used &+= 1
    }
    chunk.pointee.live &+= 1
    liveCount &+= 1
    if chunk.pointee.live == chunk.pointee.capacity { unlink(number, chunk) }
    return number &<< Self.indexBits | index
  }

  mutating func free(_ reference: UInt32) {
    let number = reference &>> Self.indexBits
    let index = reference & Self.indexMask
    let chunk = header(number)
    if chunk.pointee.live == chunk.pointee.capacity { link(number, chunk) }
    pointer(reference).storeBytes(of: UInt32(chunk.pointee.free), as: UInt32.self)
    chunk.pointee.free = UInt16(truncatingIfNeeded: index &+ 1)
    chunk.pointee.live &-= 1
    liveCount &-= 1
    if chunk.pointee.live == 0 { emptied(number, chunk) }
  }

  private mutating func emptied(_ number: UInt32, _ chunk: UnsafeMutablePointer<Chunk>) {
    let place = reader.place(number)
    if chunk.pointee.capacity > 1 && Int(chunk.pointee.used) * place.pointee.elementSize <= Self.keptBytes {
      chunk.pointee.used = 0
      chunk.pointee.free = 0
      return
    }
    unlink(number, chunk)
    let bytes = bytes(number)
    Pages.free(place.pointee.base!, bytes)
    mappedBytes -= bytes
    place.pointee.base = nil
    chunk.pointee.next = vacant
    vacant = number
  }

  private mutating func addChunk(_ sizeClass: Int, _ bytes: Int) -> UInt32 {
    var number = vacant
    if number != 0 {
      vacant = header(number).pointee.next
    } else {
      number = chunkCount
      precondition(number < Self.chunkLimit, "subject memory exceeds its limit of 64 GiB")
      chunkCount += 1
      makeRoom(for: number)
    }
    let single = sizeClass == Self.ownChunkClass
    let elementSize = single ? bytes : Self.classBytes(sizeClass)
    let capacity = single ? 1 : min(Self.chunkBytes / elementSize, Int(Self.indexMask))
    let size = single ? elementSize : Self.chunkBytes
    reader.place(number).initialize(to: Place(base: Pages.allocate(size), elementSize: elementSize))
    header(number).initialize(
      to: Chunk(
        next: 0, previous: 0, capacity: UInt16(capacity), used: 0, live: 0, free: 0, sizeClass: UInt8(sizeClass)))
    mappedBytes += size
    link(number, header(number))
    return number
  }

  private mutating func makeRoom(for number: UInt32) {
    let segment = Int(31 &- UInt32((number + 16).leadingZeroBitCount)) - 4
    if reader.spine[segment] == nil { reader.spine[segment] = .allocate(capacity: 16 << segment) }
    if Int(number) < chunkCapacity { return }
    let larger = UnsafeMutablePointer<Chunk>.allocate(capacity: chunkCapacity * 2)
    larger.moveInitialize(from: chunks, count: chunkCapacity)
    chunks.deallocate()
    chunks = larger
    chunkCapacity *= 2
  }

  /// New chunks with room go to the end: chunks at the front fill up while those behind may drain.
  private func link(_ number: UInt32, _ chunk: UnsafeMutablePointer<Chunk>) {
    let sizeClass = Int(chunk.pointee.sizeClass)
    let first = open[sizeClass]
    chunk.pointee.next = 0
    if first == 0 {
      open[sizeClass] = number
      chunk.pointee.previous = number
    } else {
      let last = header(first).pointee.previous
      header(last).pointee.next = number
      chunk.pointee.previous = last
      header(first).pointee.previous = number
    }
  }

  private func unlink(_ number: UInt32, _ chunk: UnsafeMutablePointer<Chunk>) {
    let sizeClass = Int(chunk.pointee.sizeClass)
    let first = open[sizeClass]
    let next = chunk.pointee.next
    let previous = chunk.pointee.previous
    if first == number {
      open[sizeClass] = next
      if next != 0 { header(next).pointee.previous = previous }
    } else {
      header(previous).pointee.next = next
      header(next == 0 ? first : next).pointee.previous = previous
    }
  }

  private func bytes(_ number: UInt32) -> Int {
    header(number).pointee.capacity == 1 ? reader.place(number).pointee.elementSize : Self.chunkBytes
  }

  /// Classes: steps of 8 bytes to 128, of 32 to 256, of 64 to 512, of 128 to 1024, then a chunk each.
  static func sizeClass(_ bytes: Int) -> Int {
    if bytes <= 128 { return (max(bytes, 16) + 7) >> 3 }
    if bytes <= 256 { return 17 + (bytes - 129) >> 5 }
    if bytes <= 512 { return 21 + (bytes - 257) >> 6 }
    if bytes <= 1024 { return 25 + (bytes - 513) >> 7 }
    return ownChunkClass
  }

  static func classBytes(_ sizeClass: Int) -> Int {
    if sizeClass <= 16 { return sizeClass << 3 }
    if sizeClass <= 20 { return 128 + (sizeClass - 16) << 5 }
    if sizeClass <= 24 { return 256 + (sizeClass - 20) << 6 }
    return 512 + (sizeClass - 24) << 7
  }
}
