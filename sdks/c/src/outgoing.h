/* Published events: packed, kept until the engine has accepted them, sent in slices as its window allows. */
#ifndef EE_OUTGOING_H
#define EE_OUTGOING_H

#include <zmq.h>

#include "event_engine.h"

/* Bytes before each event of a packed payload. */
#define EE_LENGTH_BYTES 4

/* The big-endian length at `bytes`. */
static inline size_t ee_length(const unsigned char *bytes) {
  return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | (size_t)bytes[3];
}

typedef struct ee_parcel ee_parcel;

/* A place between two events: everything to `id` lies before it. */
typedef struct ee_mark {
  ee_parcel *parcel; /* holds the event id + 1; NULL if there is none yet */
  size_t offset;
  uint64_t id;
} ee_mark;

typedef struct ee_outgoing {
  ee_parcel *last;
  uint64_t last_id;        /* of all that was published */
  ee_mark settled, sent;   /* accepted by the engine; sent on this connection */
  uint64_t highest_sent;   /* sent on any connection */
  size_t unanswered_bytes; /* of the events between `settled` and `sent` */
  uint64_t window;         /* events that may be unanswered */
  uint64_t window_bytes;   /* their bytes; one event is always allowed */
} ee_outgoing;

/* Adds events behind those that wait. False: no memory, and nothing was added. */
bool ee_outgoing_add(ee_outgoing *outgoing, const ee_bytes *events, size_t count);

/* A message's worth of events: as many as the window and EE_BATCH_TARGET_BYTES allow. */
typedef struct ee_slice {
  uint64_t first_id;
  size_t count; /* 0: nothing to send, or the window is full */
  zmq_msg_t payload;
} ee_slice;

/* Takes the next slice. False: no memory, and nothing was taken. */
bool ee_outgoing_take(ee_outgoing *outgoing, ee_slice *slice);

/* Everything to `id` is accepted; true unless more than was sent. */
bool ee_outgoing_settle(ee_outgoing *outgoing, uint64_t id);

/* A new connection on which the engine has everything to `id`; false if it cannot. */
bool ee_outgoing_resume(ee_outgoing *outgoing, uint64_t id);

/* Everything is accepted. */
void ee_outgoing_settle_all(ee_outgoing *outgoing);

void ee_outgoing_free(ee_outgoing *outgoing);

#endif
