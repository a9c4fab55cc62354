import CSystem
import Glibc

/// What became of bytes that were given to a sink.
enum LogWrite: Equatable {
  /// So many bytes were taken; fewer than there are means that there is no room now.
  case taken(Int)
  /// The bytes are lost: the system's error number.
  case failed(Int32)
}

/// Where finished lines go. Everything is called under the logger's lock, and never blocks.
protocol LogSink: AnyObject {
  /// Writes what is taken now.
  func write(_ bytes: ArraySlice<UInt8>) -> LogWrite
  /// Polled for room after a short write.
  var descriptor: Int32 { get }
  func close()
}

/// A descriptor that we share with others and must not make non-blocking: standard error, or a log file that is a pipe.
///
/// A pipe that polls writable takes `PIPE_BUF` bytes without blocking (pipe(7)), so that is how much goes out at a time.
final class DescriptorSink: LogSink {
  private static let pieceSize = Int(PIPE_BUF)

  let descriptor: Int32
  private let ownsDescriptor: Bool
  /// Regular files always take everything, or fail.
  let isRegularFile: Bool

  init(_ descriptor: Int32, ownsDescriptor: Bool) {
    self.descriptor = descriptor
    self.ownsDescriptor = ownsDescriptor
    var status = stat()
    isRegularFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Whether this is a terminal (or another character device, as nats-server has it).
  var isCharacterDevice: Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR
  }

  func write(_ bytes: ArraySlice<UInt8>) -> LogWrite {
    bytes.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        var size = bytes.count - offset
        if !isRegularFile {
          guard isWritable else { return .taken(offset) }
          size = min(size, Self.pieceSize)
        }
        let count = Glibc.write(descriptor, bytes.baseAddress! + offset, size)
        if count >= 0 {
          offset += count
          continue
        }
        switch csys_errno() {
        case EINTR: continue
        case EAGAIN: return .taken(offset)
        case let code: return .failed(code)
        }
      }
      return .taken(offset)
    }
  }

  func close() { if ownsDescriptor { Glibc.close(descriptor) } }

  /// An error counts as writable: the write will tell.
  private var isWritable: Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return Glibc.poll(&poll, 1, 0) != 0
  }
}
