#include "probe.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* ZMTP 3: a greeting of 64 bytes, then the command READY with the properties. */
#define GREETING_SIZE 64
#define SHORT_COMMAND 0x04
#define READY_MAX 255

static const unsigned char greeting[GREETING_SIZE] = {
    0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L',
};

typedef struct dialogue {
  int descriptor;
  int64_t deadline;
  char *text;
} dialogue;

__attribute__((format(printf, 3, 4))) static ee_peer give_up(dialogue *dialogue, ee_peer peer, const char *format,
                                                             ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(dialogue->text, EE_TEXT_SIZE, format, arguments);
  va_end(arguments);
  return peer;
}

/* Waits; false when the deadline has passed. */
static bool ready(dialogue *dialogue, short events) {
  struct pollfd item = {.fd = dialogue->descriptor, .events = events};
  int count;
  do {
    count = poll(&item, 1, ee_wait_ms(dialogue->deadline));
  } while ((count < 0 && errno == EINTR) || (count == 0 && ee_now_ms() < dialogue->deadline));
  return count > 0;
}

/* Reads exactly `size` bytes. */
static bool read_exactly(dialogue *dialogue, unsigned char *to, size_t size) {
  while (size > 0) {
    if (!ready(dialogue, POLLIN)) {
      give_up(dialogue, EE_PEER_SILENT, "it accepts connections and does not answer");
      return false;
    }
    ssize_t count = recv(dialogue->descriptor, to, size, 0);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) {
      give_up(dialogue, EE_PEER_SILENT, "the connection was closed during the handshake");
      return false;
    }
    to += count;
    size -= (size_t)count;
  }
  return true;
}

/* Finds the property `Socket-Type`: each is a length, a name, a 4-byte length, a value. */
static ee_peer socket_type(dialogue *dialogue, const unsigned char *at, size_t size) {
  static const char name[] = "socket-type";
  while (size > 0) {
    size_t name_size = at[0];
    if (size < 1 + name_size + 4) break;
    const unsigned char *key = at + 1, *length = key + name_size, *value = length + 4;
    if (length[0] || length[1] || length[2] || length[3] > size - 1 - name_size - 4) break;
    size_t value_size = length[3], same = 0;
    while (name_size == sizeof name - 1 && same < name_size && (key[same] | 0x20) == name[same]) same++;
    if (same == sizeof name - 1) {
      if (value_size == 6 && memcmp(value, "ROUTER", 6) == 0) return EE_PEER_ROUTER;
      if (value_size == 3 && memcmp(value, "REP", 3) == 0) return EE_PEER_REP;
      char shown[32];
      ee_printable(shown, sizeof shown, value, value_size);
      return give_up(dialogue, EE_PEER_FOREIGN,
                     "a ZeroMQ socket of type %s listens there, which is not a plugin's port of an engine", shown);
    }
    at = value + value_size;
    size -= 1 + name_size + 4 + value_size;
  }
  return give_up(dialogue, EE_PEER_FOREIGN, "it does not say its socket type");
}

static ee_peer converse(dialogue *dialogue) {
  unsigned char bytes[READY_MAX];
  /* A connection that is just made takes 64 bytes at once. */
  if (send(dialogue->descriptor, greeting, sizeof greeting, MSG_NOSIGNAL) != (ssize_t)sizeof greeting) {
    return give_up(dialogue, EE_PEER_SILENT, "the connection was closed during the handshake");
  }
  if (!read_exactly(dialogue, bytes, 1)) return EE_PEER_SILENT;
  if (bytes[0] != 0xff) return give_up(dialogue, EE_PEER_FOREIGN, "what listens there does not speak ZeroMQ");
  if (!read_exactly(dialogue, bytes + 1, 10)) return EE_PEER_SILENT;
  if (!(bytes[9] & 1) || bytes[10] < 3) {
    return give_up(dialogue, EE_PEER_FOREIGN, "what listens there does not speak ZMTP 3");
  }
  if (!read_exactly(dialogue, bytes + 11, GREETING_SIZE - 11)) return EE_PEER_SILENT;
  if (memcmp(bytes + 12, greeting + 12, 20) != 0) {
    return give_up(dialogue, EE_PEER_FOREIGN, "it asks for encryption, which this client does not have");
  }
  if (!read_exactly(dialogue, bytes, 2)) return EE_PEER_SILENT;
  size_t size = bytes[1];
  if (bytes[0] != SHORT_COMMAND || size < 6) {
    return give_up(dialogue, EE_PEER_FOREIGN, "its handshake is not understood");
  }
  if (!read_exactly(dialogue, bytes, size)) return EE_PEER_SILENT;
  if (memcmp(bytes, "\5READY", 6) != 0) return give_up(dialogue, EE_PEER_FOREIGN, "it refuses the handshake");
  return socket_type(dialogue, bytes + 6, size - 6);
}

/* Where a send cannot be told to raise no signal, the socket is. */
static void without_signals(int descriptor) {
#ifdef SO_NOSIGPIPE
  int yes = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#else
  (void)descriptor;
#endif
}

/* Connects; gives 0 or an error number. */
static int establish(dialogue *dialogue, const ee_address *address) {
  if (!ee_non_blocking(dialogue->descriptor)) return errno;
  if (connect(dialogue->descriptor, (const struct sockaddr *)&address->socket_address, address->size) == 0) return 0;
  if (errno != EINPROGRESS && errno != EINTR) return errno;
  int problem = ETIMEDOUT;
  socklen_t size = sizeof problem;
  if (ready(dialogue, POLLOUT)) getsockopt(dialogue->descriptor, SOL_SOCKET, SO_ERROR, &problem, &size);
  return problem;
}

ee_peer ee_probe(const ee_address *address, int64_t deadline, char text[EE_TEXT_SIZE]) {
  dialogue dialogue = {.deadline = deadline, .text = text};
  dialogue.descriptor = socket(address->socket_address.ss_family, SOCK_STREAM, 0);
  if (dialogue.descriptor < 0) {
    bool unsupported = errno == EAFNOSUPPORT;
    return give_up(&dialogue, unsupported ? EE_PEER_UNREACHABLE : EE_PEER_NO_MEMORY, "no socket: %s", strerror(errno));
  }
  without_signals(dialogue.descriptor);
  int problem = establish(&dialogue, address);
  ee_peer peer = !problem ? converse(&dialogue)
                          : give_up(&dialogue, problem == ECONNREFUSED ? EE_PEER_REFUSED : EE_PEER_UNREACHABLE, "%s",
                                    strerror(problem));
  close(dialogue.descriptor);
  return peer;
}
