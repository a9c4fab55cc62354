#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void sleep_seconds(double seconds) {
  struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&time, NULL);
}

double cpu_seconds(pid_t pid) {
  char path[320];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks) fail("the server is gone (no %s)", path);
  double total = 0;
  for (struct dirent *task; (task = readdir(tasks));) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, task->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;  // the thread ended just now
    unsigned long long nanoseconds = 0;
    if (fscanf(file, "%llu", &nanoseconds) == 1) total += (double)nanoseconds * 1e-9;
    fclose(file);
  }
  closedir(tasks);
  return total;
}

double resident_bytes(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file) fail("the server is gone (no %s)", path);
  long pages = 0;
  if (fscanf(file, "%*d %ld", &pages) != 1) fail("cannot read %s", path);
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double settled_bytes(pid_t pid) {
  double last = resident_bytes(pid);
  for (int i = 0; i < 20; i++) {
    sleep_seconds(0.25);
    double bytes = resident_bytes(pid);
    if (bytes > last * 0.999 && bytes < last * 1.001) return bytes;
    last = bytes;
  }
  return last;
}

static int compare(const void *one, const void *other) {
  float a = *(const float *)one, b = *(const float *)other;
  return (a > b) - (a < b);
}

double percentile(float *samples, size_t count, double fraction) {
  if (count == 0) return 0;
  qsort(samples, count, sizeof *samples, compare);
  size_t place = (size_t)((double)count * fraction);
  return samples[place < count ? place : count - 1];
}
