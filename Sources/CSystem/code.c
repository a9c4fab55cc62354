#include "CSystem.h"

// Both are the linker's: where the program's image begins, and where its code ends.
extern char __executable_start, etext;

void csys_forget_code(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = ((uintptr_t)&__executable_start + page - 1) / page * page;
  uintptr_t end = (uintptr_t)&etext / page * page;
  // A mapping of the file that nobody writes to: nothing is lost.
  if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
}
