import Bytes

/// Members in one call. `omitEmpty` is Go's `omitempty`: nothing is written for false, zero and the empty string.
extension JSONWriter {
  public mutating func field(_ name: StaticString, _ value: String, omitEmpty: Bool = false) {
    if omitEmpty, value.isEmpty { return }
    key(name)
    self.value(value)
  }

  public mutating func field(_ name: StaticString, _ value: Bool, omitEmpty: Bool = false) {
    if omitEmpty, !value { return }
    key(name)
    self.value(value)
  }

  public mutating func field(_ name: StaticString, _ value: some FixedWidthInteger, omitEmpty: Bool = false) {
    if omitEmpty, value == 0 { return }
    key(name)
    self.value(value)
  }

  public mutating func field(_ name: StaticString, _ value: Double, omitEmpty: Bool = false) {
    if omitEmpty, value == 0 { return }
    key(name)
    self.value(value)
  }

  /// A time; `omitEmpty` has no effect on times in Go, so there is none here.
  public mutating func field(_ name: StaticString, _ value: Timestamp) {
    key(name)
    self.value(value)
  }

  public mutating func field(_ name: StaticString, _ values: [String], omitEmpty: Bool = false) {
    if omitEmpty, values.isEmpty { return }
    key(name)
    beginArray()
    for value in values { self.value(value) }
    endArray()
  }

  /// A member whose value has its own way of being written.
  public mutating func field(_ name: StaticString, _ value: some JSONWritable) {
    key(name)
    value.write(to: &self)
  }

  /// A member that is left out for nil.
  public mutating func field(_ name: StaticString, ifPresent value: (some JSONWritable)?) {
    guard let value else { return }
    field(name, value)
  }

  /// An array of values that have their own way of being written.
  public mutating func field(_ name: StaticString, _ values: [some JSONWritable], omitEmpty: Bool = false) {
    if omitEmpty, values.isEmpty { return }
    key(name)
    beginArray()
    for value in values { value.write(to: &self) }
    endArray()
  }
}

/// A value that writes itself as one JSON value.
public protocol JSONWritable {
  func write(to writer: inout JSONWriter)
}

extension JSONWritable {
  /// The value as JSON bytes.
  public func json(style: JSONWriter.Style = .compact) -> [UInt8] {
    var writer = JSONWriter(style: style)
    write(to: &writer)
    return writer.bytes
  }
}
