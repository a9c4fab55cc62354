#include <stdio.h>
#include <string.h>

#include "load.h"

size_t frame_length(const char *subject, const char *identifier, const char *reply, size_t size) {
  int head = *reply ? snprintf(NULL, 0, "MSG %s %s %s %zu\r\n", subject, identifier, reply, size)
                    : snprintf(NULL, 0, "MSG %s %s %zu\r\n", subject, identifier, size);
  return (size_t)head + size + 2;
}

bool counter_read(Counter *counter, void (*arrived)(void *context), void *context) {
  static _Thread_local char bytes[1 << 18];
  size_t count = connection_read(counter->connection, bytes, sizeof bytes);
  uint64_t received = 0;
  for (size_t position = 0; position < count;) {
    if (counter->left == 0) {
      counter->counting = bytes[position] == 'M';
      if (counter->counting)
        counter->left = counter->frame;
      else if (bytes[position] == 'P')  // the server's PING
        counter->left = 6;
      else
        fail("unexpected: %.*s", (int)(count - position < 60 ? count - position : 60), bytes + position);
    }
    size_t piece = counter->left < count - position ? counter->left : count - position;
    position += piece;
    counter->left -= piece;
    if (counter->left > 0) break;
    if (!counter->counting) connection_print(counter->connection, "PONG\r\n");
    if (counter->counting) received++;
    if (counter->counting && arrived) arrived(context);
  }
  __atomic_fetch_add(&counter->received, received, __ATOMIC_RELEASE);
  return count > 0;
}
