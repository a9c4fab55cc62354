import Synchronization

/// Remembers which files were read: a configuration's includes are known by no other way.
public final class FileRecorder: Sendable {
  private let paths = Mutex<Set<String>>([])
  private let below: FileAccess

  public init(_ access: FileAccess = .system) {
    below = access
  }

  /// Reads as the access below does.
  public var access: FileAccess {
    FileAccess(
      read: { [self] path in
        _ = paths.withLock { $0.insert(path) }
        return below.read(path)
      },
      environment: below.environment)
  }

  /// What was read, or tried to.
  public var files: Set<String> { paths.withLock { $0 } }
}
