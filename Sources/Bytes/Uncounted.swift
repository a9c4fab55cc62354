/// A reference that is not counted: whoever declares it sees to it that the object lives longer than the reference.
///
///     @Uncounted var object: PublishScope
///     place.pointee.$object { scope in ... }    // on the message path
///
/// `unowned(unsafe)` promises the same, but each use of it counts the object up and down again, which are two atomic
/// operations that wait for other threads doing the same. Reading this one does so only where the compiler cannot see
/// what happens meanwhile; `$object { }` never does.
@propertyWrapper
@frozen
public struct Uncounted<Object: AnyObject>: @unchecked Sendable {
  @usableFromInline let reference: Unmanaged<Object>

  @inlinable
  public init(wrappedValue: Object) { reference = .passUnretained(wrappedValue) }

  public var wrappedValue: Object {
    @inlinable @inline(__always) get { reference._withUnsafeGuaranteedRef { $0 } }
  }

  public var projectedValue: Uncounted { @inlinable @inline(__always) get { self } }

  /// Calls `body` with the object.
  @inlinable @inline(__always)
  public func callAsFunction<Result>(_ body: (Object) throws -> Result) rethrows -> Result {
    try reference._withUnsafeGuaranteedRef(body)
  }
}

/// Calls `body` with an object that something else keeps alive meanwhile, without counting it.
///
/// For what is reached through several objects (`a.b.c.use()`) or lies in a collection: such an object is counted where
/// it is used, otherwise. A `let` of the object itself is not.
@inlinable @inline(__always)
public func withoutCounting<Object: AnyObject, Result>(
  _ object: Object, _ body: (Object) throws -> Result
) rethrows -> Result {
  try Unmanaged.passUnretained(object)._withUnsafeGuaranteedRef(body)
}
