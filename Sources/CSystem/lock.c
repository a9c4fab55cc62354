#include "CSystem.h"

// Held times are tens of nanoseconds to a few microseconds, so spinning first nearly always wins;
// the futex is there for a holder that lost its CPU.
void csys_lock_slow(uint32_t *lock) {
  for (int spins = 0; spins < 200; spins++) {
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) == 0) {
      uint32_t expected = 0;
      if (__atomic_compare_exchange_n(lock, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    }
    csys_pause();
  }
  while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE) != 0)
    syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

void csys_unlock_slow(uint32_t *lock) { syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }
