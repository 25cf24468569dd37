/* Scripted peers for tests without an engine: a TCP server of a few bytes, and a ROUTER that plays a session. */
#ifndef SERVER_H
#define SERVER_H

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

/* ---- raw TCP ------------------------------------------------------------------------------------------------ */

typedef struct server {
  int listener;
  const void *bytes; /* sent to whoever connects; then the connection is closed, */
  size_t size;
  bool silent; /* or, if it is silent, kept open without a word */
  pthread_t thread;
  char endpoint[64];
} server;

static void *serve(void *argument) {
  server *server = argument;
  int held[64], count = 0, connection;
  while (count < 64 && (connection = accept(server->listener, NULL, NULL)) >= 0) {
    if (server->silent) {
      held[count++] = connection;
      continue;
    }
    char drain[64];
    ssize_t done = send(connection, server->bytes, server->size, MSG_NOSIGNAL);
    struct pollfd item = {.fd = connection, .events = POLLIN};
    if (done >= 0 && poll(&item, 1, 1000) > 0) done = read(connection, drain, sizeof drain);
    close(connection);
  }
  while (count > 0) close(held[--count]);
  return NULL;
}

/* A listening socket at a free port of 127.0.0.1; writes its endpoint. */
static inline int listen_somewhere(char endpoint[64]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 16) != 0) return -1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  snprintf(endpoint, 64, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
  return listener;
}

static inline void server_start(server *server, const void *bytes, size_t size, bool silent) {
  server->listener = listen_somewhere(server->endpoint);
  server->bytes = bytes;
  server->size = size;
  server->silent = silent;
  pthread_create(&server->thread, NULL, serve, server);
}

static inline void server_stop(server *server) {
  shutdown(server->listener, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->listener);
}

/* ---- a ROUTER or REP ---------------------------------------------------------------------------------------- */

/* Answers each message whose header begins with `when` by a message; an empty `when` ends the script. */
typedef struct line {
  const char *when;
  const char *header;
  const char *payload; /* NULL: none */
} line;

typedef struct engine {
  void *context, *socket;
  const line *script;
  pthread_t thread;
  char endpoint[64];
  atomic_bool stopped;
} engine;

static void *play(void *argument) {
  engine *engine = argument;
  while (!atomic_load(&engine->stopped)) {
    zmq_pollitem_t item = {.socket = engine->socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, 20) <= 0) continue;
    char id[256], header[2048];
    int more = 1, id_size = zmq_recv(engine->socket, id, sizeof id, 0);
    size_t more_size = sizeof more;
    int size = zmq_recv(engine->socket, header, sizeof header - 1, 0);
    zmq_getsockopt(engine->socket, ZMQ_RCVMORE, &more, &more_size);
    header[size > 0 ? size : 0] = '\0';
    while (more) {
      char rest[2048];
      zmq_recv(engine->socket, rest, sizeof rest, 0);
      zmq_getsockopt(engine->socket, ZMQ_RCVMORE, &more, &more_size);
    }
    for (const line *line = engine->script; line->when; line++) {
      if (strncmp(header, line->when, strlen(line->when)) != 0) continue;
      zmq_send(engine->socket, id, (size_t)id_size, ZMQ_SNDMORE);
      zmq_send(engine->socket, line->header, strlen(line->header), line->payload ? ZMQ_SNDMORE : 0);
      if (line->payload) zmq_send(engine->socket, line->payload, strlen(line->payload), 0);
    }
  }
  return NULL;
}

static inline void engine_start(engine *engine, int type, const line *script) {
  size_t size = sizeof engine->endpoint;
  int linger = 0;
  engine->script = script;
  atomic_init(&engine->stopped, false);
  engine->context = zmq_ctx_new();
  engine->socket = zmq_socket(engine->context, type);
  zmq_setsockopt(engine->socket, ZMQ_LINGER, &linger, sizeof linger);
  zmq_bind(engine->socket, "tcp://127.0.0.1:*");
  zmq_getsockopt(engine->socket, ZMQ_LAST_ENDPOINT, engine->endpoint, &size);
  pthread_create(&engine->thread, NULL, play, engine);
}

static inline void engine_stop(engine *engine) {
  atomic_store(&engine->stopped, true);
  pthread_join(engine->thread, NULL);
  zmq_close(engine->socket);
  zmq_ctx_term(engine->context);
}

#endif
