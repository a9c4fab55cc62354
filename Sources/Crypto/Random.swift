import Bytes
import Glibc

/// Random bytes from the kernel's generator: safe for keys, safe after `fork`, without state in the process.
public enum Random {
  /// What `getentropy` gives at once, without being interrupted.
  private static let largestRequest = 256

  /// Fills `bytes`. The kernel's generator cannot fail once it is seeded, so an error stops the process.
  public static func fill(_ bytes: UnsafeMutableRawBufferPointer) {
    for start in stride(from: 0, to: bytes.count, by: largestRequest) {
      let result = getentropy(bytes.baseAddress! + start, min(largestRequest, bytes.count - start))
      precondition(result == 0, "no random bytes from the kernel")
    }
  }

  public static func bytes(count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      fill(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
      initialized = count
    }
  }

  /// The challenge of an INFO: 11 random bytes as 15 characters of unpadded base64url (FEATURES 1.052).
  public static func nonce() -> String {
    Base64.rawURL.encode(bytes(count: 11))
  }
}
