// The errors of the JetStream API: ERRORS.md. Their texts are part of the protocol; clients compare the numbers.

import JSON

/// An error as the JetStream API answers it (FEATURES 7, ADR-7).
public struct JetStreamError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kind, as in HTTP: 400, 404, 409, 412, 429, 500, 503.
  public let code: UInt16
  /// The number that identifies it: 10002 to 10227.
  public let number: UInt16
  /// The text with its variable parts filled in.
  public let description: String

  public init(_ number: UInt16, _ code: UInt16, _ description: String) {
    self.number = number
    self.code = code
    self.description = description
  }
}

extension JetStreamError: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("code", code)
    writer.field("err_code", number)
    writer.field("description", description, omitEmpty: true)
    writer.endObject()
  }
}
