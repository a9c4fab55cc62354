// What the robustness programs share: connections, a seeded generator, and the witness.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Ends the program with a message. `format` as in printf.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

double now_seconds(void);

// splitmix64: small, seedable, and good enough to choose what to send.
typedef struct {
  uint64_t state;
} Random;

uint64_t random_next(Random *random);
// A number below `bound`, which is not 0.
uint32_t random_below(Random *random, uint32_t bound);

// A TCP connection to the server; -1 when it cannot be had. `source` chooses the local address (127.0.0.x), so that
// many short connections do not run out of ports.
int open_connection(int port, uint32_t source);

// Blocking, for well-behaved connections.
void send_all(int socket, const void *bytes, size_t count);
void send_text(int socket, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Connects, sends CONNECT, and returns once the server has answered PING.
int open_client(int port, const char *login);
// Sends PING and reads until PONG; lines before it are skipped.
void round_trip(int socket);

// A pair of healthy connections that shows whether others can disturb them: one publishes numbered messages, the other
// has three subscriptions (exact, wildcard, queue group) and must get every number in order on each.
typedef struct Witness Witness;
// `interval_microseconds` between two messages.
Witness *witness_start(int port, const char *login, int interval_microseconds);
// Fails the program when the witness lost anything so far.
void witness_check(Witness *witness);
// Waits for what is on the way, fails when anything was lost, and prints how many messages there were.
void witness_finish(Witness *witness);
