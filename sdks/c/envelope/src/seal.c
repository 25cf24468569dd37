#include "envelope.pb-c.h"
#include "event_engine_envelope.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An absent text is the empty one. protobuf-c does not write to what it packs, though its structs are not const. */
static char *text_of(const char *text) { return (char *)(text != NULL ? text : ""); }

static ee_envelope_status check(const EventEngine__Envelope *message) {
  if (message->id[0] == '\0') return EE_ENVELOPE_MISSING_ID;
  if (message->source[0] == '\0') return EE_ENVELOPE_MISSING_SOURCE;
  if (message->type[0] == '\0') return EE_ENVELOPE_MISSING_TYPE;
  const char *texts[] = {message->id,      message->source,  message->type, message->datacontenttype,
                         message->subject, message->cause_id};
  for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
    if (!ee_wire_is_text((const uint8_t *)texts[index], strlen(texts[index]))) return EE_ENVELOPE_MALFORMED;
  }
  if (message->time != NULL && !ee_wire_is_time(message->time->seconds, message->time->nanos)) {
    return EE_ENVELOPE_MALFORMED;
  }
  /* protobuf's own limit. */
  if (message->data.len > INT32_MAX || event_engine__envelope__get_packed_size(message) > INT32_MAX) {
    return EE_ENVELOPE_INVALID;
  }
  return EE_ENVELOPE_OK;
}

ee_envelope_status ee_envelope_seal(const void *filter, size_t filter_size, const ee_envelope *envelope, void **event,
                                    size_t *size) {
  if (event != NULL) *event = NULL;
  if (size != NULL) *size = 0;
  if (event == NULL || size == NULL || envelope == NULL) return EE_ENVELOPE_INVALID;
  if (filter == NULL && filter_size > 0) return EE_ENVELOPE_INVALID;
  if (envelope->data == NULL && envelope->data_size > 0) return EE_ENVELOPE_INVALID;

  EventEngine__Timestamp time = EVENT_ENGINE__TIMESTAMP__INIT;
  time.seconds = envelope->time_seconds;
  time.nanos = envelope->time_nanos;
  EventEngine__Envelope message = EVENT_ENGINE__ENVELOPE__INIT;
  message.id = text_of(envelope->id);
  message.source = text_of(envelope->source);
  message.type = text_of(envelope->type);
  message.time = envelope->has_time ? &time : NULL;
  message.datacontenttype = text_of(envelope->datacontenttype);
  message.subject = text_of(envelope->subject);
  message.cause_id = text_of(envelope->cause_id);
  message.data.data = (uint8_t *)envelope->data;
  message.data.len = envelope->data_size;
  ee_envelope_status status = check(&message);
  if (status != EE_ENVELOPE_OK) return status;

  size_t packed = event_engine__envelope__get_packed_size(&message);
  if (filter_size > SIZE_MAX - packed) return EE_ENVELOPE_INVALID;
  uint8_t *bytes = malloc(filter_size + packed);
  if (bytes == NULL) return EE_ENVELOPE_NO_MEMORY;
  if (filter_size > 0) memcpy(bytes, filter, filter_size);
  event_engine__envelope__pack(&message, bytes + filter_size);
  *event = bytes;
  *size = filter_size + packed;
  return EE_ENVELOPE_OK;
}

void ee_envelope_set_time_now(ee_envelope *envelope) {
  struct timespec now;
  if (envelope == NULL || timespec_get(&now, TIME_UTC) == 0) return;
  envelope->has_time = true;
  envelope->time_seconds = (int64_t)now.tv_sec;
  envelope->time_nanos = (int32_t)now.tv_nsec;
}
