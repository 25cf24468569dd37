#include "incoming.h"

#include <stdlib.h>

#include "constants.h"
#include "outgoing.h"

static ee_incoming *allocate(zmq_msg_t *payload, size_t count) {
  ee_incoming *incoming = malloc(sizeof *incoming + count * sizeof incoming->events[0]);
  if (!incoming) return NULL;
  incoming->next = NULL;
  atomic_init(&incoming->references, 1);
  incoming->count = count;
  incoming->position = 0;
  zmq_msg_init(&incoming->payload);
  zmq_msg_move(&incoming->payload, payload); /* the bytes of a short message move, so look at them only afterwards */
  return incoming;
}

static void set(ee_incoming *incoming, size_t index, const void *data, size_t size) {
  incoming->events[index] = (ee_event){.data = data, .size = size, .owner = incoming};
}

ee_incoming *ee_incoming_single(zmq_msg_t *payload) {
  ee_incoming *incoming = allocate(payload, 1);
  if (incoming) set(incoming, 0, zmq_msg_data(&incoming->payload), zmq_msg_size(&incoming->payload));
  return incoming;
}

ee_unpacked ee_incoming_packed(zmq_msg_t *payload, uint64_t count, ee_incoming **result) {
  size_t size = zmq_msg_size(payload);
  if (size > EE_BATCH_MAX_BYTES) return EE_UNPACKED_TOO_LARGE;
  /* Each event takes its length at least: that bounds the memory which a number in a header can ask for. */
  if (count == 0 || count > size / EE_LENGTH_BYTES) return EE_UNPACKED_MALFORMED;
  ee_incoming *incoming = allocate(payload, (size_t)count);
  if (!incoming) return EE_UNPACKED_NO_MEMORY;
  const unsigned char *bytes = zmq_msg_data(&incoming->payload);
  size_t at = 0, index = 0;
  while (index < incoming->count && size - at >= EE_LENGTH_BYTES) {
    size_t length = ee_length(bytes + at);
    at += EE_LENGTH_BYTES;
    if (length > size - at) break;
    set(incoming, index++, bytes + at, length);
    at += length;
  }
  if (index < incoming->count || at < size) {
    zmq_msg_move(payload, &incoming->payload);
    ee_incoming_release(incoming);
    return EE_UNPACKED_MALFORMED;
  }
  *result = incoming;
  return EE_UNPACKED;
}

ee_event *ee_incoming_take(ee_incoming *incoming) {
  atomic_fetch_add_explicit(&incoming->references, 1, memory_order_relaxed);
  return &incoming->events[incoming->position++];
}

void ee_incoming_release(ee_incoming *incoming) {
  if (atomic_fetch_sub_explicit(&incoming->references, 1, memory_order_acq_rel) == 1) {
    zmq_msg_close(&incoming->payload);
    free(incoming);
  }
}

const void *ee_event_data(const ee_event *event) { return event && event->data ? event->data : ""; }

size_t ee_event_size(const ee_event *event) { return event ? event->size : 0; }

uint64_t ee_event_sequence(const ee_event *event) { return event ? event->sequence : 0; }

bool ee_event_redelivered(const ee_event *event) { return event && event->redelivered; }

void ee_event_free(ee_event *event) {
  if (event) ee_incoming_release(event->owner);
}
