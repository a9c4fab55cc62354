#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 30

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
  fflush(stdout);
  _exit(1);
}

double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

uint64_t random_next(Random *random) {
  uint64_t mixed = random->state += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

uint32_t random_below(Random *random, uint32_t bound) {
  return (uint32_t)(((random_next(random) >> 32) * bound) >> 32);
}

int open_connection(int port, uint32_t source) {
  int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) return -1;
  int on = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(made, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source % 200)};
  struct sockaddr_in server = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(made, (struct sockaddr *)&local, sizeof local) == 0 &&
      connect(made, (struct sockaddr *)&server, sizeof server) == 0)
    return made;
  close(made);
  return -1;
}

void send_all(int socket, const void *bytes, size_t count) {
  const char *position = bytes;
  while (count > 0) {
    ssize_t sent = send(socket, position, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail("a healthy connection cannot send: %s", strerror(errno));
    position += sent;
    count -= (size_t)sent;
  }
}

void send_text(int socket, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  send_all(socket, text, (size_t)length);
}

static void read_line(int socket, char *line, size_t capacity) {
  size_t length = 0;
  while (length < capacity - 1) {
    struct pollfd wait = {.fd = socket, .events = POLLIN};
    if (poll(&wait, 1, PATIENCE_SECONDS * 1000) == 0) fail("a healthy connection gets no answer");
    ssize_t got = recv(socket, line + length, 1, 0);
    if (got <= 0) fail("a healthy connection was closed after: %.*s", (int)length, line);
    if (line[length++] == '\n') break;
  }
  line[length] = 0;
}

void round_trip(int socket) {
  char line[8192];
  send_all(socket, "PING\r\n", 6);
  do {
    read_line(socket, line, sizeof line);
    if (strncmp(line, "-ERR", 4) == 0) fail("a healthy connection got %s", line);
    if (strncmp(line, "PING", 4) == 0) send_all(socket, "PONG\r\n", 6);
  } while (strncmp(line, "PONG", 4) != 0);
}

int open_client(int port, const char *login) {
  int client = open_connection(port, 0);
  if (client < 0) fail("cannot connect: %s", strerror(errno));
  const char *colon = login ? strchr(login, ':') : NULL;
  if (colon)
    send_text(client, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"user\":\"%.*s\",\"pass\":\"%s\"}\r\n",
              (int)(colon - login), login, colon + 1);
  else
    send_text(client, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n");
  round_trip(client);
  return client;
}

// Witness

enum { witness_subscriptions = 3 };

struct Witness {
  int publisher, subscriber, interval;
  char subject[64];
  uint64_t published;                          // written by the publishing thread
  uint64_t received[witness_subscriptions];    // the next number on each subscription
  double longest;                              // the longest time without a message
  bool stop;
  pthread_t publishing, receiving;
};

static void *witness_publish(void *argument) {
  Witness *witness = argument;
  uint64_t number = 0;
  while (!__atomic_load_n(&witness->stop, __ATOMIC_ACQUIRE)) {
    char payload[32];
    int length = snprintf(payload, sizeof payload, "%llu", (unsigned long long)number++);
    send_text(witness->publisher, "PUB %s %d\r\n%s\r\n", witness->subject, length, payload);
    __atomic_store_n(&witness->published, number, __ATOMIC_RELEASE);
    // The server pings everybody now and then.
    char ignored[256];
    if (recv(witness->publisher, ignored, sizeof ignored, MSG_DONTWAIT) > 0) send_text(witness->publisher, "PONG\r\n");
    usleep((useconds_t)witness->interval);
  }
  return NULL;
}

static uint64_t witness_lowest(Witness *witness) {
  uint64_t lowest = UINT64_MAX;
  for (int i = 0; i < witness_subscriptions; i++) {
    uint64_t received = __atomic_load_n(&witness->received[i], __ATOMIC_ACQUIRE);
    if (received < lowest) lowest = received;
  }
  return lowest;
}

static void *witness_receive(void *argument) {
  Witness *witness = argument;
  double last = now_seconds();
  char line[256], payload[64];
  for (;;) {
    read_line(witness->subscriber, line, sizeof line);
    if (strncmp(line, "PING", 4) == 0) send_all(witness->subscriber, "PONG\r\n", 6);
    if (strncmp(line, "-ERR", 4) == 0) fail("the witness got %s", line);
    if (strncmp(line, "PONG", 4) == 0) return NULL;
    int subscription;
    if (sscanf(line, "MSG %*s %d %*d", &subscription) != 1) continue;
    read_line(witness->subscriber, payload, sizeof payload);
    unsigned long long number = strtoull(payload, NULL, 10);
    uint64_t *expected = &witness->received[subscription - 1];
    if (number != *expected)
      fail("the witness lost messages: subscription %d expected %llu, got %llu", subscription,
           (unsigned long long)*expected, number);
    __atomic_store_n(expected, number + 1, __ATOMIC_RELEASE);
    double time = now_seconds();
    if (time - last > witness->longest) witness->longest = time - last;
    last = time;
  }
}

Witness *witness_start(int port, const char *login, int interval_microseconds) {
  Witness *witness = calloc(1, sizeof *witness);
  witness->interval = interval_microseconds;
  snprintf(witness->subject, sizeof witness->subject, "witness-%d-%llx.numbers", getpid(),
           (unsigned long long)(now_seconds() * 1e9));
  witness->publisher = open_client(port, login);
  witness->subscriber = open_client(port, login);
  int stem = (int)strcspn(witness->subject, ".");
  send_text(witness->subscriber, "SUB %s 1\r\nSUB %.*s.* 2\r\nSUB %s group 3\r\n", witness->subject, stem,
            witness->subject, witness->subject);
  round_trip(witness->subscriber);
  pthread_create(&witness->publishing, NULL, witness_publish, witness);
  pthread_create(&witness->receiving, NULL, witness_receive, witness);
  return witness;
}

void witness_check(Witness *witness) {
  uint64_t published = __atomic_load_n(&witness->published, __ATOMIC_ACQUIRE);
  double deadline = now_seconds() + PATIENCE_SECONDS;
  while (witness_lowest(witness) < published) {
    if (now_seconds() > deadline)
      fail("the witness has %llu of %llu messages", (unsigned long long)witness_lowest(witness),
           (unsigned long long)published);
    usleep(1000);
  }
}

void witness_finish(Witness *witness) {
  __atomic_store_n(&witness->stop, true, __ATOMIC_RELEASE);
  pthread_join(witness->publishing, NULL);
  witness_check(witness);
  // The answer to this ends the receiving thread; nothing may come before it.
  send_all(witness->subscriber, "PING\r\n", 6);
  pthread_join(witness->receiving, NULL);
  printf("witness: %llu messages on %d subscriptions, none lost, longest silence %.0f ms\n",
         (unsigned long long)witness->published, witness_subscriptions, witness->longest * 1e3);
  close(witness->publisher);
  close(witness->subscriber);
  free(witness);
}
