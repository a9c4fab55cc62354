#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

struct Connection {
  int descriptor;
  SSL *secure;
};

static SSL_CTX *secure_context(const char *authority) {
  static SSL_CTX *context;
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  if (!context) {
    context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_load_verify_locations(context, authority, NULL) != 1) fail("cannot use %s", authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  pthread_mutex_unlock(&lock);
  return context;
}

// Waits until the connection can be read from or written to.
static void wait_for(const Connection *connection, short events) {
  struct pollfd wait = {.fd = connection->descriptor, .events = events};
  if (poll(&wait, 1, PATIENCE_SECONDS * 1000) == 0) fail("the server does not answer for %d s", PATIENCE_SECONDS);
}

int connection_descriptor(const Connection *connection) { return connection->descriptor; }

void connection_make_nonblocking(Connection *connection) {
  fcntl(connection->descriptor, F_SETFL, fcntl(connection->descriptor, F_GETFL) | O_NONBLOCK);
}

bool connection_wait(const Connection *connection, int milliseconds) {
  if (connection->secure && SSL_pending(connection->secure)) return true;
  struct pollfd wait = {.fd = connection->descriptor, .events = POLLIN};
  return poll(&wait, 1, milliseconds) > 0;
}

void connection_write(Connection *connection, const void *bytes, size_t count) {
  const char *position = bytes;
  while (count > 0) {
    ssize_t written;
    if (connection->secure) {
      written = SSL_write(connection->secure, position, (int)(count < (1 << 30) ? count : 1 << 30));
      if (written <= 0) {
        int reason = SSL_get_error(connection->secure, (int)written);
        if (reason != SSL_ERROR_WANT_WRITE && reason != SSL_ERROR_WANT_READ) fail("cannot write over TLS");
        wait_for(connection, reason == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN);
        continue;
      }
    } else {
      written = send(connection->descriptor, position, count, MSG_NOSIGNAL);
      if (written < 0) {
        if (errno == EAGAIN) wait_for(connection, POLLOUT);
        if (errno == EAGAIN || errno == EINTR) continue;
        fail("cannot write: %s", strerror(errno));
      }
    }
    position += written;
    count -= (size_t)written;
  }
}

void connection_print(Connection *connection, const char *format, ...) {
  char text[1024];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(text, sizeof text, format, values);
  va_end(values);
  connection_write(connection, text, (size_t)length);
}

size_t connection_read(Connection *connection, void *bytes, size_t capacity) {
  if (connection->secure) {
    int count = SSL_read(connection->secure, bytes, (int)capacity);
    if (count > 0) return (size_t)count;
    int reason = SSL_get_error(connection->secure, count);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return 0;
    fail("the server closed a TLS connection");
  }
  for (;;) {
    ssize_t count = recv(connection->descriptor, bytes, capacity, 0);
    if (count > 0) return (size_t)count;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return 0;
    fail("the server closed a connection");
  }
}

// Reads up to and including the end of a line.
static void read_line(Connection *connection, char *line, size_t capacity) {
  size_t length = 0;
  while (length < capacity - 1) {
    if (connection_read(connection, line + length, 1) == 0) {
      wait_for(connection, POLLIN);
      continue;
    }
    if (line[length++] == '\n') break;
  }
  line[length] = 0;
}

void connection_round_trip(Connection *connection) {
  char line[1 << 16];
  connection_print(connection, "PING\r\n");
  do {
    read_line(connection, line, sizeof line);
    if (strncmp(line, "PING", 4) == 0) connection_print(connection, "PONG\r\n");
    if (strncmp(line, "-ERR", 4) == 0) fail("the server says %s", line);
  } while (strncmp(line, "PONG", 4) != 0);
}

static int connect_to(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int attempt = 0; attempt < 100; attempt++) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail("no socket: %s", strerror(errno));
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
    close(descriptor);
    sleep_seconds(0.02);
  }
  fail("cannot connect to port %d: %s", port, strerror(errno));
}

Connection *connection_open(const Target *target) {
  Connection *connection = calloc(1, sizeof *connection);
  connection->descriptor = connect_to(target->port);
  int on = 1;
  setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  char information[1 << 16];
  read_line(connection, information, sizeof information);
  if (target->authority) {
    SSL *secure = SSL_new(secure_context(target->authority));
    SSL_set_fd(secure, connection->descriptor);
    SSL_set_tlsext_host_name(secure, "localhost");
    if (SSL_connect(secure) != 1) fail("TLS handshake: %s", ERR_error_string(ERR_get_error(), NULL));
    connection->secure = secure;
  }
  connection_print(connection, "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"version\":\"1\","
                               "\"protocol\":0,\"headers\":true}\r\n");
  connection_round_trip(connection);
  return connection;
}

void connection_close(Connection *connection) {
  if (connection->secure) SSL_free(connection->secure);
  close(connection->descriptor);
  free(connection);
}
