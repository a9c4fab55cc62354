import CSystem

/// Other users see the command line: what URLs carry before `@` is blanked there.
func hideSecrets(_ arguments: [String]) {
  for (index, argument) in arguments.enumerated() {
    guard let storage = csys_argument_storage(Int32(index)) else { continue }
    var isSecret = false
    let bytes = Array(argument.utf8)
    for (offset, byte) in bytes.enumerated() {
      let rest = bytes[offset...]
      if rest.starts(with: "://".utf8) {
        // Up to the `@` of this URL; several are separated by commas.
        let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? bytes.count
        isSecret = bytes[offset..<end].contains(UInt8(ascii: "@"))
      } else if byte == UInt8(ascii: "@") {
        isSecret = false
      } else if isSecret, !"/:".utf8.contains(byte) {
        storage[offset] = CChar(UInt8(ascii: "x"))
      }
    }
  }
}
