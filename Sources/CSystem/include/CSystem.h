// What Swift cannot import from the C library: macros, unions, variadic calls, atomics on raw memory.
// No logic lives here. No feature macros either: they would change the C library's types under Swift's own import of it.
// Everything on a hot path is `static inline` so that it disappears into its caller.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

// ---- program start (early.c): valid before and without /proc
int csys_argument_count(void);
const char *csys_argument(int index);
/// Writable storage of an argument: secrets on the command line are blanked there.
char *csys_argument_storage(int index);

// ---- errno
static inline int csys_errno(void) { return errno; }
static inline void csys_set_errno(int value) { errno = value; }

// ---- atomics on raw memory. Acquire/release unless the name says otherwise.
static inline uint64_t csys_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint64_t csys_load64_relaxed(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void csys_store64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void csys_store64_relaxed(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void csys_store64_seq_cst(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t csys_add64(uint64_t *p, uint64_t v) { return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL); }
static inline uint64_t csys_add64_relaxed(uint64_t *p, uint64_t v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
static inline uint64_t csys_sub64(uint64_t *p, uint64_t v) { return __atomic_fetch_sub(p, v, __ATOMIC_ACQ_REL); }
static inline uint16_t csys_load16_relaxed(const uint16_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void csys_store16_relaxed(uint16_t *p, uint16_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline uint32_t csys_load32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint32_t csys_load32_relaxed(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void csys_store32_relaxed(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void csys_store32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void csys_store32_seq_cst(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t csys_exchange32(uint32_t *p, uint32_t v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t csys_add32(uint32_t *p, uint32_t v) { return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL); }
static inline int csys_compare_exchange32(uint32_t *p, uint32_t expected, uint32_t desired) {
  return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
static inline void csys_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void csys_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// ---- a 4-byte lock: spins briefly, then sleeps in the kernel (0 free, 1 held, 2 held with sleepers)
void csys_lock_slow(uint32_t *lock);
void csys_unlock_slow(uint32_t *lock);
static inline void csys_lock(uint32_t *lock) {
  uint32_t expected = 0;
  if (!__atomic_compare_exchange_n(lock, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) csys_lock_slow(lock);
}
static inline int csys_try_lock(uint32_t *lock) {
  uint32_t expected = 0;
  return __atomic_compare_exchange_n(lock, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
static inline void csys_unlock(uint32_t *lock) {
  if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2) csys_unlock_slow(lock);
}

// ---- epoll
static inline void csys_epoll_set(struct epoll_event *e, uint32_t events, uint64_t data) {
  e->events = events;
  e->data.u64 = data;
}
static inline uint64_t csys_epoll_data(const struct epoll_event *e) { return e->data.u64; }

// ---- time
static inline int64_t csys_clock(int which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static inline int64_t csys_monotonic_ns(void) { return csys_clock(CLOCK_MONOTONIC); }
static inline int64_t csys_realtime_ns(void) { return csys_clock(CLOCK_REALTIME); }

// ---- calls that are variadic or macros in C
static inline int csys_fcntl_int(int fd, int command, int value) { return fcntl(fd, command, value); }
/// O_DIRECT, which Glibc hides behind a feature macro.
int csys_o_direct(void);
static inline int csys_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }
static inline int csys_ioctl_int(int fd, unsigned long request, int *value) { return ioctl(fd, request, value); }
/// accept4: the new descriptor is non-blocking and closed on exec.
int csys_accept(int fd, struct sockaddr *address, socklen_t *length);
static inline int csys_stream_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
static inline int csys_datagram_socket(int family) { return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
/// EAI_NODATA, which Glibc hides behind a feature macro: the name exists, but has no address.
static inline int csys_eai_nodata(void) { return -5; }
static inline int csys_wifexited(int status) { return WIFEXITED(status); }
static inline int csys_wexitstatus(int status) { return WEXITSTATUS(status); }
static inline int csys_set_nofile(uint64_t soft, uint64_t hard) {
  struct rlimit r = {soft, hard};
  return setrlimit(RLIMIT_NOFILE, &r);
}
static inline uint64_t csys_nofile_soft(void) {
  struct rlimit r;
  return getrlimit(RLIMIT_NOFILE, &r) == 0 ? r.rlim_cur : 1024;
}
static inline uint64_t csys_nofile_hard(void) {
  struct rlimit r;
  return getrlimit(RLIMIT_NOFILE, &r) == 0 ? r.rlim_max : 1024;
}
/// CPUs this process may run on, by its affinity mask; at least 1.
int csys_usable_cpus(void);
/// CPU time of the whole process, user and system together, in nanoseconds.
static inline int64_t csys_process_cpu_ns(void) { return csys_clock(CLOCK_PROCESS_CPUTIME_ID); }

// ---- memory
/// Large blocks go back to the system when they are freed. Left alone, the C library keeps blocks of the size of the
/// largest one ever freed, and a process that was large once stays so.
static inline void csys_return_large_blocks(void) {
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

/// Gives every free page of the C library's heap back.
static inline void csys_release_memory(void) { malloc_trim(0); }

/// Takes the program's code out of resident memory; what runs again is mapped again from the page cache. Kernels that
/// map files in large folios count all code as resident soon after the start, most of which never runs again.
void csys_forget_code(void);

// ---- random seeds of this process, for hash tables whose keys come from the network (seed.c)
extern uint64_t csys_hash_seeds[2];
static inline uint64_t csys_hash_seed(void) { return csys_hash_seeds[0]; }
static inline uint64_t csys_hash_seed2(void) { return csys_hash_seeds[1]; }
/// memmem: where `wanted` first stands in `bytes`, or NULL.
const void *csys_find(const void *bytes, size_t count, const void *wanted, size_t wanted_count);

// ---- profiling (profile.c). One profile at a time; all calls from one thread.
/// Where stacks may be: pairs of start and end, sorted.
void csys_profile_stacks(const uint64_t *ranges, uint32_t count);
/// Takes samples into `buffer` (zeroed) from here on. 0 or an error number.
int csys_profile_start(uint64_t *buffer, uint64_t words);
/// Samples a thread at every `period_ns` of its CPU time; nothing happens the second time. 0 or an error number.
int csys_profile_thread(int thread, int64_t period_ns);
/// Ends the profile. How many words are used: per sample a depth (0 when it was cut off), a thread and the addresses.
uint64_t csys_profile_stop(uint64_t *lost);
/// malloc's arena, mapped, used, free and trimmable bytes (memory.c).
void csys_malloc_numbers(uint64_t numbers[5]);
/// Names the calling thread, at most 15 bytes.
void csys_name_thread(const char *name);

// ---- CRC-32C (crc32c.c). `crc` is 0, or the result for the bytes before these.
/// By the processor's instruction where there is one, else by table: chosen at start, same result.
uint32_t csys_crc32c(uint32_t crc, const void *bytes, size_t count);
uint32_t csys_crc32c_by_table(uint32_t crc, const void *bytes, size_t count);
int csys_crc32c_is_hardware(void);
