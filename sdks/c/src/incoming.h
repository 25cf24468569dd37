/* A received payload and the events in it. */
#ifndef EE_INCOMING_H
#define EE_INCOMING_H

#include <stdatomic.h>
#include <zmq.h>

#include "event_engine.h"

typedef struct ee_incoming ee_incoming;

struct ee_event {
  const void *data;
  size_t size;
  uint64_t sequence;
  ee_incoming *owner;
  bool redelivered;
};

/* One allocation holds the payload's handle and all of its events. It lives until the queue has let go of it and each
 * event that was handed out is freed. */
struct ee_incoming {
  ee_incoming *next;
  atomic_size_t references;
  zmq_msg_t payload;
  size_t count, position; /* events, and how many of them were taken or skipped */
  ee_event events[];
};

/* Takes over a payload that is one event. NULL: no memory, and the payload is still the caller's. */
ee_incoming *ee_incoming_single(zmq_msg_t *payload);

typedef enum ee_unpacked {
  EE_UNPACKED,
  EE_UNPACKED_TOO_LARGE,
  EE_UNPACKED_MALFORMED,
  EE_UNPACKED_NO_MEMORY
} ee_unpacked;

/* Takes over a payload of `count` packed events: each a 4-byte big-endian length and that many bytes, exactly to the
 * end. The payload is still the caller's unless the result is EE_UNPACKED. */
ee_unpacked ee_incoming_packed(zmq_msg_t *payload, uint64_t count, ee_incoming **incoming);

/* Hands out the next event; only if position < count. */
ee_event *ee_incoming_take(ee_incoming *incoming);

/* Lets go of it: as the queue, or for one event. Any thread. */
void ee_incoming_release(ee_incoming *incoming);

#endif
