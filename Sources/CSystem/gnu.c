#define _GNU_SOURCE
#include "CSystem.h"
#include <sched.h>
#include <sys/mman.h>

int csys_accept(int fd, struct sockaddr *address, socklen_t *length) {
  return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int csys_usable_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int n = CPU_COUNT(&set);
  return n < 1 ? 1 : n;
}

const void *csys_find(const void *bytes, size_t count, const void *wanted, size_t wanted_count) {
  return memmem(bytes, count, wanted, wanted_count);
}

extern const char __executable_start, etext;

void csys_release_startup_pages(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = (uintptr_t)&__executable_start & ~(page - 1);
  uintptr_t end = (uintptr_t)&etext & ~(page - 1);
  if (end <= start) return;
  // Without huge pages, or one touched line would bring 2 MiB back.
  madvise((void *)start, end - start, MADV_NOHUGEPAGE);
  madvise((void *)start, end - start, MADV_DONTNEED);
}
