// Load generator for NATS servers. Prints one line of JSON.
//
//   load WORKLOAD port=N pid=N [ca=FILE] [NAME=VALUE...]
//
//   flow           publishers=1 subscribers=1 size=128 seconds=1 distinct=0
//                  distinct=1: publisher i writes to subject i, subscriber i reads it; else everybody shares one
//   request        pairs=25 size=128 seconds=1: one request at a time for each pair of requester and responder
//   connections    count=10000: idle, with one subscription each
//   subscriptions  count=1000000 kind=exact|wildcard, on ten connections
//   slow           size=1024 seconds=2: one subscriber that keeps up, one that reads little
//   churn          count=20000 seconds=2: subscriptions come and go while messages are published
//   js..., kv..., fdatasync   see the head of jetstream.c
//
// ca=FILE connects over TLS and verifies the server with that authority.
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

static char **arguments;
static int argument_count;

void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fprintf(stderr, "load: ");
  vfprintf(stderr, format, values);
  fprintf(stderr, "\n");
  va_end(values);
  _exit(1);
}

const char *option_text(const char *name, const char *otherwise) {
  size_t length = strlen(name);
  for (int i = 2; i < argument_count; i++)
    if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=') return arguments[i] + length + 1;
  return otherwise;
}

long option(const char *name, long otherwise) {
  const char *text = option_text(name, NULL);
  return text ? strtol(text, NULL, 10) : otherwise;
}

static const struct {
  const char *name;
  void (*run)(const Target *target);
} workloads[] = {
    {"flow", run_flow}, {"request", run_request}, {"connections", run_connections},
    {"subscriptions", run_subscriptions}, {"slow", run_slow}, {"churn", run_churn},
    {"jspublish", run_jspublish}, {"jsfollowed", run_jsfollowed}, {"jssingle", run_jssingle},
    {"jspull", run_jspull}, {"jsreplay", run_jsreplay}, {"jsfill", run_jsfill}, {"kvput", run_kvput},
    {"kvget", run_kvget}, {"fdatasync", run_fdatasync},
};

int main(int count, char **values) {
  argument_count = count;
  arguments = values;
  if (count < 2) fail("usage: load WORKLOAD port=N pid=N [NAME=VALUE...]; see the head of main.c");
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Target target = {
      .port = (int)option("port", 4222), .pid = (pid_t)option("pid", 0), .authority = option_text("ca", NULL)};
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
    if (strcmp(workloads[i].name, values[1]) != 0) continue;
    workloads[i].run(&target);
    return 0;
  }
  fail("no workload '%s'", values[1]);
}
