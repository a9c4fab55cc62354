// What idle connections and subscriptions cost in memory, and subscriptions in CPU time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

void run_connections(const Target *target) {
  int count = (int)option("count", 10000);
  double before = settled_bytes(target->pid);
  Connection **connections = calloc((size_t)count, sizeof *connections);
  double start = now_seconds();
  for (int i = 0; i < count; i++) {
    connections[i] = connection_open(target);
    connection_print(connections[i], "SUB idle.%d 1\r\n", i);
  }
  connection_round_trip(connections[count - 1]);
  double seconds = now_seconds() - start;
  double bytes = settled_bytes(target->pid) - before;
  for (int i = 0; i < count; i++) connection_close(connections[i]);
  printf("{\"bytes_each\": %.0f, \"connections_per_second\": %.0f}\n", bytes / count, count / seconds);
}

// Exact subjects, or mostly `*` at the end with some `>` and some `*` inside.
static int subject(char *text, size_t capacity, bool wildcard, long number) {
  if (!wildcard) return snprintf(text, capacity, "sensors.%07ld", number);
  if (number % 10 == 8) return snprintf(text, capacity, "sensors.%07ld.>", number);
  if (number % 10 == 9) return snprintf(text, capacity, "sensors.*.%07ld", number);
  return snprintf(text, capacity, "sensors.%07ld.*", number);
}

void run_subscriptions(const Target *target) {
  enum { connections = 10, batch = 1000 };
  long count = option("count", 1000000);
  bool wildcard = strcmp(option_text("kind", "exact"), "wildcard") == 0;
  double before = settled_bytes(target->pid);
  Connection *all[connections];
  for (int i = 0; i < connections; i++) all[i] = connection_open(target);
  double cpu = cpu_seconds(target->pid);
  char *text = malloc(batch * 64);
  for (long number = 0; number < count;) {
    size_t length = 0;
    Connection *connection = all[number / batch % connections];
    for (int i = 0; i < batch && number < count; i++, number++) {
      char name[48];
      subject(name, sizeof name, wildcard, number);
      length += (size_t)snprintf(text + length, 64, "SUB %s %ld\r\n", name, number + 1);
    }
    connection_write(connection, text, length);
  }
  for (int i = 0; i < connections; i++) connection_round_trip(all[i]);
  cpu = cpu_seconds(target->pid) - cpu;
  double bytes = settled_bytes(target->pid) - before;
  printf("{\"bytes_each\": %.1f, \"cpu_per_million\": %.5f}\n", bytes / (double)count, cpu / (double)count * 1e6);
  for (int i = 0; i < connections; i++) connection_close(all[i]);
  free(text);
}
