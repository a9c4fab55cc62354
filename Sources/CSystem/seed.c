#include "CSystem.h"

uint64_t csys_hash_seeds[2];

// Before any Swift code runs, so that readers need no once-check. Where getrandom is missing the
// clock and the address of this data still differ between runs.
__attribute__((constructor(102))) static void seed(void) {
  if (syscall(SYS_getrandom, csys_hash_seeds, sizeof csys_hash_seeds, 1 /* GRND_NONBLOCK */) !=
      (long)sizeof csys_hash_seeds) {
    csys_hash_seeds[0] = (uint64_t)csys_realtime_ns() * 0x9E3779B97F4A7C15u;
    csys_hash_seeds[1] = (uint64_t)(uintptr_t)&csys_hash_seeds ^ (uint64_t)csys_monotonic_ns() << 20;
  }
  csys_hash_seeds[0] |= 1;
  csys_hash_seeds[1] |= 1;
}
