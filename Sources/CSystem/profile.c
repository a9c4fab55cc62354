#define _GNU_SOURCE
#include "CSystem.h"
#include <ucontext.h>

// A sampling profiler: every thread has a timer on its own CPU time, whose signal writes the call stack into one
// buffer. The handler allocates nothing, takes no lock, and reads only memory of the stack it interrupts.

enum { most_frames = 64, most_stacks = 512, most_threads = 512 };

static uint64_t *samples;
static uint64_t sample_words;
static uint64_t used_words;
static uint64_t lost_samples;
static uint32_t active;
// Ends of writable mappings, sorted: whatever stack a thread runs on, it is mapped from its pointer to such an end.
static struct { uint64_t start, end; } stacks[most_stacks];
static uint32_t stack_count;
static timer_t timers[most_threads];
static int timer_threads[most_threads];
static uint32_t timer_count;

static uint64_t end_of_stack(uint64_t pointer) {
  uint32_t count = csys_load32(&stack_count);
  for (uint32_t i = 0; i < count; i++)
    if (pointer < stacks[i].end) {
      // The first thread's stack grows downwards, below what was seen at the start.
      return pointer + (1 << 20) >= stacks[i].start ? stacks[i].end : 0;
    }
  return 0;
}

static void take_sample(int number, siginfo_t *information, void *context) {
  (void)number;
  (void)information;
  if (!csys_load32(&active)) return;
  int error = errno;
  ucontext_t *machine = context;
#if defined(__x86_64__)
  uint64_t counter = machine->uc_mcontext.gregs[REG_RIP];
  uint64_t frame = machine->uc_mcontext.gregs[REG_RBP];
  uint64_t stack = machine->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
  uint64_t counter = machine->uc_mcontext.pc;
  uint64_t frame = machine->uc_mcontext.regs[29];
  uint64_t stack = machine->uc_mcontext.sp;
#else
#error "no call stacks on this machine"
#endif
  uint64_t frames[most_frames];
  uint32_t depth = 0;
  frames[depth++] = counter;
  uint64_t end = end_of_stack(stack);
  // Code without frame pointers may have anything in the register: only a chain that rises within the stack is read.
  while (depth < most_frames && frame >= stack && (frame & 7) == 0 && end >= 16 && frame <= end - 16) {
    const uint64_t *pair = (const uint64_t *)frame;
    uint64_t next = pair[0], caller = pair[1];
    if (caller < 4096) break;
    frames[depth++] = caller;
    if (next <= frame) break;
    frame = next;
  }
  uint64_t position = __atomic_fetch_add(&used_words, depth + 2, __ATOMIC_RELAXED);
  if (position + depth + 2 <= sample_words) {
    samples[position + 1] = (uint64_t)syscall(SYS_gettid);
    for (uint32_t i = 0; i < depth; i++) samples[position + 2 + i] = frames[i];
    __atomic_store_n(&samples[position], depth, __ATOMIC_RELEASE);
  } else {
    __atomic_fetch_add(&lost_samples, 1, __ATOMIC_RELAXED);
  }
  errno = error;
}

void csys_profile_stacks(const uint64_t *ranges, uint32_t count) {
  if (count > most_stacks) count = most_stacks;
  csys_store32(&stack_count, 0);
  for (uint32_t i = 0; i < count; i++) {
    stacks[i].start = ranges[2 * i];
    stacks[i].end = ranges[2 * i + 1];
  }
  csys_store32(&stack_count, count);
}

int csys_profile_start(uint64_t *buffer, uint64_t words) {
  struct sigaction action = {0};
  action.sa_sigaction = take_sample;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  if (sigaction(SIGPROF, &action, NULL) != 0) return errno;
  samples = buffer;
  sample_words = words;
  used_words = 0;
  lost_samples = 0;
  timer_count = 0;
  csys_store32(&active, 1);
  return 0;
}

int csys_profile_thread(int thread, int64_t period_ns) {
  for (uint32_t i = 0; i < timer_count; i++)
    if (timer_threads[i] == thread) return 0;
  if (timer_count == most_threads) return ENOSPC;
  struct sigevent event = {0};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
  event.sigev_notify_thread_id = thread;
  // The kernel's number for the CPU time of a thread (CPUCLOCK_SCHED of one thread).
  clockid_t clock = (~(clockid_t)thread << 3) | 6;
  timer_t timer;
  if (timer_create(clock, &event, &timer) != 0) return errno;
  struct itimerspec time = {{period_ns / 1000000000, period_ns % 1000000000}, {period_ns / 1000000000, period_ns % 1000000000}};
  timer_settime(timer, 0, &time, NULL);
  timers[timer_count] = timer;
  timer_threads[timer_count++] = thread;
  return 0;
}

uint64_t csys_profile_stop(uint64_t *lost) {
  csys_store32(&active, 0);
  for (uint32_t i = 0; i < timer_count; i++) timer_delete(timers[i]);
  // A handler that had begun is over within moments; the buffer stays the caller's until then.
  usleep(20000);
  *lost = __atomic_load_n(&lost_samples, __ATOMIC_RELAXED);
  uint64_t used = __atomic_load_n(&used_words, __ATOMIC_RELAXED);
  return used < sample_words ? used : sample_words;
}
