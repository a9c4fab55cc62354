#include "CSystem.h"

// The Swift runtime reads /proc/self/exe in its own constructor and aborts where there is no /proc
// (a bare chroot), and CommandLine.arguments is empty there. This runs before it.
static int argument_count;
static char **arguments;

__attribute__((constructor(101))) static void early(int argc, char **argv, char **envp) {
  (void)envp;
  // A peer that is gone is an error of the write, not a signal; tests and tools need this as the servers do.
  signal(SIGPIPE, SIG_IGN);
  argument_count = argc;
  arguments = argv;
  if (access("/proc/self/exe", F_OK) != 0) setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=/nonexistent", 0);
}

int csys_argument_count(void) { return argument_count; }
const char *csys_argument(int index) { return index >= 0 && index < argument_count ? arguments[index] : ""; }
char *csys_argument_storage(int index) { return index >= 0 && index < argument_count ? arguments[index] : NULL; }
