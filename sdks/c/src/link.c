#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "constants.h"
#include "descriptor.h"

/* libzmq's own reconnection, put off until long after the socket is closed. Switching it off with -1 would also throw
 * away what came and was not yet read when a connection ends, a last event or `bye` for example. */
#define RECONNECT_LATE_MS (1 << 29)

/* How long one address may take to connect and finish its handshake before the next one is tried. */
#define TRY_MS 5000

void ee_link_init(ee_link *link, void *context, const ee_endpoint *endpoint, int heartbeat_ms, uint32_t random) {
  *link = (ee_link){
      .context = context,
      .endpoint = *endpoint,
      .heartbeat_ms = heartbeat_ms,
      .state = EE_LINK_WAITING,
      .pause_ms = EE_RECONNECT_MIN_MS,
      .random = random | 1,
  };
}

void ee_link_seed(ee_link *link, const ee_addresses *addresses, size_t first) {
  link->addresses = *addresses;
  link->next_address = first;
}

/* ---- the socket --------------------------------------------------------------------------------------------- */

static bool set(void *socket, int option, int value) {
  return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool configure(ee_link *link, void *socket, bool ipv6) {
  /* High-water marks of 0: the session's windows bound what is under way, and basic has one request at a time. */
  return set(socket, ZMQ_RECONNECT_IVL, RECONNECT_LATE_MS) && set(socket, ZMQ_LINGER, 0) &&
         set(socket, ZMQ_SNDHWM, 0) && set(socket, ZMQ_RCVHWM, 0) && set(socket, ZMQ_IPV6, ipv6) &&
         set(socket, ZMQ_HANDSHAKE_IVL, TRY_MS) && set(socket, ZMQ_HEARTBEAT_IVL, link->heartbeat_ms) &&
         set(socket, ZMQ_HEARTBEAT_TIMEOUT, link->heartbeat_ms);
}

/* Without a high-water mark at the monitor: libzmq's I/O thread would block on one that is full. */
static bool watch(ee_link *link) {
  char name[64];
  /* The counter, since a name is free again only some time after its socket was closed. */
  snprintf(name, sizeof name, "inproc://event-engine-monitor-%p-%u", (void *)link, link->sockets++);
  int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED |
               ZMQ_EVENT_CLOSED;
  link->monitor = zmq_socket(link->context, ZMQ_PAIR);
  return link->monitor && set(link->monitor, ZMQ_RCVHWM, 0) && set(link->monitor, ZMQ_LINGER, 0) &&
         zmq_socket_monitor(link->socket, name, events) == 0 && zmq_connect(link->monitor, name) == 0;
}

void ee_link_close(ee_link *link, int linger_ms) {
  if (link->socket) {
    /* The monitor is stopped before its other end is closed, or libzmq's I/O thread can block on it. */
    set(link->socket, ZMQ_LINGER, linger_ms);
    zmq_socket_monitor(link->socket, NULL, 0);
  }
  if (link->monitor) zmq_close(link->monitor);
  if (link->socket) zmq_close(link->socket);
  link->socket = link->monitor = NULL;
  ee_lookup_end(link->lookup);
  link->lookup = NULL;
  link->state = EE_LINK_WAITING;
  link->until = 0;
}

void ee_link_drop(ee_link *link) { ee_link_close(link, 0); }

/* ---- tries -------------------------------------------------------------------------------------------------- */

/* Waits before the next try: twice as long each time, half of it at random. */
static void pause_before_next(ee_link *link) {
  link->random ^= link->random << 13;
  link->random ^= link->random >> 17;
  link->random ^= link->random << 5;
  int64_t half = link->pause_ms / 2;
  link->until = ee_now_ms() + half + (int64_t)(link->random % (uint32_t)(half + 1));
  link->pause_ms = link->pause_ms * 2 < EE_RECONNECT_MAX_MS ? link->pause_ms * 2 : EE_RECONNECT_MAX_MS;
}

/* A try has failed. The next address is tried at once, the first one again after a pause. */
static ee_news failed(ee_link *link, ee_news news) {
  ee_link_drop(link);
  if (news == EE_NEWS_NO_MEMORY || link->next_address >= link->addresses.count) pause_before_next(link);
  return news;
}

static ee_news open_next(ee_link *link) {
  const ee_address *address = &link->addresses.list[link->next_address++];
  char text[EE_ADDRESS_TEXT_SIZE];
  ee_address_text(address, text, sizeof text);
  link->lost = false;
  link->socket = zmq_socket(link->context, ZMQ_DEALER);
  if (!link->socket || !configure(link, link->socket, address->socket_address.ss_family == AF_INET6) || !watch(link)) {
    return failed(link, EE_NEWS_NO_MEMORY);
  }
  if (zmq_connect(link->socket, text) != 0) return failed(link, EE_TRY_FAILED);
  link->state = EE_LINK_OPENING;
  link->until = ee_now_ms() + TRY_MS;
  return EE_NO_NEWS;
}

static ee_news begin(ee_link *link) {
  if (link->next_address < link->addresses.count) return open_next(link);
  link->lookup = ee_lookup_begin(&link->endpoint); /* names may have moved: containers come back elsewhere */
  if (!link->lookup) return failed(link, EE_NEWS_NO_MEMORY);
  link->state = EE_LINK_RESOLVING;
  return EE_NO_NEWS;
}

static bool is_readable(int descriptor) {
  zmq_pollitem_t item = {.fd = descriptor, .events = ZMQ_POLLIN};
  return zmq_poll(&item, 1, 0) > 0;
}

static ee_news resolved(ee_link *link) {
  if (!is_readable(ee_lookup_descriptor(link->lookup))) return EE_NO_NEWS;
  int status = ee_lookup_result(link->lookup, &link->addresses);
  ee_lookup_end(link->lookup);
  link->lookup = NULL;
  link->next_address = 0;
  if (status != 0) {
    link->addresses.count = 0;
    return failed(link, EE_TRY_FAILED);
  }
  return open_next(link);
}

/* Reads the monitor; gives the last event, 0 if there is none. Everything that is no success is an end. */
static unsigned monitored(ee_link *link) {
  unsigned event = 0;
  for (;;) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, link->monitor, ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(&frame);
      if (errno == EINTR) continue;
      return event;
    }
    if (zmq_msg_more(&frame) && zmq_msg_size(&frame) >= sizeof(uint16_t)) { /* the other frame is the address */
      uint16_t number;
      memcpy(&number, zmq_msg_data(&frame), sizeof number);
      event = number;
    }
    zmq_msg_close(&frame);
  }
}

static ee_news watched(ee_link *link) {
  unsigned event = monitored(link);
  if (link->state == EE_LINK_OPENING) {
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      link->state = EE_LINK_UP;
      link->pause_ms = EE_RECONNECT_MIN_MS;
      link->next_address--; /* this address is good */
      return EE_CAME_UP;
    }
    return event || ee_now_ms() >= link->until ? failed(link, EE_TRY_FAILED) : EE_NO_NEWS;
  }
  if (!link->lost) {
    link->lost = event != 0;
    return link->lost ? EE_LAST_CALL : EE_NO_NEWS;
  }
  link->next_address = link->addresses.count; /* resolve again */
  ee_link_drop(link);
  pause_before_next(link);
  return EE_WENT_DOWN;
}

ee_news ee_link_step(ee_link *link) {
  switch (link->state) {
    case EE_LINK_WAITING: return link->until == 0 || ee_now_ms() >= link->until ? begin(link) : EE_NO_NEWS;
    case EE_LINK_RESOLVING: return resolved(link);
    default: return watched(link);
  }
}

int ee_link_poll(const ee_link *link, zmq_pollitem_t *items, int64_t *deadline) {
  bool timed = link->state == EE_LINK_WAITING || link->state == EE_LINK_OPENING;
  if (timed && link->until < *deadline) *deadline = link->until;
  switch (link->state) {
    case EE_LINK_WAITING: return 0;
    case EE_LINK_RESOLVING:
      items[0] = (zmq_pollitem_t){.fd = ee_lookup_descriptor(link->lookup), .events = ZMQ_POLLIN};
      return 1;
    default:
      items[0] = (zmq_pollitem_t){.socket = link->monitor, .events = ZMQ_POLLIN};
      items[1] = (zmq_pollitem_t){.socket = link->socket, .events = ZMQ_POLLIN};
      return link->state == EE_LINK_UP ? 2 : 1;
  }
}

/* ---- messages ----------------------------------------------------------------------------------------------- */

void ee_link_send(ee_link *link, zmq_msg_t *frame, bool more) {
  int result = -1;
  while (!link->lost && (result = zmq_msg_send(frame, link->socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0))) < 0) {
    link->lost = errno != EINTR;
  }
  if (result < 0) zmq_msg_close(frame);
}

void ee_link_send_bytes(ee_link *link, const void *bytes, size_t size, bool more) {
  zmq_msg_t frame;
  if (zmq_msg_init_size(&frame, size) != 0) {
    link->lost = true;
    return;
  }
  if (size > 0) memcpy(zmq_msg_data(&frame), bytes, size);
  ee_link_send(link, &frame, more);
}

size_t ee_link_receive(ee_link *link, zmq_msg_t *frames, size_t capacity) {
  size_t count = 0;
  for (;;) {
    zmq_msg_t surplus, *frame = count < capacity ? &frames[count] : &surplus;
    if (frame == &surplus) zmq_msg_init(&surplus);
    int result = zmq_msg_recv(frame, link->socket, ZMQ_DONTWAIT);
    bool more = result >= 0 && zmq_msg_more(frame);
    if (frame == &surplus) zmq_msg_close(&surplus);
    if (result < 0) {
      if (errno == EINTR) continue;
      return 0;
    }
    count++;
    if (!more) return count;
  }
}
