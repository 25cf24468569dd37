/* The envelope beside the client: a library of its own. */
#include <event_engine_envelope.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "operations.h"

/* For a missing attribute the text is its name, which the status says. */
static json_t *refused(ee_envelope_status status) {
  switch (status) {
    case EE_ENVELOPE_FILTER_MISMATCH: return failed("invalid", "filter-mismatch", ee_envelope_status_text(status));
    case EE_ENVELOPE_MALFORMED: return failed("invalid", "malformed", ee_envelope_status_text(status));
    case EE_ENVELOPE_MISSING_ID: return failed("invalid", "missing", "id");
    case EE_ENVELOPE_MISSING_SOURCE: return failed("invalid", "missing", "source");
    case EE_ENVELOPE_MISSING_TYPE: return failed("invalid", "missing", "type");
    case EE_ENVELOPE_INVALID: return failed("invalid", "", ee_envelope_status_text(status));
    default: return failed("other", "", ee_envelope_status_text(status));
  }
}

static json_t *do_seal(const json_t *request, ee_client **client) {
  (void)client;
  const json_t *fields = json_object_get(request, "envelope"), *when = json_object_get(fields, "time"), *value;
  const char *name;
  json_object_foreach((json_t *)fields, name, value) {
    if (json_is_string(value) && strlen(json_string_value(value)) != json_string_length(value)) {
      return failed("unsupported", "", "a text of C ends at U+0000 and cannot hold it");
    }
  }
  bytes filter = from_base64(json_object_get(request, "filter")), data = from_hex(json_object_get(fields, "data"));
  ee_envelope envelope = {
      .id = json_string_value(json_object_get(fields, "id")),
      .source = json_string_value(json_object_get(fields, "source")),
      .type = json_string_value(json_object_get(fields, "type")),
      .has_time = json_is_object(when),
      .time_seconds = json_integer_value(json_object_get(when, "seconds")),
      .time_nanos = (int32_t)json_integer_value(json_object_get(when, "nanos")),
      .datacontenttype = json_string_value(json_object_get(fields, "datacontenttype")),
      .subject = json_string_value(json_object_get(fields, "subject")),
      .cause_id = json_string_value(json_object_get(fields, "cause_id")),
      .data = data.data,
      .data_size = data.size,
  };
  void *event;
  size_t size;
  ee_envelope_status status = ee_envelope_seal(filter.data, filter.size, &envelope, &event, &size);
  json_t *answer =
      status == EE_ENVELOPE_OK ? succeeded(json_pack("{s:o}", "event", to_base64(event, size))) : refused(status);
  free(event);
  free(data.data);
  free(filter.data);
  return answer;
}

/* The text, or NULL if it is empty: then it is absent. */
static const char *filled(const char *text) { return *text ? text : NULL; }

static json_t *fields_of(const ee_envelope *envelope) {
  json_t *when = NULL;
  if (envelope->has_time) {
    when = json_pack("{s:I,s:i}", "seconds", (json_int_t)envelope->time_seconds, "nanos", (int)envelope->time_nanos);
  }
  json_t *data = envelope->data_size ? to_hex(envelope->data, envelope->data_size) : NULL;
  return json_pack("{s:s,s:s,s:s,s:o*,s:s*,s:s*,s:s*,s:o*}", "id", envelope->id, "source", envelope->source, "type",
                   envelope->type, "time", when, "datacontenttype", filled(envelope->datacontenttype), "subject",
                   filled(envelope->subject), "cause_id", filled(envelope->cause_id), "data", data);
}

static json_t *do_open(const json_t *request, ee_client **client) {
  (void)client;
  bytes filter = from_base64(json_object_get(request, "filter")),
        event = from_base64(json_object_get(request, "event"));
  ee_envelope *envelope;
  ee_envelope_status status = ee_envelope_open(filter.data, filter.size, event.data, event.size, &envelope);
  json_t *answer =
      status == EE_ENVELOPE_OK ? succeeded(json_pack("{s:o}", "envelope", fields_of(envelope))) : refused(status);
  ee_envelope_free(envelope);
  free(event.data);
  free(filter.data);
  return answer;
}

const named_operation envelope_operations[] = {
    {"seal", do_seal, false},
    {"open", do_open, false},
    {NULL, NULL, false},
};
