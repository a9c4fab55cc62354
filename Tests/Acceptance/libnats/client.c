// The C client of NATS (libnats) against a server: one case of behaviour a run.
//
//   client CASE URL [KEY=VALUE...]     keys: ca, cert, key (TLS files), seed (nkey file), token, pid (of the server)
//
// Prints nothing and exits 0 when all is as it should be; otherwise says what was not, and exits 1.
#include <nats/nats.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MILLISECONDS 5000

static const char *url;
static char **settings;
static int setting_count;

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
  exit(1);
}

static void must(natsStatus status, const char *what) {
  if (status != NATS_OK) fail("%s: %s (%s)", what, natsStatus_GetText(status), nats_GetLastError(NULL));
}

static void expect(bool condition, const char *what) {
  if (!condition) fail("%s", what);
}

static const char *setting(const char *name) {
  size_t length = strlen(name);
  for (int i = 0; i < setting_count; i++)
    if (strncmp(settings[i], name, length) == 0 && settings[i][length] == '=') return settings[i] + length + 1;
  return NULL;
}

// Options from the settings; the caller destroys them.
static natsOptions *options(void) {
  natsOptions *made = NULL;
  must(natsOptions_Create(&made), "options");
  must(natsOptions_SetURL(made, url), "url");
  must(natsOptions_SetAllowReconnect(made, false), "no reconnect");
  must(natsOptions_SetTimeout(made, ANSWER_MILLISECONDS), "timeout");
  if (setting("ca")) {
    must(natsOptions_SetSecure(made, true), "secure");
    must(natsOptions_LoadCATrustedCertificates(made, setting("ca")), "ca");
    must(natsOptions_SetExpectedHostname(made, "localhost"), "host name");
  }
  if (setting("cert")) must(natsOptions_LoadCertificatesChain(made, setting("cert"), setting("key")), "certificate");
  if (setting("seed")) must(natsOptions_SetNKeyFromSeed(made, setting("key"), setting("seed")), "nkey");
  if (setting("token")) must(natsOptions_SetToken(made, setting("token")), "token");
  return made;
}

static natsConnection *connect_with(natsOptions *made) {
  natsConnection *connection = NULL;
  must(natsConnection_Connect(&connection, made), "connect");
  natsOptions_Destroy(made);
  return connection;
}

static natsConnection *connection(void) { return connect_with(options()); }

static natsMsg *next(natsSubscription *subscription) {
  natsMsg *message = NULL;
  must(natsSubscription_NextMsg(&message, subscription, ANSWER_MILLISECONDS), "next message");
  return message;
}

static void expect_text(natsMsg *message, const char *text) {
  if (natsMsg_GetDataLength(message) != (int)strlen(text) || memcmp(natsMsg_GetData(message), text, strlen(text)) != 0)
    fail("payload: expected '%s', got '%.*s'", text, natsMsg_GetDataLength(message), natsMsg_GetData(message));
}

// Cases

static void publish_subscribe(void) {
  natsConnection *publisher = connection(), *subscriber = connection();
  natsSubscription *subscription = NULL;
  must(natsConnection_SubscribeSync(&subscription, subscriber, "numbers.*"), "subscribe");
  must(natsConnection_Flush(subscriber), "flush");
  const int count = 20000;
  char text[16];
  for (int i = 0; i < count; i++) {
    snprintf(text, sizeof text, "%d", i);
    must(natsConnection_PublishString(publisher, i % 2 ? "numbers.odd" : "numbers.even", text), "publish");
  }
  must(natsConnection_Flush(publisher), "flush");
  for (int i = 0; i < count; i++) {
    natsMsg *message = next(subscription);
    snprintf(text, sizeof text, "%d", i);
    expect_text(message, text);
    natsMsg_Destroy(message);
  }
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(publisher);
  natsConnection_Destroy(subscriber);
}

static void queue(void) {
  enum { members = 3, count = 3000 };
  natsConnection *publisher = connection(), *workers[members];
  natsSubscription *subscriptions[members];
  for (int i = 0; i < members; i++) {
    workers[i] = connection();
    must(natsConnection_QueueSubscribeSync(&subscriptions[i], workers[i], "jobs", "workers"), "subscribe");
    must(natsConnection_Flush(workers[i]), "flush");
  }
  for (int i = 0; i < count; i++) must(natsConnection_PublishString(publisher, "jobs", "job"), "publish");
  must(natsConnection_Flush(publisher), "flush");
  int total = 0;
  for (int i = 0; i < members; i++) {
    int got = 0;
    natsMsg *message = NULL;
    while (natsSubscription_NextMsg(&message, subscriptions[i], 300) == NATS_OK) {
      got++;
      natsMsg_Destroy(message);
    }
    if (got < count / members / 2) fail("unfair: member %d got %d of %d", i, got, count);
    total += got;
    natsSubscription_Destroy(subscriptions[i]);
    natsConnection_Destroy(workers[i]);
  }
  if (total != count) fail("the group got %d of %d", total, count);
  natsConnection_Destroy(publisher);
}

static void answer(natsConnection *server, natsSubscription *subscription, natsMsg *message, void *closure) {
  (void)subscription;
  (void)closure;
  natsConnection_Publish(server, natsMsg_GetReply(message), natsMsg_GetData(message), natsMsg_GetDataLength(message));
  natsMsg_Destroy(message);
}

static void request(void) {
  natsConnection *asker = connection(), *answerer = connection();
  natsSubscription *subscription = NULL;
  must(natsConnection_Subscribe(&subscription, answerer, "echo", answer, NULL), "subscribe");
  must(natsConnection_Flush(answerer), "flush");
  for (int i = 0; i < 2000; i++) {
    char text[16];
    snprintf(text, sizeof text, "request %d", i);
    natsMsg *reply = NULL;
    must(natsConnection_RequestString(&reply, asker, "echo", text, ANSWER_MILLISECONDS), "request");
    expect_text(reply, text);
    natsMsg_Destroy(reply);
  }
  natsMsg *reply = NULL;
  natsStatus status = natsConnection_RequestString(&reply, asker, "nobody", "", ANSWER_MILLISECONDS);
  expect(status == NATS_NO_RESPONDERS, "a request that nobody answers");
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(asker);
  natsConnection_Destroy(answerer);
}

static void headers(void) {
  natsConnection *client = connection();
  must(natsConnection_HasHeaderSupport(client), "headers are supported");
  natsSubscription *subscription = NULL;
  must(natsConnection_SubscribeSync(&subscription, client, "letters"), "subscribe");
  natsMsg *message = NULL;
  must(natsMsg_Create(&message, "letters", NULL, "dear", 4), "message");
  must(natsMsgHeader_Set(message, "To", "you"), "header");
  must(natsMsgHeader_Add(message, "Via", "one"), "header");
  must(natsMsgHeader_Add(message, "Via", "two"), "header");
  must(natsConnection_PublishMsg(client, message), "publish");
  natsMsg_Destroy(message);
  message = next(subscription);
  expect_text(message, "dear");
  const char *value = NULL;
  must(natsMsgHeader_Get(message, "To", &value), "header To");
  expect(strcmp(value, "you") == 0, "value of To");
  const char **values = NULL;
  int count = 0;
  must(natsMsgHeader_Values(message, "Via", &values, &count), "header Via");
  expect(count == 2 && strcmp(values[0], "one") == 0 && strcmp(values[1], "two") == 0, "values of Via");
  free((void *)values);
  natsMsg_Destroy(message);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(client);
}

static int drained;
static void count_message(natsConnection *server, natsSubscription *subscription, natsMsg *message, void *closure) {
  (void)server;
  (void)subscription;
  (void)closure;
  __atomic_fetch_add(&drained, 1, __ATOMIC_SEQ_CST);
  natsMsg_Destroy(message);
}

static void drain(void) {
  natsConnection *publisher = connection(), *subscriber = connection();
  natsSubscription *subscription = NULL;
  must(natsConnection_Subscribe(&subscription, subscriber, "work", count_message, NULL), "subscribe");
  must(natsConnection_Flush(subscriber), "flush");
  for (int i = 0; i < 5000; i++) must(natsConnection_PublishString(publisher, "work", "x"), "publish");
  must(natsConnection_Flush(publisher), "flush");
  must(natsConnection_DrainTimeout(subscriber, ANSWER_MILLISECONDS), "drain");
  for (int i = 0; i < 500 && !natsConnection_IsClosed(subscriber); i++) nats_Sleep(10);
  expect(natsConnection_IsClosed(subscriber), "closed after drain");
  if (drained != 5000) fail("%d of 5000 messages before the end", drained);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(publisher);
  natsConnection_Destroy(subscriber);
}

static int reconnections;
static void on_reconnected(natsConnection *connection, void *closure) {
  (void)connection;
  (void)closure;
  __atomic_fetch_add(&reconnections, 1, __ATOMIC_SEQ_CST);
}

// The harness replaces the server once it reads "ready".
static void reconnect(void) {
  natsOptions *made = options();
  must(natsOptions_SetAllowReconnect(made, true), "reconnect");
  must(natsOptions_SetMaxReconnect(made, 400), "attempts");
  must(natsOptions_SetReconnectWait(made, 50), "wait");
  must(natsOptions_SetReconnectedCB(made, on_reconnected, NULL), "callback");
  natsConnection *client = connect_with(made);
  natsSubscription *subscription = NULL;
  must(natsConnection_SubscribeSync(&subscription, client, "still.here"), "subscribe");
  must(natsConnection_Flush(client), "flush");
  printf("ready\n");
  fflush(stdout);
  for (int i = 0; i < 2000 && !__atomic_load_n(&reconnections, __ATOMIC_SEQ_CST); i++) nats_Sleep(10);
  expect(reconnections == 1, "reconnected once");
  must(natsConnection_PublishString(client, "still.here", "yes"), "publish");
  natsMsg *message = next(subscription);
  expect_text(message, "yes");
  natsMsg_Destroy(message);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(client);
}

static void unsubscribe(void) {
  natsConnection *client = connection();
  natsSubscription *limited = NULL, *all = NULL;
  must(natsConnection_SubscribeSync(&limited, client, "news"), "subscribe");
  must(natsConnection_SubscribeSync(&all, client, ">"), "subscribe");
  must(natsSubscription_AutoUnsubscribe(limited, 3), "maximum");
  for (int i = 0; i < 5; i++) must(natsConnection_PublishString(client, "news", "x"), "publish");
  for (int i = 0; i < 3; i++) natsMsg_Destroy(next(limited));
  natsMsg *message = NULL;
  expect(natsSubscription_NextMsg(&message, limited, 100) == NATS_MAX_DELIVERED_MSGS, "no message after the maximum");
  for (int i = 0; i < 5; i++) natsMsg_Destroy(next(all));
  natsSubscription_Destroy(limited);
  natsSubscription_Destroy(all);
  natsConnection_Destroy(client);
}

static void sizes(void) {
  natsConnection *client = connection();
  natsSubscription *subscription = NULL;
  must(natsConnection_SubscribeSync(&subscription, client, "sizes"), "subscribe");
  static char payload[1 << 20];
  for (size_t i = 0; i < sizeof payload; i++) payload[i] = (char)(i * 31 % 251);
  const int lengths[] = {0, 1, 100, 4096, 65535, 65537, 500000, 1 << 20};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    must(natsConnection_Publish(client, "sizes", payload, lengths[i]), "publish");
    natsMsg *message = next(subscription);
    expect(natsMsg_GetDataLength(message) == lengths[i], "length");
    expect(memcmp(natsMsg_GetData(message), payload, (size_t)lengths[i]) == 0, "bytes");
    natsMsg_Destroy(message);
  }
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(client);
}

// One round trip as whoever the settings say; the harness decides whether that should work.
static void login(void) {
  natsOptions *made = options();
  natsConnection *client = NULL;
  natsStatus status = natsConnection_Connect(&client, made);
  natsOptions_Destroy(made);
  if (setting("refused")) {
    if (status == NATS_OK) fail("was let in");
    return;
  }
  must(status, "connect");
  natsSubscription *subscription = NULL;
  must(natsConnection_SubscribeSync(&subscription, client, "round.trip"), "subscribe");
  must(natsConnection_PublishString(client, "round.trip", "ping"), "publish");
  natsMsg *message = next(subscription);
  expect_text(message, "ping");
  natsMsg_Destroy(message);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(client);
}

static int lame_duck_seen;
static void on_lame_duck(natsConnection *connection, void *closure) {
  (void)connection;
  (void)closure;
  __atomic_store_n(&lame_duck_seen, 1, __ATOMIC_SEQ_CST);
}

static void lame_duck(void) {
  natsOptions *made = options();
  must(natsOptions_SetLameDuckModeCB(made, on_lame_duck, NULL), "callback");
  natsConnection *client = connect_with(made);
  must(natsConnection_Flush(client), "flush");
  kill(atoi(setting("pid")), SIGUSR2);
  for (int i = 0; i < 500 && !__atomic_load_n(&lame_duck_seen, __ATOMIC_SEQ_CST); i++) nats_Sleep(10);
  expect(lame_duck_seen, "told about lame duck mode");
  natsConnection_Destroy(client);
}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
    {"publish-subscribe", publish_subscribe}, {"queue", queue}, {"request", request},
    {"headers", headers}, {"drain", drain}, {"reconnect", reconnect}, {"unsubscribe", unsubscribe},
    {"sizes", sizes}, {"login", login}, {"lame-duck", lame_duck},
};

int main(int count, char **arguments) {
  if (count < 3) fail("usage: client CASE URL [KEY=VALUE...]");
  url = arguments[2];
  settings = arguments + 3;
  setting_count = count - 3;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (strcmp(cases[i].name, arguments[1]) != 0) continue;
    cases[i].run();
    nats_Close();
    return 0;
  }
  fail("no case '%s'", arguments[1]);
}
