import CSystem
import Glibc

/// Standard input, output and error of a program that was started without some of them.
enum StandardDescriptors {
  /// Makes sure that the numbers 0 to 2 are taken: a socket that got one of them would be written log lines to.
  static func open() {
    for number in Int32(0)...2 where csys_fcntl_int(number, F_GETFD, 0) < 0 {
      // Without /dev (a bare chroot) a directory does: what is written to it fails.
      if csys_open("/dev/null", O_RDWR, 0) < 0 { _ = csys_open("/", O_RDONLY, 0) }
    }
  }
}
