import CZlib

/// zlib's formats that we use.
public enum DeflateFormat: Sendable {
  /// RFC 1951 without any header: WebSocket messages.
  case raw
  /// RFC 1952: `Content-Encoding: gzip`.
  case gzip

  fileprivate var windowBits: Int32 {
    switch self {
    case .raw: -15
    case .gzip: 15 + 16
    }
  }
}

/// Compresses a stream piece by piece.
///
/// Invariant: `stream` is initialized from `init` to `deinit` and never moves, since zlib keeps its address; used by
/// one thread at a time.
public final class Deflater: @unchecked Sendable {
  public enum Flush: Sendable {
    /// More follows.
    case none
    /// All input so far can be decompressed from the output so far; it ends in 00 00 FF FF.
    case sync
    /// The stream ends.
    case finish

    fileprivate var value: Int32 {
      switch self {
      case .none: Z_NO_FLUSH
      case .sync: Z_SYNC_FLUSH
      case .finish: Z_FINISH
      }
    }
  }

  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  /// - Parameter level: 1 (fast) to 9 (small).
  public init(_ format: DeflateFormat, level: Int32 = 1) {
    stream.initialize(to: z_stream())
    let status = deflateInit2_(
      stream, level, Z_DEFLATED, format.windowBits, 8, Z_DEFAULT_STRATEGY, zlibVersion(),
      Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "no memory for a compressor")
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Forgets what came before: the next output stands alone.
  public func reset() {
    deflateReset(stream)
  }

  public func compress(_ input: UnsafeRawBufferPointer, flush: Flush, into output: inout [UInt8]) {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(input.count)
    withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
      repeat {
        stream.pointee.next_out = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(buffer.count)
        deflate(stream, flush.value)
        output.append(contentsOf: buffer[..<(buffer.count - Int(stream.pointee.avail_out))])
      } while stream.pointee.avail_out == 0
    }
  }
}

/// Decompresses a stream piece by piece.
///
/// Invariant: as `Deflater`.
public final class Inflater: @unchecked Sendable {
  public enum Failure: Error, Sendable, Equatable {
    case corrupt
    /// More output than the caller allows.
    case tooLarge
  }

  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  /// The end of the compressed stream was seen.
  public private(set) var isFinished = false

  public init(_ format: DeflateFormat) {
    stream.initialize(to: z_stream())
    let status = inflateInit2_(stream, format.windowBits, zlibVersion(), Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "no memory for a decompressor")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  public func reset() {
    inflateReset(stream)
    isFinished = false
  }

  /// Appends what the input gives. - Parameter limit: the size that `output` may reach.
  public func decompress(
    _ input: UnsafeRawBufferPointer, into output: inout [UInt8], limit: Int
  ) throws(Failure) {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(input.count)
    let failure: Failure? = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
      while !isFinished {
        stream.pointee.next_out = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(buffer.count)
        let status = inflate(stream, Z_SYNC_FLUSH)
        let produced = buffer.count - Int(stream.pointee.avail_out)
        guard output.count + produced <= limit else { return .tooLarge }
        output.append(contentsOf: buffer[..<produced])
        switch status {
        case Z_STREAM_END: isFinished = true
        case Z_OK: if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return nil }
        // No progress without more input.
        case Z_BUF_ERROR: return nil
        default: return .corrupt
        }
      }
      return nil
    }
    if let failure { throw failure }
  }
}

/// Whole bodies.
public enum Gzip {
  public static func compress(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count / 4 + 64)
    let deflater = Deflater(.gzip, level: level)
    bytes.withUnsafeBytes { deflater.compress($0, flush: .finish, into: &output) }
    return output
  }

  public static func decompress(_ bytes: [UInt8], limit: Int) throws(Inflater.Failure) -> [UInt8] {
    var output: [UInt8] = []
    let inflater = Inflater(.gzip)
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(Inflater.Failure) in try inflater.decompress(bytes, into: &output, limit: limit) }
    }
    try result.get()
    guard inflater.isFinished else { throw .corrupt }
    return output
  }
}
