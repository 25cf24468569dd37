/* Replays spec/vectors/envelope.json; its path is in VECTORS. */

#include "check.h"
#include "event_engine_envelope.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  unsigned char *bytes;
  size_t size;
} buffer;

static unsigned char digit(char c) { return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10); }

static buffer unhex(const char *text) {
  buffer out = {NULL, strlen(text) / 2};
  out.bytes = malloc(out.size + 1);
  if (out.bytes == NULL) abort();
  for (size_t index = 0; index < out.size; index++) {
    out.bytes[index] = (unsigned char)(digit(text[2 * index]) << 4 | digit(text[2 * index + 1]));
  }
  return out;
}

static const char *text_at(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text != NULL ? text : "";
}

/* Its data is to be freed. */
static ee_envelope envelope_of(const json_t *attributes) {
  const json_t *time = json_object_get(attributes, "time");
  buffer data = unhex(text_at(attributes, "data"));
  return (ee_envelope){
      .id = text_at(attributes, "id"),
      .source = text_at(attributes, "source"),
      .type = text_at(attributes, "type"),
      .has_time = time != NULL,
      .time_seconds = json_integer_value(json_object_get(time, "seconds")),
      .time_nanos = (int32_t)json_integer_value(json_object_get(time, "nanos")),
      .datacontenttype = text_at(attributes, "datacontenttype"),
      .subject = text_at(attributes, "subject"),
      .cause_id = text_at(attributes, "cause_id"),
      .data = data.bytes,
      .data_size = data.size,
  };
}

static bool same(const ee_envelope *a, const ee_envelope *b) {
  return strcmp(a->id, b->id) == 0 && strcmp(a->source, b->source) == 0 && strcmp(a->type, b->type) == 0 &&
         a->has_time == b->has_time && a->time_seconds == b->time_seconds && a->time_nanos == b->time_nanos &&
         strcmp(a->datacontenttype, b->datacontenttype) == 0 && strcmp(a->subject, b->subject) == 0 &&
         strcmp(a->cause_id, b->cause_id) == 0 && a->data_size == b->data_size &&
         memcmp(a->data, b->data, a->data_size) == 0;
}

static ee_envelope_status status_of(const json_t *expect) {
  const char *error = text_at(expect, "error");
  const char *attribute = text_at(expect, "attribute");
  if (strcmp(error, "") == 0) return EE_ENVELOPE_OK;
  if (strcmp(error, "filter-mismatch") == 0) return EE_ENVELOPE_FILTER_MISMATCH;
  if (strcmp(error, "malformed") == 0) return EE_ENVELOPE_MALFORMED;
  if (strcmp(attribute, "id") == 0) return EE_ENVELOPE_MISSING_ID;
  if (strcmp(attribute, "source") == 0) return EE_ENVELOPE_MISSING_SOURCE;
  return EE_ENVELOPE_MISSING_TYPE;
}

static void replay_seal(const char *id, const json_t *given, const json_t *expect) {
  buffer filter = unhex(text_at(given, "filter"));
  ee_envelope sealed = envelope_of(json_object_get(given, "envelope"));
  void *event = NULL;
  size_t size = 0;
  ee_envelope_status status = ee_envelope_seal(filter.bytes, filter.size, &sealed, &event, &size);
  CHECK(status == status_of(expect), "%s: %s", id, ee_envelope_status_text(status));
  if (status == EE_ENVELOPE_OK) {
    buffer expected = unhex(text_at(expect, "event"));
    CHECK(size == expected.size && memcmp(event, expected.bytes, size) == 0, "%s", id);
    ee_envelope *opened = NULL;
    status = ee_envelope_open(filter.bytes, filter.size, event, size, &opened);
    CHECK(status == EE_ENVELOPE_OK && same(opened, &sealed), "%s: %s", id, ee_envelope_status_text(status));
    ee_envelope_free(opened);
    free(expected.bytes);
  }
  free(event);
  free((void *)sealed.data);
  free(filter.bytes);
}

static void replay_open(const char *id, const json_t *given, const json_t *expect) {
  buffer filter = unhex(text_at(given, "filter"));
  buffer event = unhex(text_at(given, "event"));
  ee_envelope *opened = NULL;
  ee_envelope_status status = ee_envelope_open(filter.bytes, filter.size, event.bytes, event.size, &opened);
  CHECK(status == status_of(expect), "%s: %s", id, ee_envelope_status_text(status));
  CHECK((opened != NULL) == (status == EE_ENVELOPE_OK), "%s", id);
  if (opened != NULL) {
    ee_envelope expected = envelope_of(json_object_get(expect, "envelope"));
    CHECK(same(opened, &expected), "%s", id);
    free((void *)expected.data);
  }
  ee_envelope_free(opened);
  free(event.bytes);
  free(filter.bytes);
}

/* Replays the vectors whose `given` has the key; returns how many. */
static int replay(const char *key, void (*one)(const char *, const json_t *, const json_t *)) {
  json_error_t error;
  json_t *file = json_load_file(VECTORS, 0, &error);
  CHECK(file != NULL, "%s:%d: %s", VECTORS, error.line, error.text);
  int replayed = 0;
  size_t index;
  json_t *vector;
  json_array_foreach(json_object_get(file, "vectors"), index, vector) {
    const json_t *given = json_object_get(vector, "given");
    if (json_object_get(given, key) == NULL) continue;
    one(text_at(vector, "id"), given, json_object_get(vector, "expect"));
    replayed++;
  }
  json_decref(file);
  return replayed;
}

void test_sealing_gives_the_bytes_of_the_vectors(void) {
  int replayed = replay("envelope", replay_seal);
  CHECK(replayed >= 15, "%d vectors", replayed);
}

void test_opening_gives_the_envelopes_and_errors_of_the_vectors(void) {
  int replayed = replay("event", replay_open);
  CHECK(replayed >= 50, "%d vectors", replayed);
}
