import CSystem
import Configuration

/// Overwrites secrets among the arguments, which everybody on the machine can read (FEATURES 3.023).
func hideSecrets(_ arguments: [String]) {
  for place in SecretArguments.places(in: arguments) {
    guard let storage = csys_argument_storage(Int32(place.argument + 1)) else { continue }
    for offset in place.bytes { storage[offset] = CChar(bitPattern: UInt8(ascii: "x")) }
  }
}
