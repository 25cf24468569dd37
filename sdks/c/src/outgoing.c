#include "outgoing.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "constants.h"

/* Events of one call, each with its length before it: up to EE_BATCH_TARGET_BYTES, or one larger event. The bytes never
 * change, so libzmq's thread may read them while they are kept here for sending them again. */
struct ee_parcel {
  ee_parcel *next;
  atomic_size_t references; /* the list, and each message under way */
  uint64_t last_id;
  size_t size;
  unsigned char bytes[];
};

static void release(void *bytes, void *hint) {
  ee_parcel *parcel = hint;
  (void)bytes;
  if (atomic_fetch_sub_explicit(&parcel->references, 1, memory_order_acq_rel) == 1) free(parcel);
}

/* Whether an event may join a batch that has so many bytes. */
static bool joins(size_t batch_size, size_t event_size) {
  return event_size <= EE_BATCH_TARGET_BYTES && batch_size + EE_LENGTH_BYTES + event_size <= EE_BATCH_TARGET_BYTES;
}

/* ---- adding ------------------------------------------------------------------------------------------------- */

static unsigned char *pack(unsigned char *to, const ee_bytes *event) {
  size_t size = event->size;
  to[0] = (unsigned char)(size >> 24);
  to[1] = (unsigned char)(size >> 16);
  to[2] = (unsigned char)(size >> 8);
  to[3] = (unsigned char)size;
  if (size > 0) memcpy(to + EE_LENGTH_BYTES, event->data, size);
  return to + EE_LENGTH_BYTES + size;
}

/* Makes a parcel of as many of the events as fit, and gives their number. */
static ee_parcel *make_parcel(const ee_bytes *events, size_t count, size_t *taken) {
  size_t fitting = 1, size = EE_LENGTH_BYTES + events[0].size;
  while (fitting < count && joins(size, events[fitting].size)) size += EE_LENGTH_BYTES + events[fitting++].size;
  ee_parcel *parcel = malloc(sizeof *parcel + size);
  if (!parcel) return NULL;
  parcel->next = NULL;
  atomic_init(&parcel->references, 1);
  parcel->size = size;
  unsigned char *to = parcel->bytes;
  for (size_t i = 0; i < fitting; i++) to = pack(to, &events[i]);
  *taken = fitting;
  return parcel;
}

static void free_list(ee_parcel *parcel) {
  while (parcel) {
    ee_parcel *next = parcel->next;
    release(NULL, parcel);
    parcel = next;
  }
}

bool ee_outgoing_add(ee_outgoing *outgoing, const ee_bytes *events, size_t count) {
  ee_parcel *first = NULL, **next = &first, *last = NULL;
  uint64_t id = outgoing->last_id;
  for (size_t taken; count > 0; events += taken, count -= taken) {
    last = make_parcel(events, count, &taken);
    if (!last) {
      free_list(first);
      return false;
    }
    last->last_id = id += taken;
    *next = last;
    next = &last->next;
  }
  if (!first) return true;
  if (outgoing->last) outgoing->last->next = first;
  if (!outgoing->settled.parcel) outgoing->settled.parcel = first;
  if (!outgoing->sent.parcel) outgoing->sent.parcel = first;
  outgoing->last = last;
  outgoing->last_id = id;
  return true;
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

/* The size of the event behind a mark. */
static size_t size_at(const ee_mark *mark) { return ee_length(mark->parcel->bytes + mark->offset); }

/* Moves a mark behind the next event; gives that event's size. */
static size_t step(ee_mark *mark) {
  size_t size = size_at(mark);
  mark->offset += EE_LENGTH_BYTES + size;
  if (++mark->id == mark->parcel->last_id) {
    mark->parcel = mark->parcel->next;
    mark->offset = 0;
  }
  return size;
}

/* Whether one more event may be unanswered. */
static bool has_room(const ee_outgoing *outgoing, uint64_t id, size_t bytes, size_t size) {
  uint64_t unanswered = id - outgoing->settled.id;
  if (unanswered == 0) return true;
  return unanswered < outgoing->window && bytes <= outgoing->window_bytes && size <= outgoing->window_bytes - bytes;
}

/* Makes a payload of the packed bytes from a mark on; `skip` leaves out the length of a single event. */
static bool make_payload(const ee_mark *from, size_t size, size_t skip, zmq_msg_t *payload) {
  ee_parcel *parcel = from->parcel;
  if (size <= parcel->size - from->offset) { /* most often: without a copy */
    if (zmq_msg_init_data(payload, parcel->bytes + from->offset + skip, size - skip, release, parcel) != 0)
      return false;
    atomic_fetch_add_explicit(&parcel->references, 1, memory_order_relaxed);
    return true;
  }
  if (zmq_msg_init_size(payload, size) != 0) return false;
  unsigned char *to = zmq_msg_data(payload);
  for (size_t offset = from->offset; size > 0; parcel = parcel->next, offset = 0) {
    size_t part = parcel->size - offset < size ? parcel->size - offset : size;
    memcpy(to, parcel->bytes + offset, part);
    to += part;
    size -= part;
  }
  return true;
}

bool ee_outgoing_take(ee_outgoing *outgoing, ee_slice *slice) {
  ee_mark mark = outgoing->sent;
  size_t bytes = outgoing->unanswered_bytes, packed = 0;
  slice->count = 0;
  while (mark.parcel && has_room(outgoing, mark.id, bytes, size_at(&mark)) &&
         (slice->count == 0 || joins(packed, size_at(&mark)))) {
    size_t size = step(&mark);
    bytes += size;
    packed += EE_LENGTH_BYTES + size;
    slice->count++;
  }
  if (slice->count == 0) return true;
  if (!make_payload(&outgoing->sent, packed, slice->count == 1 ? EE_LENGTH_BYTES : 0, &slice->payload)) return false;
  slice->first_id = outgoing->sent.id + 1;
  outgoing->sent = mark;
  outgoing->unanswered_bytes = bytes;
  if (mark.id > outgoing->highest_sent) outgoing->highest_sent = mark.id;
  return true;
}

bool ee_outgoing_resume(ee_outgoing *outgoing, uint64_t id) {
  if (id < outgoing->settled.id || id > outgoing->highest_sent) return false;
  outgoing->sent = outgoing->settled;
  outgoing->unanswered_bytes = 0;
  while (outgoing->sent.id < id) outgoing->unanswered_bytes += step(&outgoing->sent);
  return true;
}

/* ---- settling ----------------------------------------------------------------------------------------------- */

bool ee_outgoing_settle(ee_outgoing *outgoing, uint64_t id) {
  if (id > outgoing->sent.id) return false;
  while (outgoing->settled.id < id) {
    ee_parcel *parcel = outgoing->settled.parcel;
    outgoing->unanswered_bytes -= step(&outgoing->settled);
    if (outgoing->settled.parcel != parcel) {
      if (outgoing->last == parcel) outgoing->last = NULL;
      release(NULL, parcel);
    }
  }
  return true;
}

void ee_outgoing_settle_all(ee_outgoing *outgoing) {
  ee_outgoing_free(outgoing);
  outgoing->settled.id = outgoing->sent.id = outgoing->last_id;
}

void ee_outgoing_free(ee_outgoing *outgoing) {
  free_list(outgoing->settled.parcel);
  outgoing->settled.parcel = outgoing->sent.parcel = outgoing->last = NULL;
  outgoing->unanswered_bytes = 0;
}
