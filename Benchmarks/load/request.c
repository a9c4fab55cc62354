// Pairs of a requester and a responder on connections of their own; each pair has one request under way.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"

enum { most_pairs = 1024, most_samples = 20 * 1000 * 1000 };

typedef struct {
  Counter requester, responder;
  char *request, *reply;
  size_t request_length, reply_length;
  double sent;
} Pair;

static float *samples;  // microseconds
static size_t sample_count;
static double deadline;
static bool finished;
static int busy_pairs;

static void ask(Pair *pair) {
  pair->sent = now_seconds();
  connection_write(pair->requester.connection, pair->request, pair->request_length);
}

static void answered(void *context) {
  Pair *pair = context;
  double time = now_seconds();
  if (sample_count < most_samples) samples[sample_count++] = (float)((time - pair->sent) * 1e6);
  if (time < deadline)
    ask(pair);
  else
    busy_pairs--;
}

static void asked(void *context) {
  Pair *pair = context;
  connection_write(pair->responder.connection, pair->reply, pair->reply_length);
}

static int watch(Pair *pairs, int count, bool responders) {
  int events = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < count; i++) {
    Counter *counter = responders ? &pairs[i].responder : &pairs[i].requester;
    connection_make_nonblocking(counter->connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &pairs[i]};
    epoll_ctl(events, EPOLL_CTL_ADD, connection_descriptor(counter->connection), &event);
  }
  return events;
}

typedef struct {
  Pair *pairs;
  int count;
} Responders;

static void *respond(void *argument) {
  Responders *responders = argument;
  int events = watch(responders->pairs, responders->count, true);
  while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
    struct epoll_event ready[64];
    int count = epoll_wait(events, ready, 64, 50);
    for (int i = 0; i < count; i++) {
      Pair *pair = ready[i].data.ptr;
      counter_read(&pair->responder, asked, pair);
    }
  }
  return NULL;
}

// "PUB subject [reply] size", payload and all.
static char *publication(const char *subject, const char *reply, size_t size, size_t *length) {
  char head[128];
  const char *gap = *reply ? " " : "";
  size_t head_length = (size_t)snprintf(head, sizeof head, "PUB %s %s%s%zu\r\n", subject, reply, gap, size);
  char *frame = malloc(head_length + size + 2);
  memcpy(frame, head, head_length);
  memset(frame + head_length, 'x', size);
  memcpy(frame + head_length + size, "\r\n", 2);
  *length = head_length + size + 2;
  return frame;
}

static void open_pair(Pair *pair, const Target *target, int number, size_t size) {
  char service[32], inbox[48];
  snprintf(service, sizeof service, "service.%04d", number);
  snprintf(inbox, sizeof inbox, "_INBOX.requester.%04d.answer", number);
  pair->responder = (Counter){.connection = connection_open(target), .frame = frame_length(service, "1", inbox, size)};
  pair->requester = (Counter){.connection = connection_open(target), .frame = frame_length(inbox, "2", "", size)};
  connection_print(pair->responder.connection, "SUB %s 1\r\n", service);
  connection_round_trip(pair->responder.connection);
  connection_print(pair->requester.connection, "SUB _INBOX.requester.%04d.* 2\r\n", number);
  connection_round_trip(pair->requester.connection);
  pair->request = publication(service, inbox, size, &pair->request_length);
  pair->reply = publication(inbox, "", size, &pair->reply_length);
}

void run_request(const Target *target) {
  int count = (int)option("pairs", 25);
  if (count < 1 || count > most_pairs) fail("1 to %d pairs", most_pairs);
  static Pair pairs[most_pairs];
  samples = malloc(sizeof *samples * most_samples);
  for (int i = 0; i < count; i++) open_pair(&pairs[i], target, i, (size_t)option("size", 128));
  Responders responders = {.pairs = pairs, .count = count};
  pthread_t responding;
  pthread_create(&responding, NULL, respond, &responders);
  int events = watch(pairs, count, false);
  sleep_seconds(0.1);

  double cpu = cpu_seconds(target->pid), start = now_seconds();
  deadline = start + (double)option("seconds", 1);
  busy_pairs = count;
  for (int i = 0; i < count; i++) ask(&pairs[i]);
  while (busy_pairs > 0) {
    struct epoll_event ready[64];
    int arrived = epoll_wait(events, ready, 64, 1000);
    for (int i = 0; i < arrived; i++) {
      Pair *pair = ready[i].data.ptr;
      counter_read(&pair->requester, answered, pair);
    }
    if (now_seconds() > deadline + PATIENCE_SECONDS) fail("%d requests are not answered", busy_pairs);
  }
  double seconds = now_seconds() - start;
  cpu = cpu_seconds(target->pid) - cpu;
  __atomic_store_n(&finished, true, __ATOMIC_RELEASE);
  pthread_join(responding, NULL);
  printf("{\"rate\": %.0f, \"cpu_per_million\": %.5f, \"resident_bytes\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
         "\"p999_us\": %.1f}\n",
         (double)sample_count / seconds, cpu / (double)sample_count * 1e6, resident_bytes(target->pid),
         percentile(samples, sample_count, 0.5), percentile(samples, sample_count, 0.99),
         percentile(samples, sample_count, 0.999));
}
