#define _GNU_SOURCE
#include "CSystem.h"
#include <malloc.h>

void csys_malloc_numbers(uint64_t numbers[5]) {
  struct mallinfo2 info = mallinfo2();
  numbers[0] = info.arena;
  numbers[1] = info.hblkhd;
  numbers[2] = info.uordblks;
  numbers[3] = info.fordblks;
  numbers[4] = info.keepcost;
}

void csys_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
