// The load generator: what its parts share. Each workload is one file with one function; main.c chooses.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Nothing that must come may take longer than this.
#define PATIENCE_SECONDS 60

// Which server, and how to reach it. Filled by main from the arguments.
typedef struct {
  int port;
  pid_t pid;              // whose CPU and memory are measured
  const char *authority;  // a file of certificates: connect over TLS; NULL for plain TCP
} Target;

// Numbers of a workload by name, with a default.
long option(const char *name, long otherwise);
const char *option_text(const char *name, const char *otherwise);

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// connection.c: one client connection, plain or TLS.

typedef struct Connection Connection;

// Connects, sends CONNECT and waits for the first PONG. Blocking until `connection_make_nonblocking`.
Connection *connection_open(const Target *target);
void connection_close(Connection *connection);
void connection_make_nonblocking(Connection *connection);
int connection_descriptor(const Connection *connection);
// All of it; waits where the server does not read.
void connection_write(Connection *connection, const void *bytes, size_t count);
void connection_print(Connection *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Waits until something can be read; false when nothing came in that time.
bool connection_wait(const Connection *connection, int milliseconds);
// Some bytes; 0 when there are none now (non-blocking). Fails when the server closed.
size_t connection_read(Connection *connection, void *bytes, size_t capacity);
// PING, and everything up to its PONG, which is thrown away.
void connection_round_trip(Connection *connection);

// frames.c: counting messages of a known length in what a subscription receives.

typedef struct {
  Connection *connection;
  size_t frame;      // length of every MSG frame, its payload included
  uint64_t received;  // read by other threads
  size_t left;       // of the frame under way
  bool counting;     // that frame is a message
} Counter;

// Length of the frame that delivers `size` bytes of payload.
size_t frame_length(const char *subject, const char *identifier, const char *reply, size_t size);
// Takes what has arrived; calls `arrived` (when not NULL) for every complete message. False when nothing was there.
bool counter_read(Counter *counter, void (*arrived)(void *context), void *context);

// measure.c: time, and what the server uses.

double now_seconds(void);
void sleep_seconds(double seconds);
// CPU time of all threads of the process, from the scheduler's own count in nanoseconds.
double cpu_seconds(pid_t pid);
double resident_bytes(pid_t pid);
// Resident memory once it has stopped to change, at most some seconds later.
double settled_bytes(pid_t pid);
// Sorts the samples and returns the value below which `fraction` of them lie.
double percentile(float *samples, size_t count, double fraction);

// Workloads: each prints one line of JSON.

void run_flow(const Target *target);
void run_request(const Target *target);
void run_connections(const Target *target);
void run_subscriptions(const Target *target);
void run_slow(const Target *target);
void run_churn(const Target *target);
void run_jspublish(const Target *target);
void run_jsfollowed(const Target *target);
void run_jssingle(const Target *target);
void run_jspull(const Target *target);
void run_jsreplay(const Target *target);
void run_jsfill(const Target *target);
void run_kvput(const Target *target);
void run_kvget(const Target *target);
void run_fdatasync(const Target *target);
