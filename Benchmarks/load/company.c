// One publisher and one subscriber that keeps up, beside others that make it hard: a slow reader, or subscriptions that
// come and go.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "load.h"

static bool finished;
static Counter healthy;

static void *read_healthy(void *argument) {
  (void)argument;
  while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE))
    if (connection_wait(healthy.connection, 50)) counter_read(&healthy, NULL, NULL);
  return NULL;
}

// Reads 6 MB a second at most, until the server gives it up.
static void *read_slowly(void *argument) {
  Connection *slow = argument;
  static char bytes[1 << 16];
  while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
    if (connection_wait(slow, 50) && recv(connection_descriptor(slow), bytes, sizeof bytes, 0) <= 0) break;
    sleep_seconds(0.01);
  }
  return NULL;
}

typedef struct {
  Connection *connection;
  long count;
  uint64_t rounds;
} Churner;

static void *churn(void *argument) {
  Churner *churner = argument;
  char *text = malloc((size_t)churner->count * 80);
  size_t length = 0;
  for (long i = 0; i < churner->count; i++)
    length += (size_t)snprintf(text + length, 40, "SUB churn.%ld.%s %ld\r\n", i, i % 2 ? "x" : "*", i + 1);
  for (long i = 0; i < churner->count; i++) length += (size_t)snprintf(text + length, 40, "UNSUB %ld\r\n", i + 1);
  while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
    connection_write(churner->connection, text, length);
    connection_round_trip(churner->connection);
    churner->rounds++;
  }
  free(text);
  return NULL;
}

// Publishes for the time given, and waits until the healthy subscriber has everything. Prints its part of the result.
static void publish(const Target *target, const char *subject, size_t size, const Churner *churner) {
  Connection *publisher = connection_open(target);
  char head[64];
  size_t head_length = (size_t)snprintf(head, sizeof head, "PUB %s %zu\r\n", subject, size);
  size_t frame = head_length + size + 2, frames = (1 << 15) / frame + 1;
  char *block = malloc(frames * frame);
  for (size_t i = 0; i < frames; i++) {
    memcpy(block + i * frame, head, head_length);
    memset(block + i * frame + head_length, 'x', size);
    memcpy(block + i * frame + head_length + size, "\r\n", 2);
  }
  double cpu = cpu_seconds(target->pid), start = now_seconds(), deadline = start + (double)option("seconds", 2);
  uint64_t sent = 0;
  while (now_seconds() < deadline) {
    connection_write(publisher, block, frames * frame);
    sent += frames;
  }
  connection_round_trip(publisher);
  while (__atomic_load_n(&healthy.received, __ATOMIC_ACQUIRE) < sent) {
    if (now_seconds() > deadline + PATIENCE_SECONDS) fail("the healthy subscriber misses messages");
    sleep_seconds(0.0005);
  }
  double seconds = now_seconds() - start;
  cpu = cpu_seconds(target->pid) - cpu;
  __atomic_store_n(&finished, true, __ATOMIC_RELEASE);
  printf("{\"rate\": %.0f, \"cpu_per_million\": %.5f, \"resident_bytes\": %.0f", (double)sent / seconds,
         cpu / (double)sent * 1e6, resident_bytes(target->pid));
  double subscriptions = churner ? (double)churner->rounds * (double)churner->count : 0;
  if (churner) printf(", \"subscriptions_per_second\": %.0f", subscriptions / seconds);
  printf("}\n");
  free(block);
}

static pthread_t start_healthy(const Target *target, const char *subject, size_t size) {
  healthy = (Counter){.connection = connection_open(target), .frame = frame_length(subject, "7", "", size)};
  connection_print(healthy.connection, "SUB %s 7\r\n", subject);
  connection_round_trip(healthy.connection);
  connection_make_nonblocking(healthy.connection);
  pthread_t thread;
  pthread_create(&thread, NULL, read_healthy, NULL);
  return thread;
}

void run_slow(const Target *target) {
  size_t size = (size_t)option("size", 1024);
  Connection *slow = connection_open(target);
  connection_print(slow, "SUB bench.slow 1\r\n");
  connection_round_trip(slow);
  pthread_t reading = start_healthy(target, "bench.slow", size), reading_slowly;
  pthread_create(&reading_slowly, NULL, read_slowly, slow);
  publish(target, "bench.slow", size, NULL);
  pthread_join(reading, NULL);
  pthread_join(reading_slowly, NULL);
}

void run_churn(const Target *target) {
  size_t size = (size_t)option("size", 128);
  Churner churner = {.connection = connection_open(target), .count = option("count", 20000)};
  pthread_t reading = start_healthy(target, "bench.steady", size), churning;
  pthread_create(&churning, NULL, churn, &churner);
  publish(target, "bench.steady", size, &churner);
  pthread_join(reading, NULL);
  pthread_join(churning, NULL);
}
