#include "envelope.pb-c.h"
#include "event_engine_envelope.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* protobuf-c allocates by these, so that all memory of the library comes from one place. */
static void *allocate(void *unused, size_t size) {
  (void)unused;
  return malloc(size);
}

static void release(void *unused, void *memory) {
  (void)unused;
  free(memory);
}

static const char *copy_text(char **at, const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = *at;
  memcpy(copy, text, size);
  *at += size;
  return copy;
}

/* One block: the struct, the data, the texts. NULL: no memory. */
static ee_envelope *copy(const EventEngine__Envelope *message, const ee_wire_time *time) {
  size_t size = sizeof(ee_envelope) + message->data.len + strlen(message->id) + strlen(message->source) +
                strlen(message->type) + strlen(message->datacontenttype) + strlen(message->subject) +
                strlen(message->cause_id) + 6;
  ee_envelope *envelope = malloc(size);
  if (envelope == NULL) return NULL;
  *envelope = (ee_envelope){0};
  char *at = (char *)(envelope + 1);
  if (message->data.len > 0) memcpy(at, message->data.data, message->data.len);
  envelope->data = at;
  envelope->data_size = message->data.len;
  at += message->data.len;
  envelope->id = copy_text(&at, message->id);
  envelope->source = copy_text(&at, message->source);
  envelope->type = copy_text(&at, message->type);
  envelope->datacontenttype = copy_text(&at, message->datacontenttype);
  envelope->subject = copy_text(&at, message->subject);
  envelope->cause_id = copy_text(&at, message->cause_id);
  if (message->time != NULL) {
    envelope->has_time = true;
    envelope->time_seconds = time->seconds;
    envelope->time_nanos = time->nanos;
  }
  return envelope;
}

ee_envelope_status ee_envelope_open(const void *filter, size_t filter_size, const void *event, size_t size,
                                    ee_envelope **envelope) {
  if (envelope == NULL) return EE_ENVELOPE_INVALID;
  *envelope = NULL;
  if ((filter == NULL && filter_size > 0) || (event == NULL && size > 0)) return EE_ENVELOPE_INVALID;
  if (filter_size > size) return EE_ENVELOPE_FILTER_MISMATCH;
  if (filter_size > 0 && memcmp(event, filter, filter_size) != 0) return EE_ENVELOPE_FILTER_MISMATCH;

  const uint8_t *body = size > filter_size ? (const uint8_t *)event + filter_size : (const uint8_t *)"";
  size_t body_size = size - filter_size;
  ee_wire_time time;
  if (!ee_wire_is_envelope(body, body_size, &time)) return EE_ENVELOPE_MALFORMED;
  ProtobufCAllocator allocator = {.alloc = allocate, .free = release};
  EventEngine__Envelope *message = event_engine__envelope__unpack(&allocator, body_size, body);
  /* It is well-formed, so memory is all that can be wrong. */
  if (message == NULL) return EE_ENVELOPE_NO_MEMORY;

  ee_envelope_status status = EE_ENVELOPE_OK;
  if (message->id[0] == '\0') {
    status = EE_ENVELOPE_MISSING_ID;
  } else if (message->source[0] == '\0') {
    status = EE_ENVELOPE_MISSING_SOURCE;
  } else if (message->type[0] == '\0') {
    status = EE_ENVELOPE_MISSING_TYPE;
  } else {
    *envelope = copy(message, &time);
    if (*envelope == NULL) status = EE_ENVELOPE_NO_MEMORY;
  }
  event_engine__envelope__free_unpacked(message, &allocator);
  return status;
}

void ee_envelope_free(ee_envelope *envelope) { free(envelope); }
