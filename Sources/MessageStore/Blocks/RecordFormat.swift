import CSystem
import Glibc

/// A record in a block, little-endian: CRC-32C of all that follows (4 bytes), payload length (4), sequence (8), timestamp
/// (8), header length (4), subject length (2), flags (1), kind (1); subject, header, payload.
enum RecordFormat {
  static let headerBytes = 32
  /// What is written after a checkpoint begins on a multiple of this: more than a sector of any disk.
  static let alignment = 4096
  static let maximumSubject = 65_535
  static let maximumHeader = 16 << 20
  static let maximumPayload = 1 << 30

  enum Kind {
    static let message: UInt8 = 0
    /// Removed for good: header and payload are zeros.
    static let erased: UInt8 = 1
    /// Nothing: up to the next boundary.
    static let padding: UInt8 = 2
  }

  static func writePadding(to target: UnsafeMutableRawPointer, size: Int) {
    memset(target, 0, size)
    target.storeBytes(of: UInt32(size - headerBytes), toByteOffset: 4, as: UInt32.self)
    target.storeBytes(of: Kind.padding, toByteOffset: 31, as: UInt8.self)
    target.storeBytes(of: csys_crc32c(0, target + 4, size - 4), as: UInt32.self)
  }

  static func write(
    to target: UnsafeMutableRawPointer, sequence: UInt64, timestamp: Int64, flags: UInt8,
    subject: UnsafeRawBufferPointer, header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) {
    target.storeBytes(of: UInt32(payload.count), toByteOffset: 4, as: UInt32.self)
    target.storeBytes(of: sequence, toByteOffset: 8, as: UInt64.self)
    target.storeBytes(of: timestamp, toByteOffset: 16, as: Int64.self)
    target.storeBytes(of: UInt32(header.count), toByteOffset: 24, as: UInt32.self)
    target.storeBytes(of: UInt16(subject.count), toByteOffset: 28, as: UInt16.self)
    target.storeBytes(of: flags, toByteOffset: 30, as: UInt8.self)
    target.storeBytes(of: Kind.message, toByteOffset: 31, as: UInt8.self)
    var end = target + headerBytes
    if let base = subject.baseAddress { memcpy(end, base, subject.count) }
    end += subject.count
    if let base = header.baseAddress { memcpy(end, base, header.count) }
    end += header.count
    if let base = payload.baseAddress { memcpy(end, base, payload.count) }
    end += payload.count
    target.storeBytes(of: csys_crc32c(0, target + 4, end - target - 4), as: UInt32.self)
  }
}

/// A record in memory. Lengths are not to be trusted before `isIntact`.
struct Record {
  let base: UnsafeRawPointer
  @inline(__always) init(_ base: UnsafeRawPointer) { self.base = base }

  @inline(__always) var checksum: UInt32 { base.loadUnaligned(as: UInt32.self) }
  @inline(__always) var payloadCount: Int { Int(base.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }
  @inline(__always) var sequence: UInt64 { base.loadUnaligned(fromByteOffset: 8, as: UInt64.self) }
  @inline(__always) var timestamp: Int64 { base.loadUnaligned(fromByteOffset: 16, as: Int64.self) }
  @inline(__always) var headerCount: Int { Int(base.loadUnaligned(fromByteOffset: 24, as: UInt32.self)) }
  @inline(__always) var subjectCount: Int { Int(base.loadUnaligned(fromByteOffset: 28, as: UInt16.self)) }
  @inline(__always) var flags: UInt8 { base.load(fromByteOffset: 30, as: UInt8.self) }
  @inline(__always) var kind: UInt8 { base.load(fromByteOffset: 31, as: UInt8.self) }

  @inline(__always) var size: Int { RecordFormat.headerBytes &+ subjectCount &+ headerCount &+ payloadCount }

  /// Whether the lengths can be true and the record fits into `room` bytes.
  @inline(__always) func fits(_ room: Int) -> Bool {
    headerCount <= RecordFormat.maximumHeader && payloadCount <= RecordFormat.maximumPayload && size <= room
  }

  /// Whether the bytes are those that were written. Only after `fits`.
  @inline(__always) var isIntact: Bool { csys_crc32c(0, base + 4, size - 4) == checksum }

  @inline(__always) var subject: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + RecordFormat.headerBytes, count: subjectCount)
  }
  @inline(__always) var header: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + RecordFormat.headerBytes + subjectCount, count: headerCount)
  }
  @inline(__always) var payload: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + RecordFormat.headerBytes + subjectCount + headerCount, count: payloadCount)
  }

  /// Overwrites header and payload, and says so. `base` is writable memory.
  static func erase(_ base: UnsafeMutableRawPointer) {
    let record = Record(base)
    memset(base + RecordFormat.headerBytes + record.subjectCount, 0, record.headerCount + record.payloadCount)
    base.storeBytes(of: RecordFormat.Kind.erased, toByteOffset: 31, as: UInt8.self)
    base.storeBytes(of: csys_crc32c(0, base + 4, record.size - 4), as: UInt32.self)
  }
}
