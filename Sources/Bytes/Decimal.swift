extension [UInt8] {
  /// Appends a number in decimal digits, without making a string of it.
  public mutating func append(decimal value: UInt64) {
    var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
    Swift.withUnsafeMutableBytes(of: &digits) { buffer in
      var position = buffer.count
      var rest = value
      repeat {
        position -= 1
        let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
        buffer[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
        rest = quotient
      } while rest > 0
      append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[position...]))
    }
  }
}
