// Clients that behave badly without breaking the protocol, beside a witness that must not notice.
//
//   stress slow PORT READERS MESSAGES      readers that never read, while messages of 1 KB are published to them
//   stress silent PORT CONNECTIONS         connections that go silent, some in the middle of a frame, until the server
//                                          closes them (as stale, or for want of a CONNECT)
//   stress flood PORT LIMIT CONNECTIONS    more connections than max_connections lets in, again and again
//   stress churn PORT SUBSCRIPTIONS ROUNDS subscriptions that come and go while messages are published to them
//
// Prints what it saw and exits 0; says what went wrong and exits 1 otherwise.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define PATIENCE_SECONDS 20

static int port;

// Reads until the server closes; true when it did in time.
static bool closed_by_server(int connection, double deadline) {
  static char ignored[1 << 20];
  for (;;) {
    double left = deadline - now_seconds();
    struct pollfd wait = {.fd = connection, .events = POLLIN};
    if (left <= 0 || poll(&wait, 1, (int)(left * 1000)) == 0) return false;
    if (recv(connection, ignored, sizeof ignored, 0) <= 0) return true;
  }
}

// slow

typedef struct {
  int connection;
  uint64_t expected;
} Healthy;

// Reads numbered messages of 1 KB and checks that none is missing.
static void *read_healthy(void *argument) {
  Healthy *healthy = argument;
  FILE *stream = fdopen(dup(healthy->connection), "r");
  char line[2048];
  for (uint64_t number = 0; number < healthy->expected;) {
    if (!fgets(line, sizeof line, stream)) fail("the healthy reader was closed after %llu", (unsigned long long)number);
    if (strncmp(line, "PING", 4) == 0) send_all(healthy->connection, "PONG\r\n", 6);
    if (strncmp(line, "MSG", 3) != 0) continue;
    if (!fgets(line, sizeof line, stream)) fail("the healthy reader was closed");
    if (strtoull(line, NULL, 10) != number)
      fail("the healthy reader expected %llu, got %.20s", (unsigned long long)number, line);
    number++;
  }
  fclose(stream);
  return NULL;
}

static void slow(int readers, uint64_t messages) {
  Witness *witness = witness_start(port, NULL, 500);
  int *slow_readers = calloc((size_t)readers, sizeof *slow_readers);
  for (int i = 0; i < readers; i++) {
    slow_readers[i] = open_client(port, NULL);
    send_text(slow_readers[i], "SUB flow.%s 1\r\n", i % 2 ? ">" : "x");
    round_trip(slow_readers[i]);
  }
  Healthy healthy = {.connection = open_client(port, NULL), .expected = messages};
  send_text(healthy.connection, "SUB flow.x 1\r\n");
  round_trip(healthy.connection);
  pthread_t reading;
  pthread_create(&reading, NULL, read_healthy, &healthy);
  int publisher = open_client(port, NULL);
  char frame[1100], payload[1025];
  double started = now_seconds();
  for (uint64_t number = 0; number < messages; number++) {
    memset(payload, '.', sizeof payload);
    payload[snprintf(payload, sizeof payload, "%llu", (unsigned long long)number)] = '.';
    int length = snprintf(frame, sizeof frame, "PUB flow.x 1024\r\n%.1024s\r\n", payload);
    send_all(publisher, frame, (size_t)length);
  }
  round_trip(publisher);
  pthread_join(reading, NULL);
  double seconds = now_seconds() - started;
  double deadline = now_seconds() + PATIENCE_SECONDS;
  for (int i = 0; i < readers; i++) {
    if (!closed_by_server(slow_readers[i], deadline)) fail("slow reader %d was not closed", i);
    close(slow_readers[i]);
  }
  close(publisher);
  close(healthy.connection);
  witness_finish(witness);
  printf("slow: %llu messages of 1 KB in %.1f s beside %d readers that do not read; all of them closed\n",
         (unsigned long long)messages, seconds, readers);
  free(slow_readers);
}

// silent

static void silent(int connections) {
  Witness *witness = witness_start(port, NULL, 500);
  int *opened = calloc((size_t)connections, sizeof *opened);
  for (int i = 0; i < connections; i++) {
    opened[i] = open_connection(port, (uint32_t)i);
    if (opened[i] < 0) fail("cannot connect: %s", strerror(errno));
    switch (i % 4) {
      case 0:
        break;
      case 1:
        send_text(opened[i], "CONNECT {\"verbose\":false}\r\nSUB silent.%d 1\r\nPING\r\n", i);
        break;
      case 2:
        send_text(opened[i], "CONNECT {\"verbose\":false}\r\nPUB silent.x 1000\r\nhalf a payload");
        break;
      default:
        send_text(opened[i], "CONNECT {\"verbose\":false}\r\nSUB half.a.subj");
    }
  }
  double started = now_seconds(), deadline = started + PATIENCE_SECONDS;
  for (int i = 0; i < connections; i++) {
    if (!closed_by_server(opened[i], deadline)) fail("silent connection %d of kind %d was not closed", i, i % 4);
    close(opened[i]);
  }
  witness_finish(witness);
  printf("silent: %d connections were closed within %.1f s\n", connections, now_seconds() - started);
  free(opened);
}

// flood

// Whether this connection was let in; a refused one must be told why and be closed.
static bool let_in(int connection) {
  char answer[8192];
  size_t length = 0;
  send(connection, "CONNECT {\"verbose\":false}\r\nPING\r\n", 33, MSG_NOSIGNAL);
  double deadline = now_seconds() + PATIENCE_SECONDS;
  while (length < sizeof answer - 1) {
    struct pollfd wait = {.fd = connection, .events = POLLIN};
    if (poll(&wait, 1, (int)((deadline - now_seconds()) * 1000)) <= 0) fail("a connection of the flood gets no answer");
    ssize_t got = recv(connection, answer + length, sizeof answer - 1 - length, 0);
    if (got <= 0) break;
    length += (size_t)got;
    answer[length] = 0;
    if (strstr(answer, "PONG\r\n")) return true;
  }
  answer[length] = 0;
  // What we sent can reset the connection before its last words are read: then they are missing.
  if (length > 0 && !strstr(answer, "maximum connections exceeded") && strncmp(answer, "INFO", 4) != 0)
    fail("refused with: %s", answer);
  return false;
}

static void flood(int limit, int connections) {
  Witness *witness = witness_start(port, NULL, 500);
  int *opened = calloc((size_t)connections, sizeof *opened);
  double started = now_seconds();
  for (int round = 0; round < 3; round++) {
    int inside = 0;
    for (int i = 0; i < connections; i++) {
      opened[i] = open_connection(port, (uint32_t)i);
      if (opened[i] < 0) fail("cannot connect: %s", strerror(errno));
    }
    for (int i = 0; i < connections; i++) inside += let_in(opened[i]);
    // The witness holds two of the places.
    if (inside != limit - 2) fail("%d connections were let in, not %d", inside, limit - 2);
    for (int i = 0; i < connections; i++) close(opened[i]);
    // Places become free as the server notices; then they can be had again.
    double deadline = now_seconds() + PATIENCE_SECONDS;
    for (bool free_again = false; !free_again;) {
      int client = open_connection(port, 1);
      free_again = client >= 0 && let_in(client);
      if (client >= 0) close(client);
      if (!free_again && now_seconds() > deadline) fail("no place becomes free after the flood");
      usleep(100000);
    }
  }
  witness_finish(witness);
  printf("flood: 3 times %d connections at a limit of %d in %.1f s\n", connections, limit, now_seconds() - started);
  free(opened);
}

// churn

typedef struct {
  int subscriptions, rounds;
  bool done;
} Churn;

// Publishes to the subjects that come and go.
static void *publish_churned(void *argument) {
  Churn *churn = argument;
  int publisher = open_client(port, NULL);
  Random random = {.state = 7};
  uint64_t published = 0;
  while (!__atomic_load_n(&churn->done, __ATOMIC_ACQUIRE)) {
    for (int i = 0; i < 64; i++, published++)
      send_text(publisher, "PUB churn.%u.x 5\r\nhello\r\n", random_below(&random, (uint32_t)churn->subscriptions));
    round_trip(publisher);
  }
  close(publisher);
  printf("churn: %llu messages published to what came and went\n", (unsigned long long)published);
  return NULL;
}

typedef struct {
  int connection;
  uint64_t pongs;
} Swallower;

// Reads and forgets, so that the churning connection is never slow; counts the answers to PING.
static void *swallow(void *argument) {
  Swallower *swallower = argument;
  static char bytes[1 << 20];
  static const char pong[] = "PONG\r\n";
  size_t matched = 0;
  for (ssize_t got; (got = recv(swallower->connection, bytes, sizeof bytes, 0)) > 0;)
    for (ssize_t i = 0; i < got; i++) {
      matched = bytes[i] == pong[matched] ? matched + 1 : bytes[i] == pong[0];
      if (matched < sizeof pong - 1) continue;
      matched = 0;
      __atomic_fetch_add(&swallower->pongs, 1, __ATOMIC_RELEASE);
    }
  return NULL;
}

// Waits until the server has processed everything sent so far.
static void fence(Swallower *swallower) {
  uint64_t before = __atomic_load_n(&swallower->pongs, __ATOMIC_ACQUIRE);
  double deadline = now_seconds() + PATIENCE_SECONDS;
  send_text(swallower->connection, "PING\r\n");
  while (__atomic_load_n(&swallower->pongs, __ATOMIC_ACQUIRE) == before) {
    if (now_seconds() > deadline) fail("the churning connection gets no answer");
    usleep(1000);
  }
}

static const char *churned_subject(int number) {
  static const char *const forms[] = {"churn.%d.x", "churn.%d.*", "churn.%d.>"};
  return forms[number % 3];
}

static void churn(int subscriptions, int rounds) {
  Witness *witness = witness_start(port, NULL, 200);
  Churn state = {.subscriptions = subscriptions, .rounds = rounds};
  pthread_t publishing, swallowing;
  pthread_create(&publishing, NULL, publish_churned, &state);
  int churning = open_client(port, NULL);
  Swallower swallower = {.connection = churning};
  pthread_create(&swallowing, NULL, swallow, &swallower);
  size_t capacity = (size_t)subscriptions * 64;
  char *text = malloc(capacity);
  double started = now_seconds();
  for (int round = 0; round < rounds; round++) {
    size_t length = 0;
    for (int i = 0; i < subscriptions; i++) {
      length += (size_t)snprintf(text + length, capacity - length, "SUB ");
      length += (size_t)snprintf(text + length, capacity - length, churned_subject(i), i);
      length += (size_t)snprintf(text + length, capacity - length, "%s %d\r\n", i % 5 ? "" : " group", i + 1);
    }
    send_all(churning, text, length);
    fence(&swallower);
    length = 0;
    for (int i = 0; i < subscriptions; i++)
      length += (size_t)snprintf(text + length, capacity - length, "UNSUB %d\r\n", i + 1);
    send_all(churning, text, length);
    fence(&swallower);
    witness_check(witness);
  }
  double seconds = now_seconds() - started;
  __atomic_store_n(&state.done, true, __ATOMIC_RELEASE);
  pthread_join(publishing, NULL);
  shutdown(churning, SHUT_RDWR);
  pthread_join(swallowing, NULL);
  close(churning);
  witness_finish(witness);
  printf("churn: %d times %d subscriptions made and ended in %.1f s\n", rounds, subscriptions, seconds);
  free(text);
}

int main(int count, char **arguments) {
  if (count != 5 && !(count == 4 && strcmp(arguments[1], "silent") == 0)) fail("usage: see the head of stress.c");
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  port = atoi(arguments[2]);
  int first = atoi(arguments[3]), second = count > 4 ? atoi(arguments[4]) : 0;
  if (strcmp(arguments[1], "slow") == 0)
    slow(first, (uint64_t)second);
  else if (strcmp(arguments[1], "silent") == 0)
    silent(first);
  else if (strcmp(arguments[1], "flood") == 0)
    flood(first, second);
  else if (strcmp(arguments[1], "churn") == 0)
    churn(first, second);
  else
    fail("no '%s'; see the head of stress.c", arguments[1]);
  return 0;
}
