/// Text in double quotes as Go's `%q` prints it, which is how nats-server's messages show what a client sent.
public enum GoString {
  /// Bytes that are not valid UTF-8 are shown as `\xNN`.
  public static func quote(_ bytes: UnsafeRawBufferPointer) -> String {
    var result = "\""
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var position = 0
    while true {
      var probe = iterator
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar):
        append(scalar, to: &result)
        position += UTF8.width(scalar)
      case .emptyInput:
        return result + "\""
      case .error:
        // One byte is shown; decoding goes on behind it.
        let byte = bytes[position]
        result += "\\x" + hex(UInt32(byte), digits: 2)
        position += 1
        _ = probe.next()
        iterator = probe
        decoder = UTF8()
      }
    }
  }

  public static func quote(_ text: String) -> String {
    var text = text
    return text.withUTF8 { quote(UnsafeRawBufferPointer($0)) }
  }

  private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\u{07}": result += "\\a"
    case "\u{08}": result += "\\b"
    case "\u{0C}": result += "\\f"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case "\u{0B}": result += "\\v"
    default:
      if scalar.value < 0x20 || scalar.value == 0x7F {
        result += "\\x" + hex(scalar.value, digits: 2)
      } else if isPrintable(scalar) {
        result.unicodeScalars.append(scalar)
      } else if scalar.value < 0x10000 {
        result += "\\u" + hex(scalar.value, digits: 4)
      } else {
        result += "\\U" + hex(scalar.value, digits: 8)
      }
    }
  }

  /// Letters, marks, numbers, punctuation, symbols, and the plain space.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == " " { return true }
    if scalar.isASCII { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator:
      return false
    default: return true
    }
  }

  private static func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
