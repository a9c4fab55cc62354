// Load on a stream that remembers what was promised, and the proof afterwards.
//
//   store publish PORT PREFIX SUBJECTS COUNT SIZE WINDOW FILE
//       publishes COUNT numbered messages to PREFIX.0 ... PREFIX.<SUBJECTS-1> with at most WINDOW unacknowledged, until
//       all are acknowledged, the server refuses one, or the connection ends; FILE gets every number and sequence that
//       was acknowledged.
//   store verify PORT STREAM FILE
//       reads the stream with direct gets: every message in FILE must be there, under its sequence, with its payload.
//   store consume PORT STREAM CONSUMER COUNT BATCH FILE
//       pulls and acknowledges with confirmation until COUNT are confirmed, nothing comes for a second, or the
//       connection ends; FILE gets every stream sequence that was confirmed.
//   store redelivered PORT STREAM CONSUMER FILE
//       pulls everything: nothing that FILE names may come.
//
// Prints one line of JSON. Exits with 1 when something acknowledged is missing, wrong or comes again.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../robustness/common.h"

enum { capacity = 1 << 22, silence_milliseconds = 1000, patience_milliseconds = 60000, digits = 20 };

typedef struct {
  uint64_t number, sequence;
} Promise;

typedef struct {
  char *subject, *reply, *header, *payload;
  size_t header_length, payload_length;
} Message;

static int server;
static char *input;
static size_t input_start, input_end;
// This process's own: several may run at a time.
static char inbox[32];
static volatile sig_atomic_t asked_to_end;

static void end(int number) {
  (void)number;
  asked_to_end = 1;
}

// One message, its texts ended by zeros; false when the connection ended, or nothing came in that time.
static bool next_message(Message *message, int milliseconds) {
  for (;;) {
    char *line = input + input_start, *stop = memmem(line, input_end - input_start, "\r\n", 2);
    if (stop) {
      size_t line_length = (size_t)(stop - line) + 2;
      if (line[0] != 'M' && line[0] != 'H') {
        if (line[0] == '-') {
          *stop = 0;
          fprintf(stderr, "the server says %s\n", line);
          return false;
        }
        if (strncmp(line, "PING", 4) == 0) send(server, "PONG\r\n", 6, MSG_NOSIGNAL);
        input_start += line_length;
        continue;
      }
      char *space = memrchr(line, ' ', (size_t)(stop - line));
      size_t total = strtoull(space + 1, NULL, 10);
      if (input_end - input_start >= line_length + total + 2) {
        bool headers = line[0] == 'H';
        *stop = 0;
        char *words[7] = {0}, *state = NULL;
        int count = 0;
        for (char *word = strtok_r(line, " ", &state); word && count < 7; word = strtok_r(NULL, " ", &state))
          words[count++] = word;
        int fixed = headers ? 5 : 4;
        *message = (Message){.subject = words[1], .reply = count > fixed ? words[3] : NULL};
        message->header_length = headers ? strtoull(words[count - 2], NULL, 10) : 0;
        message->header = line + line_length;
        message->payload = message->header + message->header_length;
        message->payload_length = total - message->header_length;
        input_start += line_length + total + 2;
        return true;
      }
    }
    if (input_start > 0) {
      memmove(input, input + input_start, input_end - input_start);
      input_end -= input_start;
      input_start = 0;
    }
    if (input_end == capacity) fail("a frame of more than %d bytes", capacity);
    struct pollfd wait = {.fd = server, .events = POLLIN};
    int ready = poll(&wait, 1, milliseconds);
    if (ready < 0 && errno == EINTR && !asked_to_end) continue;
    if (ready <= 0) return false;
    ssize_t received = recv(server, input + input_end, capacity - input_end, 0);
    if (received <= 0) return false;
    input_end += (size_t)received;
  }
}

static void connect_to(const char *port) {
  server = open_client(atoi(port), NULL);
  input = malloc(capacity);
  snprintf(inbox, sizeof inbox, "_INBOX.%d", (int)getpid());
  send_text(server, "SUB %s.> 1\r\n", inbox);
}

static FILE *create(const char *path) {
  FILE *file = fopen(path, "we");
  if (!file) fail("cannot write %s: %s", path, strerror(errno));
  return file;
}

// What a message carries: its number in decimal digits, and bytes that follow from it.
static void fill(char *payload, size_t size, uint64_t number) {
  char text[digits + 1];
  snprintf(text, sizeof text, "%020llu", (unsigned long long)number);
  for (size_t i = 0; i < size; i++) payload[i] = i < digits ? text[i] : (char)('a' + (number * 31 + i) % 26);
}

static uint64_t number_after(const char *text, size_t length, const char *name) {
  char *found = memmem(text, length, name, strlen(name));
  return found ? strtoull(found + strlen(name), NULL, 10) : 0;
}

static int publish(char **arguments) {
  const char *prefix = arguments[1];
  uint64_t subjects = strtoull(arguments[2], NULL, 10), count = strtoull(arguments[3], NULL, 10);
  size_t size = strtoull(arguments[4], NULL, 10);
  uint64_t window = strtoull(arguments[5], NULL, 10), sent = 0, answered = 0, acknowledged = 0, refused = 0;
  if (size < digits) fail("messages of at least %d bytes", digits);
  connect_to(arguments[0]);
  FILE *file = create(arguments[6]);
  setvbuf(file, malloc(1 << 20), _IOFBF, 1 << 20);
  char *frames = malloc((size + 200) * 256), *payload = malloc(size), refusal[200] = "";
  double start = now_seconds(), last = start;
  while (answered < count && !asked_to_end && !refused) {
    size_t length = 0;
    for (int batch = 0; batch < 256 && sent < count && sent - answered < window; batch++, sent++) {
      fill(payload, size, sent);
      length += (size_t)sprintf(frames + length, "PUB %s.%llu %s.%llu %zu\r\n", prefix,
                                (unsigned long long)(sent % subjects), inbox, (unsigned long long)sent, size);
      memcpy(frames + length, payload, size);
      memcpy(frames + length + size, "\r\n", 2);
      length += size + 2;
    }
    bool ended = false;
    for (size_t written = 0; written < length && !ended;) {
      ssize_t part = send(server, frames + written, length - written, MSG_NOSIGNAL);
      if (part < 0 && errno == EINTR && !asked_to_end) continue;
      if (part <= 0) ended = true;
      else written += (size_t)part;
    }
    Message message;
    // Where there is room for more, only what is there already.
    bool wait = sent == count || sent - answered >= window;
    while (next_message(&message, wait ? patience_milliseconds : 0)) {
      wait = false;
      uint64_t sequence = number_after(message.payload, message.payload_length, "\"seq\":");
      answered++;
      if (sequence == 0) {
        if (!refused++)
          snprintf(refusal, sizeof refusal, "%.*s", (int)message.payload_length, message.payload);
        continue;
      }
      Promise promise = {strtoull(message.subject + strlen(inbox) + 1, NULL, 10), sequence};
      fwrite(&promise, sizeof promise, 1, file);
      acknowledged++;
      last = now_seconds();
    }
    char byte;
    if (ended || wait || recv(server, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) break;
  }
  fclose(file);
  for (char *position = refusal; *position; position++)
    if (*position == '"' || *position == '\\' || *position == '\r' || *position == '\n') *position = ' ';
  printf("{\"sent\": %llu, \"acknowledged\": %llu, \"refused\": %llu, \"seconds\": %.3f, \"rate\": %.0f, "
         "\"refusal\": \"%s\"}\n",
         (unsigned long long)sent, (unsigned long long)acknowledged, (unsigned long long)refused, last - start,
         (double)acknowledged / (last - start + 1e-9), refusal);
  return 0;
}

static Promise *read_promises(const char *path, size_t *count) {
  FILE *file = fopen(path, "re");
  if (!file) fail("cannot read %s: %s", path, strerror(errno));
  fseek(file, 0, SEEK_END);
  *count = (size_t)ftell(file) / sizeof(Promise);
  rewind(file);
  Promise *promises = malloc((*count + 1) * sizeof *promises);
  if (fread(promises, sizeof *promises, *count, file) != *count) fail("cannot read %s", path);
  fclose(file);
  return promises;
}

static int by_sequence(const void *one, const void *other) {
  uint64_t a = ((const Promise *)one)->sequence, b = ((const Promise *)other)->sequence;
  return (a > b) - (a < b);
}

static bool is_whole(const Message *message, uint64_t number) {
  static char *expected;
  static size_t size;
  if (size < message->payload_length) expected = realloc(expected, size = message->payload_length);
  fill(expected, message->payload_length, number);
  return message->payload_length >= digits && memcmp(expected, message->payload, message->payload_length) == 0;
}

static int verify(char **arguments) {
  enum { batch = 1000 };
  const char *stream = arguments[1];
  size_t count;
  Promise *promises = read_promises(arguments[2], &count);
  qsort(promises, count, sizeof *promises, by_sequence);
  connect_to(arguments[0]);
  uint64_t found = 0, wrong = 0, place = 0;
  for (size_t twice = 1; twice < count; twice++) {
    if (promises[twice].sequence != promises[twice - 1].sequence) continue;
    fprintf(stderr, "messages %llu and %llu were both acknowledged as %llu\n",
            (unsigned long long)promises[twice - 1].number, (unsigned long long)promises[twice].number,
            (unsigned long long)promises[twice].sequence);
    wrong++;
  }
  while (place < count) {
    char request[128];
    int length = snprintf(request, sizeof request, "{\"seq\":%llu,\"batch\":%d}",
                          (unsigned long long)promises[place].sequence, batch);
    send_text(server, "PUB $JS.API.DIRECT.GET.%s %s.v %d\r\n%s\r\n", stream, inbox, length, request);
    bool any = false;
    for (;;) {
      Message message;
      if (!next_message(&message, patience_milliseconds)) fail("no answer to a direct get");
      if (strncmp(message.header, "NATS/1.0 ", 9) == 0) break;
      uint64_t sequence = number_after(message.header, message.header_length, "Nats-Sequence: ");
      while (place < count && promises[place].sequence < sequence) place++;
      any = true;
      if (place < count && promises[place].sequence == sequence) {
        if (is_whole(&message, promises[place].number)) {
          found++;
        } else if (!wrong++) {
          fprintf(stderr, "sequence %llu of message %llu: %zu bytes, %.*s...\n", (unsigned long long)sequence,
                  (unsigned long long)promises[place].number, message.payload_length,
                  (int)(message.payload_length < 60 ? message.payload_length : 60), message.payload);
        }
        place++;
      }
    }
    if (!any) break;  // nothing at or after this sequence
  }
  uint64_t lost = count > found + wrong ? count - found - wrong : 0;
  printf("{\"acknowledged\": %zu, \"found\": %llu, \"wrong\": %llu, \"lost\": %llu}\n", count,
         (unsigned long long)found, (unsigned long long)wrong, (unsigned long long)lost);
  return lost || wrong;
}

static void pull(const char *stream, const char *consumer, int batch, const char *options) {
  char request[128];
  int length = snprintf(request, sizeof request, "{\"batch\":%d%s}", batch, options);
  send_text(server, "PUB $JS.API.CONSUMER.MSG.NEXT.%s.%s %s.p %d\r\n%s\r\n", stream, consumer, inbox, length,
            request);
}

// The stream's sequence in $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>...
static uint64_t delivered_sequence(const char *reply) {
  const char *position = reply;
  for (int dots = 0; dots < 5 && position; dots++) position = strchr(position, '.') ? strchr(position, '.') + 1 : NULL;
  return position ? strtoull(position, NULL, 10) : 0;
}

static int consume(char **arguments) {
  const char *stream = arguments[1], *consumer = arguments[2];
  uint64_t count = strtoull(arguments[3], NULL, 10), received = 0, confirmed = 0;
  int batch = atoi(arguments[4]);
  connect_to(arguments[0]);
  FILE *file = create(arguments[5]);
  double start = now_seconds(), last = start;
  int outstanding = 0;
  while (confirmed < count && !asked_to_end) {
    if (outstanding == 0) pull(stream, consumer, outstanding = batch, ",\"expires\":1000000000");
    Message message;
    if (!next_message(&message, 4 * silence_milliseconds)) break;
    if (strncmp(message.subject + strlen(inbox), ".c.", 3) == 0) {
      Promise promise = {0, strtoull(message.subject + strlen(inbox) + 3, NULL, 10)};
      fwrite(&promise, sizeof promise, 1, file);
      confirmed++;
      last = now_seconds();
    } else if (message.header_length && strncmp(message.header, "NATS/1.0 ", 9) == 0) {
      if (outstanding == batch && received == confirmed) break;  // a whole request and nothing came
      outstanding = 0;
    } else {
      received++;
      outstanding--;
      char line[256];
      int length = snprintf(line, sizeof line, "PUB %s %s.c.%llu 4\r\n+ACK\r\n", message.reply, inbox,
                            (unsigned long long)delivered_sequence(message.reply));
      if (send(server, line, (size_t)length, MSG_NOSIGNAL) != length) break;
    }
  }
  fclose(file);
  printf("{\"received\": %llu, \"confirmed\": %llu, \"seconds\": %.3f, \"rate\": %.0f}\n",
         (unsigned long long)received, (unsigned long long)confirmed, last - start,
         (double)confirmed / (last - start + 1e-9));
  return 0;
}

static int redelivered(char **arguments) {
  size_t count;
  Promise *confirmed = read_promises(arguments[3], &count);
  qsort(confirmed, count, sizeof *confirmed, by_sequence);
  connect_to(arguments[0]);
  uint64_t received = 0, again = 0;
  for (;;) {
    pull(arguments[1], arguments[2], 500, ",\"no_wait\":true");
    bool any = false;
    for (;;) {
      Message message;
      if (!next_message(&message, patience_milliseconds)) fail("no answer to a pull request");
      if (message.header_length && strncmp(message.header, "NATS/1.0 ", 9) == 0) break;
      Promise one = {0, delivered_sequence(message.reply)};
      if (bsearch(&one, confirmed, count, sizeof one, by_sequence)) again++;
      received++;
      any = true;
      send_text(server, "PUB %s 4\r\n+ACK\r\n", message.reply);
      if (received % 500 == 0) break;
    }
    if (!any) break;
  }
  printf("{\"confirmed\": %zu, \"received\": %llu, \"again\": %llu}\n", count, (unsigned long long)received,
         (unsigned long long)again);
  return again > 0;
}

int main(int count, char **arguments) {
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, NULL);
  if (count == 9 && strcmp(arguments[1], "publish") == 0) return publish(arguments + 2);
  if (count == 5 && strcmp(arguments[1], "verify") == 0) return verify(arguments + 2);
  if (count == 8 && strcmp(arguments[1], "consume") == 0) return consume(arguments + 2);
  if (count == 6 && strcmp(arguments[1], "redelivered") == 0) return redelivered(arguments + 2);
  fail("see the head of store.c");
}
