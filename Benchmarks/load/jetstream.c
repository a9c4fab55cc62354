// JetStream: publishing with acknowledgements, pulling, replaying, key-value stores. Streams are made and removed here.
//
//   jspublish   streams=1 publishers=1 size=128 window=4000 ids=0   asynchronous publishes, with message identifiers
//   jsfollowed  consumers=1000 subjects=1000 limit=0 wild=0   the same to a stream with consumers that nobody asks
//   jssingle    size=128                                      one publish at a time
//   jspull      size=128 batch=500 count=200000               pull and acknowledge what was published before
//   jsreplay    size=128 count=200000                         an ordered consumer with flow control
//   kvput       size=128 keys=1000 window=64, kvget likewise
//   jsfill      size=128 count=10000000 subjects=100          leaves the stream there (for a restart)
//   fdatasync   path=FOLDER size=256                          the disk itself
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

enum { input_bytes = 1 << 20, most_publishers = 64, most_samples = 5 * 1000 * 1000 };

typedef struct {
  Connection *connection;
  char inbox[32];  // its answers come to <inbox>.<anything>
  char *input;
  size_t start, end;
} Reader;

typedef struct {
  char *line, *payload;  // the line is ended by a zero
  size_t header_length, payload_length;
} Frame;

static Reader reader_open(const Target *target) {
  Reader reader = {.connection = connection_open(target), .input = malloc(input_bytes)};
  static int readers;
  snprintf(reader.inbox, sizeof reader.inbox, "_INBOX.%d", ++readers);
  connection_print(reader.connection, "SUB %s.> 1\r\n", reader.inbox);
  connection_round_trip(reader.connection);
  connection_make_nonblocking(reader.connection);
  return reader;
}

static void reader_close(Reader *reader) {
  connection_close(reader->connection);
  free(reader->input);
}

// The next message; false when there is none within that time.
static bool reader_next(Reader *reader, Frame *frame, int milliseconds) {
  for (;;) {
    char *line = reader->input + reader->start;
    size_t have = reader->end - reader->start;
    char *stop = memchr(line, '\n', have);
    if (stop && stop > line) {
      size_t length = (size_t)(stop - line) + 1;
      if (line[0] != 'M' && line[0] != 'H') {
        if (line[0] == '-') fail("the server says %.*s", (int)length, line);
        if (strncmp(line, "PING", 4) == 0) connection_print(reader->connection, "PONG\r\n");
        reader->start += length;
        continue;
      }
      char *space = memrchr(line, ' ', length);
      size_t total = strtoull(space, NULL, 10);
      if (have >= length + total + 2) {
        size_t header = 0;
        if (line[0] == 'H') {
          char *before = memrchr(line, ' ', (size_t)(space - line));
          header = strtoull(before, NULL, 10);
        }
        stop[-1] = 0;
        *frame = (Frame){line, line + length + header, header, total - header};
        reader->start += length + total + 2;
        return true;
      }
    }
    if (reader->start) {
      memmove(reader->input, line, have);
      reader->start = 0;
      reader->end = have;
    }
    size_t count = connection_read(reader->connection, reader->input + reader->end, input_bytes - reader->end);
    reader->end += count;
    if (count == 0 && (milliseconds == 0 || !connection_wait(reader->connection, milliseconds))) return false;
  }
}

static void must_next(Reader *reader, Frame *frame) {
  if (!reader_next(reader, frame, PATIENCE_SECONDS * 1000)) fail("the server does not answer");
}

// A request whose answer must not be an error, unless `may_fail`.
static void request(Reader *reader, bool may_fail, const char *subject, const char *body) {
  connection_print(reader->connection, "PUB $JS.API.%s %s.r %zu\r\n%s\r\n", subject, reader->inbox, strlen(body),
                   body);
  Frame frame;
  must_next(reader, &frame);
  if (!may_fail && memmem(frame.payload, frame.payload_length, "\"error\"", 7))
    fail("%s: %.*s", subject, (int)frame.payload_length, frame.payload);
}

static void remove_stream(Reader *reader, const char *name) {
  char subject[64];
  snprintf(subject, sizeof subject, "STREAM.DELETE.%s", name);
  request(reader, true, subject, "");
}

static void make_stream(Reader *reader, const char *name, const char *subject, const char *more) {
  char where[64], body[512];
  remove_stream(reader, name);
  snprintf(where, sizeof where, "STREAM.CREATE.%s", name);
  snprintf(body, sizeof body, "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"storage\":\"%s\"%s}", name, subject,
           option_text("storage", "file"), more);
  request(reader, false, where, body);
}

// Pipelines: `count` requests (or as many as fit into the time) with a window; every answer is checked.

typedef struct {
  Reader reader;
  size_t (*write)(char *frame, const char *inbox, uint64_t number, void *context);  // one request
  void *context;
  uint64_t count, window, answered, errors;
  double deadline;  // 0: only `count`
  float *samples;   // one request at a time: microseconds
  pthread_t thread;
} Pipeline;

static void *pipeline_run(void *argument) {
  Pipeline *pipeline = argument;
  enum { batch_bytes = 1 << 17 };
  char *frames = malloc(batch_bytes + (1 << 16));
  uint64_t sent = 0;
  while (true) {
    bool more = sent < pipeline->count && (pipeline->deadline == 0 || now_seconds() < pipeline->deadline);
    if (!more && pipeline->answered == sent) break;
    size_t length = 0;
    double begun = pipeline->samples ? now_seconds() : 0;
    while (more && sent < pipeline->count && sent - pipeline->answered < pipeline->window && length < batch_bytes)
      length += pipeline->write(frames + length, pipeline->reader.inbox, sent++, pipeline->context);
    if (length) connection_write(pipeline->reader.connection, frames, length);
    Frame frame;
    int wait = sent - pipeline->answered >= pipeline->window || !more ? PATIENCE_SECONDS * 1000 : 0;
    while (reader_next(&pipeline->reader, &frame, wait)) {
      wait = 0;
      if (pipeline->samples && pipeline->answered < most_samples)
        pipeline->samples[pipeline->answered] = (float)((now_seconds() - begun) * 1e6);
      pipeline->answered++;
      if (memmem(frame.payload, frame.payload_length, "\"error\"", 7) && !pipeline->errors++)
        fail("%.*s", (int)frame.payload_length, frame.payload);
    }
    if (wait) fail("%llu of %llu requests are not answered", (unsigned long long)(sent - pipeline->answered),
                   (unsigned long long)sent);
  }
  free(frames);
  return NULL;
}

static void report(const Target *target, uint64_t count, double seconds, double cpu, const char *more) {
  printf("{\"rate\": %.0f, \"cpu_per_million\": %.5f, \"resident_bytes\": %.0f%s}\n", (double)count / seconds,
         cpu / (double)count * 1e6, resident_bytes(target->pid), more);
}

static char *filler(size_t size) {
  char *bytes = malloc(size + 1);
  for (size_t i = 0; i < size; i++) bytes[i] = (char)('a' + i * 7 % 26);
  bytes[size] = 0;
  return bytes;
}

typedef struct {
  const char *payload;
  size_t size;
  uint64_t first, streams, step;  // the streams (or subjects, or keys) that this publisher goes around
  bool has_ids;
} Publish;

static size_t write_publish(char *frame, const char *inbox, uint64_t number, void *context) {
  const Publish *publish = context;
  uint64_t stream = publish->first + number % publish->streams * publish->step;
  size_t length = (size_t)sprintf(frame, "%s load.%llu.x %s.%llu ", publish->has_ids ? "HPUB" : "PUB",
                                  (unsigned long long)stream, inbox, (unsigned long long)number);
  if (publish->has_ids) {
    char header[64];
    int bytes = snprintf(header, sizeof header, "NATS/1.0\r\nNats-Msg-Id: %08llx-%012llu\r\n\r\n",
                         (unsigned long long)publish->first, (unsigned long long)number);
    length += (size_t)sprintf(frame + length, "%d %zu\r\n%s", bytes, (size_t)bytes + publish->size, header);
  } else {
    length += (size_t)sprintf(frame + length, "%zu\r\n", publish->size);
  }
  memcpy(frame + length, publish->payload, publish->size);
  memcpy(frame + length + publish->size, "\r\n", 2);
  return length + publish->size + 2;
}

void run_jspublish(const Target *target) {
  long streams = option("streams", 1), publishers = option("publishers", 1);
  if (publishers < 1 || publishers > most_publishers || streams < publishers) fail("1 to %d publishers", most_publishers);
  size_t size = (size_t)option("size", 128);
  Reader reader = reader_open(target);
  for (long i = 0; i < streams; i++) {
    char name[32], subject[32];
    snprintf(name, sizeof name, "LOAD%ld", i);
    snprintf(subject, sizeof subject, "load.%ld.*", i);
    make_stream(&reader, name, subject, "");
  }
  static Pipeline pipelines[most_publishers];
  static Publish contexts[most_publishers];
  char *payload = filler(size);
  for (long i = 0; i < publishers; i++) {
    contexts[i] = (Publish){payload, size, (uint64_t)i, (uint64_t)(streams / publishers), (uint64_t)publishers,
                            option("ids", 0) != 0};
    pipelines[i] = (Pipeline){.reader = reader_open(target), .write = write_publish, .context = &contexts[i],
                              .count = UINT64_MAX, .window = (uint64_t)option("window", 4000)};
  }
  double cpu = cpu_seconds(target->pid), start = now_seconds();
  for (long i = 0; i < publishers; i++) {
    pipelines[i].deadline = start + (double)option("seconds", 2);
    pthread_create(&pipelines[i].thread, NULL, pipeline_run, &pipelines[i]);
  }
  uint64_t total = 0;
  for (long i = 0; i < publishers; i++) {
    pthread_join(pipelines[i].thread, NULL);
    total += pipelines[i].answered;
    reader_close(&pipelines[i].reader);
  }
  report(target, total, now_seconds() - start, cpu_seconds(target->pid) - cpu, "");
  for (long i = 0; i < streams; i++) {
    char name[32];
    snprintf(name, sizeof name, "LOAD%ld", i);
    remove_stream(&reader, name);
  }
}

// `count` messages into the stream LOAD0, over so many subjects; 0 subjects: one.
static void fill(const Target *target, uint64_t count, size_t size) {
  Publish context = {filler(size), size, 0, 1, 1, false};
  Pipeline pipeline = {.reader = reader_open(target), .write = write_publish, .context = &context, .count = count,
                       .window = 8000};
  pipeline_run(&pipeline);
  reader_close(&pipeline.reader);
}

void run_jsfill(const Target *target) {
  Reader reader = reader_open(target);
  long subjects = option("subjects", 100);
  make_stream(&reader, "LOAD0", "load.>", "");
  size_t size = (size_t)option("size", 128);
  Publish context = {filler(size), size, 0, (uint64_t)subjects, 1, false};
  Pipeline pipeline = {.reader = reader_open(target), .write = write_publish, .context = &context,
                       .count = (uint64_t)option("count", 10000000), .window = 8000};
  double cpu = cpu_seconds(target->pid), start = now_seconds();
  pipeline_run(&pipeline);
  report(target, pipeline.answered, now_seconds() - start, cpu_seconds(target->pid) - cpu, "");
}

// Publishes to a stream that has consumers, each for one subject, or with wild=1 for all by a pattern. Nothing is
// delivered: they are behind. With a limit the stream is full, and every message removes another one.
void run_jsfollowed(const Target *target) {
  long subjects = option("subjects", 1000), consumers = option("consumers", 1000), limit = option("limit", 0);
  size_t size = (size_t)option("size", 128);
  Reader reader = reader_open(target);
  char more[64] = "", where[64], body[256];
  if (limit) snprintf(more, sizeof more, ",\"max_msgs\":%ld", limit);
  make_stream(&reader, "LOAD0", "load.>", more);
  for (long i = 0; i < consumers; i++) {
    char filter[32] = "load.*.x";
    if (!option("wild", 0)) snprintf(filter, sizeof filter, "load.%ld.x", i % subjects);
    snprintf(where, sizeof where, "CONSUMER.CREATE.LOAD0.c%ld", i);
    snprintf(body, sizeof body,
             "{\"stream_name\":\"LOAD0\",\"config\":{\"durable_name\":\"c%ld\",\"ack_policy\":\"explicit\","
             "\"filter_subject\":\"%s\"}}", i, filter);
    request(&reader, false, where, body);
  }
  Publish context = {filler(size), size, 0, (uint64_t)subjects, 1, false};
  Pipeline pipeline = {.reader = reader_open(target), .write = write_publish, .context = &context,
                       .count = (uint64_t)limit, .window = (uint64_t)option("window", 4000)};
  pipeline_run(&pipeline);
  pipeline.count = UINT64_MAX;
  pipeline.answered = 0;
  double cpu = cpu_seconds(target->pid), start = now_seconds();
  pipeline.deadline = start + (double)option("seconds", 2);
  pipeline_run(&pipeline);
  report(target, pipeline.answered, now_seconds() - start, cpu_seconds(target->pid) - cpu, "");
  reader_close(&pipeline.reader);
  remove_stream(&reader, "LOAD0");
}

// One at a time: rate and latency.
void run_jssingle(const Target *target) {
  size_t size = (size_t)option("size", 128);
  Reader reader = reader_open(target);
  make_stream(&reader, "LOAD0", "load.0.*", "");
  Publish context = {filler(size), size, 0, 1, 1, false};
  Pipeline pipeline = {.reader = reader_open(target), .write = write_publish, .context = &context,
                       .count = UINT64_MAX, .window = 1, .samples = malloc(sizeof(float) * most_samples)};
  double cpu = cpu_seconds(target->pid), start = now_seconds();
  pipeline.deadline = start + (double)option("seconds", 2);
  pipeline_run(&pipeline);
  double seconds = now_seconds() - start;
  cpu = cpu_seconds(target->pid) - cpu;
  size_t samples = pipeline.answered < most_samples ? pipeline.answered : most_samples;
  char more[128];
  snprintf(more, sizeof more, ", \"p50_us\": %.1f, \"p99_us\": %.1f", percentile(pipeline.samples, samples, 0.5),
           percentile(pipeline.samples, samples, 0.99));
  report(target, pipeline.answered, seconds, cpu, more);
  remove_stream(&reader, "LOAD0");
}

static void append_acknowledgement(char *frames, size_t *length, const Frame *frame) {
  // MSG <subject> <sid> <reply> <size>
  char *reply = strstr(frame->line, "$JS.ACK.");
  if (!reply) fail("a message without an acknowledgement subject: %s", frame->line);
  size_t size = strcspn(reply, " ");
  *length += (size_t)sprintf(frames + *length, "PUB %.*s 4\r\n+ACK\r\n", (int)size, reply);
}

void run_jspull(const Target *target) {
  uint64_t count = (uint64_t)option("count", 200000), received = 0;
  int batch = (int)option("batch", 500);
  Reader reader = reader_open(target);
  make_stream(&reader, "LOAD0", "load.0.*", "");
  fill(target, count, (size_t)option("size", 128));
  request(&reader, false, "CONSUMER.CREATE.LOAD0.c",
          "{\"stream_name\":\"LOAD0\",\"config\":{\"durable_name\":\"c\",\"ack_policy\":\"explicit\","
          "\"max_ack_pending\":20000}}");
  char *frames = malloc((size_t)batch * 128), body[64];
  snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":30000000000}", batch);
  double cpu = cpu_seconds(target->pid), start = now_seconds();
  // Two requests are always under way, so that the server does not wait for the next one.
  for (int i = 0; i < 2; i++)
    connection_print(reader.connection, "PUB $JS.API.CONSUMER.MSG.NEXT.LOAD0.c %s.p %zu\r\n%s\r\n",
                     reader.inbox, strlen(body), body);
  while (received < count) {
    size_t length = 0;
    for (int i = 0; i < batch && received < count; i++) {
      Frame frame;
      must_next(&reader, &frame);
      if (frame.header_length && frame.payload_length == 0) fail("%.*s", 100, frame.payload - frame.header_length);
      append_acknowledgement(frames, &length, &frame);
      received++;
    }
    connection_write(reader.connection, frames, length);
    connection_print(reader.connection, "PUB $JS.API.CONSUMER.MSG.NEXT.LOAD0.c %s.p %zu\r\n%s\r\n",
                     reader.inbox, strlen(body), body);
  }
  double seconds = now_seconds() - start;
  report(target, count, seconds, cpu_seconds(target->pid) - cpu, "");
  Reader other = reader_open(target);
  remove_stream(&other, "LOAD0");
}

void run_jsreplay(const Target *target) {
  uint64_t count = (uint64_t)option("count", 200000), received = 0;
  Reader control = reader_open(target), reader = reader_open(target);
  make_stream(&control, "LOAD0", "load.0.*", "");
  fill(target, count, (size_t)option("size", 128));
  connection_print(reader.connection, "SUB deliver.x 2\r\nPING\r\n");
  double cpu = cpu_seconds(target->pid), start = now_seconds();
  request(&control, false, "CONSUMER.CREATE.LOAD0",
          "{\"stream_name\":\"LOAD0\",\"config\":{\"ack_policy\":\"none\",\"max_deliver\":1,\"mem_storage\":true,"
          "\"num_replicas\":1,\"deliver_subject\":\"deliver.x\",\"flow_control\":true,"
          "\"idle_heartbeat\":5000000000,\"ack_wait\":79200000000000}}");
  while (received < count) {
    Frame frame;
    must_next(&reader, &frame);
    if (frame.header_length && frame.payload_length == 0) {
      char *reply = strstr(frame.line, "$JS.FC.");
      if (reply) connection_print(reader.connection, "PUB %.*s 0\r\n\r\n", (int)strcspn(reply, " "), reply);
    } else {
      received++;
    }
  }
  double seconds = now_seconds() - start;
  report(target, count, seconds, cpu_seconds(target->pid) - cpu, "");
  remove_stream(&control, "LOAD0");
}

typedef struct {
  const char *payload;
  size_t size;
  uint64_t keys;
} Values;

static size_t write_put(char *frame, const char *inbox, uint64_t number, void *context) {
  const Values *values = context;
  size_t length = (size_t)sprintf(frame, "PUB $KV.LOAD.key.%llu %s.%llu %zu\r\n",
                                  (unsigned long long)(number % values->keys), inbox, (unsigned long long)number, values->size);
  memcpy(frame + length, values->payload, values->size);
  memcpy(frame + length + values->size, "\r\n", 2);
  return length + values->size + 2;
}

static size_t write_get(char *frame, const char *inbox, uint64_t number, void *context) {
  const Values *values = context;
  return (size_t)sprintf(frame, "PUB $JS.API.DIRECT.GET.KV_LOAD.$KV.LOAD.key.%llu %s.%llu 0\r\n\r\n",
                         (unsigned long long)(number * 7 % values->keys), inbox, (unsigned long long)number);
}

static void run_values(const Target *target, bool get) {
  Values values = {.size = (size_t)option("size", 128), .keys = (uint64_t)option("keys", 1000)};
  values.payload = filler(values.size);
  Reader control = reader_open(target);
  make_stream(&control, "KV_LOAD", "$KV.LOAD.>",
              ",\"max_msgs_per_subject\":1,\"discard\":\"new\",\"allow_rollup_hdrs\":true,\"deny_delete\":true,"
              "\"allow_direct\":true");
  Pipeline pipeline = {.reader = reader_open(target), .write = write_put, .context = &values, .count = values.keys,
                       .window = (uint64_t)option("window", 64)};
  pipeline_run(&pipeline);
  pipeline.answered = 0;
  pipeline.count = UINT64_MAX;
  if (get) pipeline.write = write_get;
  double cpu = cpu_seconds(target->pid), start = now_seconds();
  pipeline.deadline = start + (double)option("seconds", 2);
  pipeline_run(&pipeline);
  report(target, pipeline.answered, now_seconds() - start, cpu_seconds(target->pid) - cpu, "");
  remove_stream(&control, "KV_LOAD");
}

void run_kvput(const Target *target) { run_values(target, false); }

void run_kvget(const Target *target) { run_values(target, true); }

// What the disk itself needs: small writes into a file whose blocks are there already, each followed by fdatasync.
void run_fdatasync(const Target *target) {
  (void)target;
  enum { file_bytes = 64 << 20 };
  size_t size = (size_t)option("size", 256);
  char path[1024];
  snprintf(path, sizeof path, "%s/fdatasync", option_text("path", "."));
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) fail("%s: %s", path, strerror(errno));
  char *zeros = calloc(1, 1 << 20);
  for (int i = 0; i < file_bytes >> 20; i++)
    if (write(file, zeros, 1 << 20) != 1 << 20) fail("cannot write %s", path);
  fsync(file);
  float *samples = malloc(sizeof(float) * most_samples);
  size_t count = 0;
  double start = now_seconds(), deadline = start + (double)option("seconds", 2);
  for (double begun; (begun = now_seconds()) < deadline && count < file_bytes / size;) {
    if (pwrite(file, zeros, size, (off_t)(count * size)) != (ssize_t)size || fdatasync(file) != 0)
      fail("cannot sync %s", path);
    samples[count++] = (float)((now_seconds() - begun) * 1e6);
  }
  unlink(path);
  printf("{\"rate\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", (double)count / (now_seconds() - start),
         percentile(samples, count, 0.5), percentile(samples, count, 0.99));
}
