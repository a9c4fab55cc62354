import Glibc

/// Zeroed raw memory for tables. Large blocks are mapped and unmapped directly: they return to the system at once
/// when freed, and pages that are never touched cost nothing.
enum Pages {
  /// Blocks from this size on are mapped.
  static let mappedFrom = 16 << 10
  static let pageSize = 4096

  static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    if bytes >= mappedFrom {
      let flags = MAP_PRIVATE | MAP_ANONYMOUS
      guard let memory = mmap(nil, rounded(bytes), PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
        fatalError("out of memory")
      }
      return memory
    }
    guard let memory = calloc(1, bytes) else { fatalError("out of memory") }
    return memory
  }

  /// `bytes` is the size it was allocated with.
  static func free(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
    if bytes >= mappedFrom {
      munmap(memory, rounded(bytes))
    } else {
      Glibc.free(memory)
    }
  }

  /// What a block of this size takes from the system.
  static func cost(_ bytes: Int) -> Int { bytes >= mappedFrom ? rounded(bytes) : bytes + 16 }

  private static func rounded(_ bytes: Int) -> Int { (bytes + pageSize - 1) & ~(pageSize - 1) }
}
