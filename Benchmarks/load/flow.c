// Publishers write as fast as the server takes it; subscribers count what arrives.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"

enum { most_connections = 256, reader_threads = 2, block_bytes = 1 << 16 };

typedef struct {
  Connection *connection;
  char subject[32];
  size_t size;
  uint64_t sent;
  pthread_t thread;
} Publisher;

typedef struct {
  Counter *counters;
  int count;
  pthread_t thread;
} Reader;

static double deadline;
static bool started, finished;

static void wait_for_start(void) {
  while (!__atomic_load_n(&started, __ATOMIC_ACQUIRE)) sleep_seconds(0.0005);
}

static void *publish(void *argument) {
  Publisher *publisher = argument;
  char head[64];
  size_t head_length = (size_t)snprintf(head, sizeof head, "PUB %s %zu\r\n", publisher->subject, publisher->size);
  size_t frame = head_length + publisher->size + 2;
  size_t frames = frame < block_bytes ? block_bytes / frame : 1;
  char *block = malloc(frames * frame);
  for (size_t i = 0; i < frames; i++) {
    char *position = block + i * frame;
    memcpy(position, head, head_length);
    memset(position + head_length, 'x', publisher->size);
    memcpy(position + head_length + publisher->size, "\r\n", 2);
  }
  wait_for_start();
  while (now_seconds() < deadline) {
    connection_write(publisher->connection, block, frames * frame);
    publisher->sent += frames;
  }
  connection_round_trip(publisher->connection);
  free(block);
  return NULL;
}

static void *read_all(void *argument) {
  Reader *reader = argument;
  int events = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < reader->count; i++) {
    connection_make_nonblocking(reader->counters[i].connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &reader->counters[i]};
    epoll_ctl(events, EPOLL_CTL_ADD, connection_descriptor(reader->counters[i].connection), &event);
  }
  while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
    struct epoll_event ready[64];
    int count = epoll_wait(events, ready, 64, 50);
    for (int i = 0; i < count; i++)
      for (int turns = 0; turns < 16 && counter_read(ready[i].data.ptr, NULL, NULL); turns++) {
      }
  }
  return NULL;
}

static uint64_t total_received(const Counter *counters, int count) {
  uint64_t total = 0;
  for (int i = 0; i < count; i++) total += __atomic_load_n(&counters[i].received, __ATOMIC_ACQUIRE);
  return total;
}

void run_flow(const Target *target) {
  int publishers = (int)option("publishers", 1), subscribers = (int)option("subscribers", 1);
  bool distinct = option("distinct", 0);
  size_t size = (size_t)option("size", 128);
  if (publishers < 1 || publishers > most_connections || subscribers > most_connections) fail("too many connections");
  if (distinct && publishers != subscribers) fail("distinct subjects need as many subscribers as publishers");

  static Publisher all_publishers[most_connections];
  static Counter counters[most_connections];
  for (int i = 0; i < subscribers; i++) {
    char subject[32];
    snprintf(subject, sizeof subject, "bench.subject.%d", distinct ? i : 0);
    counters[i] = (Counter){.connection = connection_open(target), .frame = frame_length(subject, "7", "", size)};
    connection_print(counters[i].connection, "SUB %s 7\r\n", subject);
    connection_round_trip(counters[i].connection);
  }
  for (int i = 0; i < publishers; i++) {
    Publisher *publisher = &all_publishers[i];
    *publisher = (Publisher){.connection = connection_open(target), .size = size};
    snprintf(publisher->subject, sizeof publisher->subject, "bench.subject.%d", distinct ? i : 0);
    pthread_create(&publisher->thread, NULL, publish, publisher);
  }
  Reader readers[reader_threads];
  int reader_count = subscribers < reader_threads ? subscribers : reader_threads;
  for (int i = 0, first = 0; i < reader_count; i++) {
    int share = subscribers / reader_count + (i < subscribers % reader_count);
    readers[i] = (Reader){.counters = counters + first, .count = share};
    first += readers[i].count;
    pthread_create(&readers[i].thread, NULL, read_all, &readers[i]);
  }
  sleep_seconds(0.1);

  double cpu = cpu_seconds(target->pid), start = now_seconds();
  deadline = start + (double)option("seconds", 1);
  __atomic_store_n(&started, true, __ATOMIC_RELEASE);
  uint64_t sent = 0, wanted = 0, received;
  for (int i = 0; i < publishers; i++) {
    pthread_join(all_publishers[i].thread, NULL);
    sent += all_publishers[i].sent;
    wanted += all_publishers[i].sent * (uint64_t)(distinct ? 1 : subscribers);
  }
  while ((received = total_received(counters, subscribers)) < wanted) {
    if (now_seconds() > deadline + PATIENCE_SECONDS)
      fail("%llu of %llu messages arrived", (unsigned long long)received, (unsigned long long)wanted);
    sleep_seconds(0.0002);
  }
  double seconds = now_seconds() - start;
  cpu = cpu_seconds(target->pid) - cpu;
  __atomic_store_n(&finished, true, __ATOMIC_RELEASE);
  for (int i = 0; i < reader_count; i++) pthread_join(readers[i].thread, NULL);
  double messages = (double)(subscribers ? received : sent);
  printf("{\"rate\": %.0f, \"cpu_per_million\": %.5f, \"resident_bytes\": %.0f, \"messages\": %.0f}\n",
         messages / seconds, cpu / messages * 1e6, resident_bytes(target->pid), messages);
}
