/* The testee of the C client: does what the harness tells it, and says what it observed (conformance/adapter.md).
 *
 *   CONFORMANCE_ADDRESS=127.0.0.1:PORT sdks/c/conformance/testee
 *
 * One thread reads the commands, another works on them in order, since a client belongs to one thread at a time. Only
 * `cancel` is carried out by the reader, by ee_interrupt. This file is the conversation and the threads; the operations
 * are in clients.c (one call each), load.c (many events) and sealing.c (the envelope). */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "bytes.h"
#include "operations.h"

typedef struct command {
  struct command *next;
  json_t *request;
  bool cancelled;
} command;

typedef struct slot {
  struct slot *next;
  char *name;
  ee_client *client;
} slot;

static int connection;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

/* The commands that are not answered; the first one is being worked on. */
static command *commands;
static ee_client *called; /* what the first one calls */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;

/* Sends an answer, which is taken over, with the request's id. */
static void answer(const json_t *request, json_t *body) {
  json_object_set(body, "id", json_object_get(request, "id"));
  char *text = json_dumps(body, JSON_COMPACT);
  if (!text) abort();
  size_t left = strlen(text) + 1;
  text[left - 1] = '\n';
  pthread_mutex_lock(&writing);
  for (const char *at = text; left > 0;) {
    ssize_t sent = send(connection, at, left, MSG_NOSIGNAL);
    if (sent < 0) _exit(0); /* the harness is gone */
    at += sent;
    left -= (size_t)sent;
  }
  pthread_mutex_unlock(&writing);
  free(text);
  json_decref(body);
}

static json_t *hello(void) {
  int major, minor, patch;
  zmq_version(&major, &minor, &patch);
  char zmq[40];
  snprintf(zmq, sizeof zmq, "%d.%d.%d", major, minor, patch);
  return succeeded(json_pack("{s:s,s:s,s:s,s:s,s:[s,s],s:[s,s,s,s,s,s,s,s,s,s,s,s],s:{s:s}}", "name", "event-engine-c",
                             "version", ee_version(), "role", "sdk", "language", "c11", "profiles", "basic", "session",
                             "features", "batch", "cancel", "codes", "envelope", "environment", "heartbeat", "iterate",
                             "late-connect", "profiles", "receive-window", "timeouts", "unsettled", "libraries",
                             "libzmq", zmq));
}

/* ---- the thread that works ---------------------------------------------------------------------------------- */

/* Where the client of that name stands. */
static ee_client **client_of(const char *name) {
  static slot *slots;
  if (!name) name = "";
  for (slot *each = slots; each; each = each->next) {
    if (strcmp(each->name, name) == 0) return &each->client;
  }
  slot *added = allocate(1, sizeof *added);
  *added = (slot){slots, strdup(name), NULL};
  slots = added;
  return &added->client;
}

bool is_cancelled(void) {
  pthread_mutex_lock(&lock);
  bool cancelled = commands->cancelled;
  pthread_mutex_unlock(&lock);
  return cancelled;
}

/* Runs an operation that calls a client; until it is done `cancel` interrupts that client. */
static json_t *run_call(const command *command, operation run, ee_client **client) {
  if (!*client) return failed("unsupported", "", "there is no client: ee_connect failed or ee_close has freed it");
  pthread_mutex_lock(&lock);
  called = *client;
  if (command->cancelled) ee_interrupt(called); /* ends its first wait */
  pthread_mutex_unlock(&lock);
  json_t *body = run(command->request, client);
  pthread_mutex_lock(&lock);
  called = NULL;
  bool cancelled = command->cancelled;
  pthread_mutex_unlock(&lock);
  /* Done all the same: something must take the interrupt, which the next command must not meet. */
  if (cancelled && json_object_get(body, "ok")) ee_publish_batch(*client, NULL, 0, 0, NULL);
  return body;
}

static json_t *run_command(const command *command) {
  const named_operation *const tables[] = {client_operations, load_operations, envelope_operations};
  const char *name = json_string_value(json_object_get(command->request, "op"));
  if (name && strcmp(name, "hello") == 0) return hello();
  ee_client **client = client_of(json_string_value(json_object_get(command->request, "client")));
  for (size_t i = 0; name && i < sizeof tables / sizeof *tables; i++) {
    for (const named_operation *each = tables[i]; each->name; each++) {
      if (strcmp(each->name, name) != 0) continue;
      return each->calls ? run_call(command, each->run, client) : each->run(command->request, client);
    }
  }
  return failed("unsupported", "", "there is no such op");
}

static void *work(void *unused) {
  (void)unused;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (!commands) pthread_cond_wait(&more, &lock);
    command *first = commands;
    pthread_mutex_unlock(&lock);
    json_t *body = run_command(first);
    pthread_mutex_lock(&lock);
    commands = first->next;
    pthread_mutex_unlock(&lock);
    answer(first->request, body);
    json_decref(first->request);
    free(first);
  }
  return NULL;
}

/* ---- the thread that reads ---------------------------------------------------------------------------------- */

/* Ends a command; one that is answered already is left alone. */
static void cancel(const json_t *request) {
  const json_t *id = json_object_get(request, "call");
  pthread_mutex_lock(&lock);
  for (command *each = commands; each; each = each->next) {
    if (!json_equal(json_object_get(each->request, "id"), id)) continue;
    each->cancelled = true;
    if (each == commands) ee_interrupt(called);
  }
  pthread_mutex_unlock(&lock);
  answer(request, succeeded(json_object()));
}

static void enqueue(json_t *request) {
  command *added = allocate(1, sizeof *added);
  added->request = request;
  pthread_mutex_lock(&lock);
  command **end = &commands;
  while (*end) end = &(*end)->next;
  *end = added;
  pthread_cond_signal(&more);
  pthread_mutex_unlock(&lock);
}

/* Connects to the harness; false if that fails. */
static bool meet(const char *address) {
  char host[16];
  in_port_t port;
  struct sockaddr_in to = {.sin_family = AF_INET};
  if (!address || sscanf(address, "%15[0-9.]:%hu", host, &port) != 2) return false;
  to.sin_port = htons(port);
  connection = socket(AF_INET, SOCK_STREAM, 0);
  return inet_pton(AF_INET, host, &to.sin_addr) == 1 && connection >= 0 &&
         connect(connection, (struct sockaddr *)&to, sizeof to) == 0 &&
         setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0;
}

int main(void) {
  pthread_t worker;
  if (!meet(getenv("CONFORMANCE_ADDRESS"))) return 2;
  FILE *input = fdopen(connection, "r");
  if (!input || pthread_create(&worker, NULL, work, NULL) != 0) return 2;
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, input) > 0) {
    json_t *request = json_loads(line, JSON_ALLOW_NUL, NULL);
    const char *name = json_string_value(json_object_get(request, "op"));
    if (name && strcmp(name, "cancel") == 0) {
      cancel(request);
      json_decref(request);
    } else if (request) {
      enqueue(request);
    }
  }
  _exit(0); /* without a farewell to the engine, whatever the worker waits for */
}
