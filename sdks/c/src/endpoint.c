#include "endpoint.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"

bool ee_endpoint_read(ee_endpoint *endpoint, const char *text) {
  static const char scheme[] = "tcp://";
  if (strncmp(text, scheme, strlen(scheme)) != 0) return false;
  const char *host = text + strlen(scheme), *colon = strrchr(host, ':');
  if (!colon || colon == host) return false;
  size_t size = (size_t)(colon - host);
  if (host[0] == '[') {
    if (size < 3 || host[size - 1] != ']') return false;
    host++;
    size -= 2;
  } else if (memchr(host, ':', size)) {
    return false; /* an IPv6 address stands in brackets */
  }
  if (size > EE_HOST_MAX || memchr(host, '/', size) || memchr(host, ' ', size) || memchr(host, ';', size)) return false;
  memcpy(endpoint->host, host, size);
  endpoint->host[size] = '\0';
  unsigned port = 0;
  const char *digit = colon + 1;
  for (; *digit >= '0' && *digit <= '9' && port <= 65535; digit++) port = port * 10 + (unsigned)(*digit - '0');
  if (*digit || port < 1 || port > 65535) return false;
  snprintf(endpoint->port, sizeof endpoint->port, "%u", port);
  return true;
}

void ee_address_text(const ee_address *address, char *text, size_t capacity) {
  char host[NI_MAXHOST] = "?", port[8] = "?";
  const struct sockaddr *socket_address = (const struct sockaddr *)&address->socket_address;
  getnameinfo(socket_address, address->size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  const char *format = socket_address->sa_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s";
  snprintf(text, capacity, format, host, port);
}

/* The thread and the caller hold it; whoever lets go last frees it. */
struct ee_lookup {
  atomic_int references;
  ee_endpoint endpoint;
  atomic_bool done; /* the result is there; */
  int ready[2];     /* then the thread writes one byte into this pipe */
  int status;
  ee_addresses addresses;
};

static void release(ee_lookup *lookup) {
  if (atomic_fetch_sub(&lookup->references, 1) > 1) return;
  close(lookup->ready[0]);
  close(lookup->ready[1]);
  free(lookup);
}

/* IPv4 first: the engine's ports are IPv4 unless somebody said otherwise. */
static void collect(ee_addresses *addresses, const struct addrinfo *found, int family) {
  for (; found && addresses->count < EE_ADDRESSES_MAX; found = found->ai_next) {
    if (found->ai_family != family || found->ai_addrlen > sizeof(struct sockaddr_storage)) continue;
    ee_address *address = &addresses->list[addresses->count++];
    memcpy(&address->socket_address, found->ai_addr, found->ai_addrlen);
    address->size = found->ai_addrlen;
  }
}

static int resolve(const ee_endpoint *endpoint, int flags, ee_addresses *addresses) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
  struct addrinfo *found = NULL;
  int status = getaddrinfo(endpoint->host, endpoint->port, &hints, &found);
  addresses->count = 0;
  if (status != 0) return status;
  collect(addresses, found, AF_INET);
  collect(addresses, found, AF_INET6);
  freeaddrinfo(found);
  return addresses->count > 0 ? 0 : EAI_NONAME;
}

static void announce(ee_lookup *lookup) {
  atomic_store(&lookup->done, true);
  ssize_t written = write(lookup->ready[1], "", 1); /* the pipe is empty: one byte fits */
  (void)written;
}

static void *run(void *argument) {
  ee_lookup *lookup = argument;
  lookup->status = resolve(&lookup->endpoint, 0, &lookup->addresses);
  announce(lookup);
  release(lookup);
  return NULL;
}

/* Starts the thread with all signals blocked: they are for the program's own threads. */
static bool start(ee_lookup *lookup) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&thread, NULL, run, lookup) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started) pthread_detach(thread);
  return started;
}

ee_lookup *ee_lookup_begin(const ee_endpoint *endpoint) {
  ee_lookup *lookup = calloc(1, sizeof *lookup);
  if (!lookup) return NULL;
  if (!ee_pipe(lookup->ready)) {
    free(lookup);
    return NULL;
  }
  lookup->endpoint = *endpoint;
  atomic_init(&lookup->references, 2);
  atomic_init(&lookup->done, false);
  if (resolve(endpoint, AI_NUMERICHOST, &lookup->addresses) == 0) {
    announce(lookup);
    release(lookup);
  } else if (!start(lookup)) {
    release(lookup);
    release(lookup);
    return NULL;
  }
  return lookup;
}

int ee_lookup_descriptor(const ee_lookup *lookup) { return lookup->ready[0]; }

int ee_lookup_result(ee_lookup *lookup, ee_addresses *addresses) {
  if (!atomic_load(&lookup->done)) return EAI_AGAIN;
  *addresses = lookup->addresses;
  return lookup->status;
}

void ee_lookup_end(ee_lookup *lookup) {
  if (lookup) release(lookup);
}
