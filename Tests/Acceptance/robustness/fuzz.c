// Sends mutated and random byte streams to a server, on many connections, while a witness checks that nobody else is
// disturbed.
//
//   fuzz PORT FRAMES SEED [login=USER:PASSWORD] [hello=yes] [witness=no] [workers=N] [replay=WORKER:LIFE]
//
// With hello=yes every other connection begins like a TLS handshake, for a port that expects one.
//
// The life of one connection is decided by (seed, worker, number of the life) alone; `replay` sends one again and
// prints its bytes. Frames are counted as they are handed to the socket. Prints totals, and on a loss what was lost
// with the lives that were under way; exits 1 then.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum {
  stream_capacity = 1 << 17,
  frame_capacity = 1 << 14,  // room that one frame may take
  most_frames_a_life = 160,
  most_workers = 16,
};

typedef struct {
  Random random;
  char *bytes;
  size_t length;
  int frames;
} Stream;

typedef struct {
  int number;
  uint64_t life, frames, lives, refused;
  pthread_t thread;
} Worker;

static int port;
static uint64_t seed, frames_wanted, frames_sent;
static const char *login;
static bool with_hello;
static Worker workers[most_workers];
static int worker_count = 3;

// Generating

static uint32_t below(Stream *stream, uint32_t bound) { return random_below(&stream->random, bound); }
static bool one_in(Stream *stream, uint32_t count) { return below(stream, count) == 0; }

static void put(Stream *stream, const char *bytes, size_t count) {
  memcpy(stream->bytes + stream->length, bytes, count);
  stream->length += count;
}
static void put_text(Stream *stream, const char *text) { put(stream, text, strlen(text)); }
static void put_number(Stream *stream, long long number) {
  char text[24];
  put(stream, text, (size_t)snprintf(text, sizeof text, "%lld", number));
}
static void put_random(Stream *stream, size_t count) {
  for (size_t i = 0; i < count; i++) stream->bytes[stream->length++] = (char)random_next(&stream->random);
}

// Few words, so that publishers and subscribers meet.
static void put_subject(Stream *stream, bool wildcards) {
  static const char *const words[] = {"a", "b", "c", "fuzz", "x.y", "_INBOX", "*", ">", "$SYS", "", "a*", "\xc3\xa9"};
  uint32_t count = wildcards ? sizeof words / sizeof *words : 6;
  uint32_t tokens = 1 + below(stream, one_in(stream, 50) ? 40 : 4);
  put_text(stream, "fuzz");
  for (uint32_t i = 0; i < tokens; i++) {
    put_text(stream, ".");
    put_text(stream, words[below(stream, count)]);
  }
}

static void put_payload(Stream *stream, size_t size) {
  memset(stream->bytes + stream->length, 'p', size);
  stream->length += size;
  put_text(stream, "\r\n");
}

static size_t payload_size(Stream *stream) { return one_in(stream, 20) ? below(stream, 5000) : below(stream, 64); }

static void put_connect(Stream *stream) {
  static const char *const members[] = {
      "\"pedantic\":true", "\"echo\":false", "\"no_responders\":true", "\"protocol\":1", "\"name\":\"fuzz\"",
      "\"lang\":\"c\"", "\"verbose\":null", "\"x\":{\"y\":[1,2,{}]}", "\"name\":\"\\u0041\\n\"",
      "\"user\":\"nobody\"", "\"pass\":\"x\"", "\"nkey\":\"UAAA\"", "\"sig\":\"AAAA\"", "\"headers\":false",
      "\"protocol\":7", "\"echo\":\"no\"", "\"account\":\"A\""};
  put_text(stream, one_in(stream, 10) ? "CONNECT {\"verbose\":true" : "CONNECT {\"verbose\":false,\"headers\":true");
  // Mostly a CONNECT that is let in: the first nine do no harm.
  uint32_t last = one_in(stream, 8) ? sizeof members / sizeof *members : 9;
  uint32_t count = below(stream, 5);
  for (uint32_t i = 0; i < count; i++) {
    put_text(stream, ",");
    put_text(stream, members[below(stream, last)]);
  }
  const char *colon = login ? strchr(login, ':') : NULL;
  if (colon && !one_in(stream, 8)) {
    put_text(stream, ",\"user\":\"");
    put(stream, login, (size_t)(colon - login));
    put_text(stream, "\",\"pass\":\"");
    put_text(stream, colon + 1);
    put_text(stream, "\"");
  }
  put_text(stream, "}\r\n");
}

static void put_publish(Stream *stream) {
  size_t size = payload_size(stream);
  bool headers = one_in(stream, 5);
  put_text(stream, headers ? "HPUB " : "PUB ");
  put_subject(stream, one_in(stream, 20));
  put_text(stream, " ");
  if (one_in(stream, 3)) {
    put_subject(stream, false);
    put_text(stream, " ");
  }
  static const char block[] = "NATS/1.0\r\nKey: Value\r\nOther: x\r\n\r\n";
  if (headers) {
    put_number(stream, sizeof block - 1);
    put_text(stream, " ");
    put_number(stream, (long long)(sizeof block - 1 + size));
    put_text(stream, "\r\n");
    put_text(stream, block);
  } else {
    put_number(stream, (long long)size);
    put_text(stream, "\r\n");
  }
  put_payload(stream, size);
}

static void put_frame(Stream *stream) {
  switch (below(stream, 16)) {
    case 0:
      put_text(stream, one_in(stream, 2) ? "PING\r\n" : "PONG\r\n");
      break;
    case 1:
    case 2:
    case 3:
      put_text(stream, "SUB ");
      put_subject(stream, true);
      if (one_in(stream, 3)) put_text(stream, one_in(stream, 2) ? " queue" : " q.*");
      put_text(stream, " ");
      put_number(stream, below(stream, 30));
      put_text(stream, "\r\n");
      break;
    case 4:
    case 5:
      put_text(stream, "UNSUB ");
      put_number(stream, below(stream, 30));
      if (one_in(stream, 2)) {
        put_text(stream, " ");
        put_number(stream, below(stream, 5));
      }
      put_text(stream, "\r\n");
      break;
    case 6:
      put_connect(stream);
      break;
    default:
      put_publish(stream);
  }
}

// Changes the frame that starts at `start` in one of the ways that parsers get wrong.
static void mutate(Stream *stream, size_t start) {
  static const char *const numbers[] = {"-1", "0", "99999999999999999999", "2147483648", "4294967296", "1048577",
                                        "0x10", "1e3", " ", "18446744073709551615", "", "007"};
  size_t length = stream->length - start;
  char *frame = stream->bytes + start;
  size_t place = below(stream, (uint32_t)length);
  switch (below(stream, 8)) {
    case 0:  // one bit
      frame[place] ^= (char)(1 << below(stream, 8));
      break;
    case 1:  // one byte
      frame[place] = "\0\r\n\t \x7f\xff:"[below(stream, 8)];
      break;
    case 2:  // cut the end off
      stream->length = start + place;
      break;
    case 3:  // take a piece out
    {
      size_t count = below(stream, (uint32_t)(length - place)) % 8;
      memmove(frame + place, frame + place + count, length - place - count);
      stream->length -= count;
      break;
    }
    case 4:  // put noise in
    {
      size_t count = 1 + below(stream, 16);
      memmove(frame + place + count, frame + place, length - place);
      for (size_t i = 0; i < count; i++) frame[place + i] = (char)random_next(&stream->random);
      stream->length += count;
      break;
    }
    case 5:  // another number at the end of the first line
    {
      char *end = memchr(frame, '\r', length);
      if (!end) break;
      char rest[frame_capacity];
      size_t count = length - (size_t)(end - frame);
      memcpy(rest, end, count);
      while (end > frame && end[-1] != ' ') end--;
      stream->length = start + (size_t)(end - frame);
      put_text(stream, numbers[below(stream, sizeof numbers / sizeof *numbers)]);
      put(stream, rest, count);
      break;
    }
    case 6:  // a token that is far too long
    {
      put_text(stream, "SUB ");
      size_t count = 1000 + below(stream, 8000);
      memset(stream->bytes + stream->length, 'L', count);
      stream->length += count;
      put_text(stream, " 1\r\n");
      break;
    }
    default:  // letters in the other case
      for (size_t i = 0; i < length && frame[i] != ' '; i++) frame[i] ^= 0x20;
  }
}

// The start of a TLS ClientHello: record header, handshake header, version, and then noise of about the right length.
static void put_hello(Stream *stream) {
  uint32_t size = 40 + below(stream, 300);
  uint32_t record = one_in(stream, 4) ? below(stream, 20000) : size + 6;
  uint32_t handshake = one_in(stream, 4) ? below(stream, 1 << 20) : size + 2;
  const char head[] = {0x16, 3, 1, (char)(record >> 8), (char)record, 1, (char)(handshake >> 16),
                       (char)(handshake >> 8), (char)handshake, 3, 3};
  size_t start = stream->length;
  put(stream, head, sizeof head);
  put_random(stream, size);
  // No session, two cipher suites, no compression: a parser that follows the lengths reads on into the noise.
  memcpy(stream->bytes + start + sizeof head + 32, "\0\0\4\x13\1\x13\2\1\0", 9);
  stream->frames++;
}

// Everything one connection will send.
static void compose(Stream *stream) {
  stream->length = 0;
  stream->frames = 0;
  if (with_hello && one_in(stream, 2)) put_hello(stream);
  if (one_in(stream, 40)) {  // nothing that looks like the protocol
    put_random(stream, 1 + below(stream, 3000));
    stream->frames++;
    return;
  }
  if (!one_in(stream, 10)) {
    put_connect(stream);
    stream->frames++;
  }
  uint32_t frames = 1 + below(stream, most_frames_a_life);
  // Most mutations close the connection, and what follows is not read: many lives have only few.
  uint32_t mutation = one_in(stream, 3) ? 10 : 200;
  for (uint32_t i = 0; i < frames && stream->length < stream_capacity - 2 * frame_capacity; i++) {
    size_t start = stream->length;
    put_frame(stream);
    stream->frames++;
    if (one_in(stream, mutation)) mutate(stream, start);
  }
}

// Sending

static bool drain(int connection) {
  char ignored[1 << 16];
  for (;;) {
    ssize_t got = recv(connection, ignored, sizeof ignored, MSG_DONTWAIT);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  }
}

// Sends in pieces, reading meanwhile; false when the server closed the connection first.
static bool send_stream(Stream *stream, int connection) {
  size_t sent = 0;
  while (sent < stream->length) {
    size_t piece = stream->length - sent;
    if (one_in(stream, 3)) piece = 1 + below(stream, (uint32_t)piece);
    ssize_t count = send(connection, stream->bytes + sent, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += (size_t)count;
    if (count < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (!drain(connection)) return false;
    if (count < 0) {
      struct pollfd wait = {.fd = connection, .events = POLLIN | POLLOUT};
      if (poll(&wait, 1, 10000) == 0) fail("the server does not read from a connection for 10 s");
    }
  }
  return true;
}

// Ends the connection in one of the ways that clients end.
static void end_connection(Stream *stream, int connection) {
  struct linger abort = {.l_onoff = 1, .l_linger = 0};
  struct pollfd wait = {.fd = connection, .events = POLLIN};
  switch (below(stream, 10)) {
    case 0:  // at once: what the server has not read yet is lost
      setsockopt(connection, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
      break;
    case 1:
      break;
    default:  // our side first, and then what the server still says
      shutdown(connection, SHUT_WR);
      while (poll(&wait, 1, 10000) == 1 && drain(connection)) {
      }
  }
  close(connection);
}

static void live(Worker *worker, Stream *stream, uint64_t life) {
  stream->random.state = seed * 0x9e3779b97f4a7c15 + (uint64_t)worker->number * 0xd1342543de82ef95 + life;
  random_next(&stream->random);
  compose(stream);
  int connection = open_connection(port, (uint32_t)(worker->number * 50 + life % 50));
  for (int attempt = 0; connection < 0 && attempt < 1000; attempt++) {  // the machine is short of ports for a moment
    usleep(10000);
    connection = open_connection(port, (uint32_t)attempt);
  }
  if (connection < 0) fail("cannot connect any more: %s", strerror(errno));
  if (!send_stream(stream, connection)) worker->refused++;
  end_connection(stream, connection);
  worker->lives++;
  worker->frames += (uint64_t)stream->frames;
  __atomic_fetch_add(&frames_sent, (uint64_t)stream->frames, __ATOMIC_RELAXED);
}

static void *work(void *argument) {
  Worker *worker = argument;
  Stream stream = {.bytes = malloc(stream_capacity + frame_capacity)};
  while (__atomic_load_n(&frames_sent, __ATOMIC_RELAXED) < frames_wanted) {
    __atomic_store_n(&worker->life, worker->life + 1, __ATOMIC_RELAXED);
    live(worker, &stream, worker->life);
  }
  free(stream.bytes);
  return NULL;
}

static int replay(const char *which) {
  Worker worker = {.number = atoi(which)};
  const char *life = strchr(which, ':');
  if (!life) fail("replay=WORKER:LIFE");
  Stream stream = {.bytes = malloc(stream_capacity + frame_capacity)};
  live(&worker, &stream, strtoull(life + 1, NULL, 10));
  fwrite(stream.bytes, 1, stream.length, stdout);
  free(stream.bytes);
  return 0;
}

int main(int count, char **arguments) {
  if (count < 4) fail("usage: fuzz PORT FRAMES SEED [KEY=VALUE...]; see the head of fuzz.c");
  port = atoi(arguments[1]);
  frames_wanted = strtoull(arguments[2], NULL, 10);
  seed = strtoull(arguments[3], NULL, 10);
  bool with_witness = true;
  const char *replayed = NULL;
  for (int i = 4; i < count; i++) {
    if (strncmp(arguments[i], "login=", 6) == 0) login = arguments[i] + 6;
    if (strncmp(arguments[i], "workers=", 8) == 0) worker_count = atoi(arguments[i] + 8);
    if (strcmp(arguments[i], "hello=yes") == 0) with_hello = true;
    if (strcmp(arguments[i], "witness=no") == 0) with_witness = false;
    if (strncmp(arguments[i], "replay=", 7) == 0) replayed = arguments[i] + 7;
  }
  if (replayed) return replay(replayed);
  if (worker_count < 1 || worker_count > most_workers) fail("workers: 1 to %d", most_workers);

  Witness *witness = with_witness ? witness_start(port, login, 200) : NULL;
  double started = now_seconds();
  for (int i = 0; i < worker_count; i++) {
    workers[i].number = i;
    pthread_create(&workers[i].thread, NULL, work, &workers[i]);
  }
  uint64_t frames = 0, lives = 0, refused = 0;
  for (int i = 0; i < worker_count; i++) {
    pthread_join(workers[i].thread, NULL);
    frames += workers[i].frames;
    lives += workers[i].lives;
    refused += workers[i].refused;
  }
  double seconds = now_seconds() - started;
  if (witness) witness_finish(witness);
  printf("fuzz: seed %llu, %llu frames on %llu connections (%llu closed by the server early) in %.1f s\n",
         (unsigned long long)seed, (unsigned long long)frames, (unsigned long long)lives, (unsigned long long)refused,
         seconds);
  return 0;
}
