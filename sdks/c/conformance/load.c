/* Operations that move many events, so that the harness need not carry each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bytes.h"
#include "operations.h"

#define BATCH_EVENTS 500
#define BATCH_BYTES (16 << 20)
#define NUMBERS 100000000 /* of 8 digits */

static json_int_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (json_int_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static json_int_t integer(const json_t *request, const char *field) {
  return json_integer_value(json_object_get(request, field));
}

/* The prefix, the number, and dots up to the size. */
static ee_bytes numbered(bytes prefix, json_int_t value, size_t size) {
  size_t least = prefix.size + 8;
  if (size < least) size = least;
  char *event = allocate(size + 1, 1);
  memset(event, '.', size);
  memcpy(event, prefix.data, prefix.size);
  char number[24];
  snprintf(number, sizeof number, "%08lld", (long long)value);
  memcpy(event + prefix.size, number, 8);
  return (ee_bytes){event, size};
}

static json_t *do_flood(const json_t *request, ee_client **client) {
  bytes prefix = from_base64(json_object_get(request, "prefix"));
  json_int_t first = integer(request, "first"), left = integer(request, "count");
  size_t size = (size_t)integer(request, "size");
  ee_status status = EE_OK;
  uint64_t id = 0;
  json_int_t begun = now_us();
  while (status == EE_OK && left > 0) {
    ee_bytes batch[BATCH_EVENTS];
    size_t count = 0;
    for (size_t held = 0; left > 0 && count < BATCH_EVENTS && held < BATCH_BYTES; left--) {
      batch[count] = numbered(prefix, first++, size);
      held += batch[count++].size;
    }
    status = ee_publish_batch(*client, batch, count, EE_NO_TIMEOUT, &id);
    for (size_t i = 0; i < count; i++) free((void *)batch[i].data);
  }
  json_int_t us = now_us() - begun;
  free(prefix.data);
  if (status != EE_OK) return call_failed(status, *client);
  return succeeded(json_pack("{s:o*,s:I}", "id", id ? json_integer((json_int_t)id) : NULL, "us", us));
}

/* The number behind the first colon; -1 if none stands there. */
static long number_of(const ee_event *event) {
  const char *data = ee_event_data(event), *end = data + ee_event_size(event);
  const char *colon = memchr(data, ':', ee_event_size(event));
  if (!colon || end - colon < 9) return -1;
  long value = 0;
  for (int i = 1; i <= 8; i++) {
    if (colon[i] < '0' || colon[i] > '9') return -1;
    value = value * 10 + (colon[i] - '0');
  }
  return value;
}

static json_t *number_or_null(long number) { return number < 0 ? json_null() : json_integer(number); }

static json_t *do_drain(const json_t *request, ee_client **client) {
  json_int_t wanted = integer(request, "count"), count = 0, distinct = 0, redelivered = 0, begun = 0, last_us = 0;
  unsigned char *seen = allocate(NUMBERS / 8, 1); /* a bit each */
  long first = -1, last = -1;
  bool in_order = true, strange = false;
  ee_status status = EE_OK;
  ee_event *event;
  while (!strange && distinct < wanted && (status = ee_next_event(*client, timeout_of(request), &event)) == EE_OK) {
    long number = number_of(event);
    redelivered += ee_event_redelivered(event);
    ee_event_free(event);
    strange = number < 0;
    if (strange) break;
    last_us = now_us();
    if (count++ == 0) first = number, begun = last_us;
    in_order = in_order && number > last;
    last = number;
    distinct += !(seen[number / 8] >> number % 8 & 1);
    seen[number / 8] |= (unsigned char)(1 << number % 8);
  }
  free(seen);
  if (strange) return failed("other", "", "an event came that has no 8 digits behind a colon");
  if (status != EE_OK && (status != EE_TIMEOUT || is_cancelled())) return call_failed(status, *client);
  return succeeded(json_pack("{s:I,s:I,s:b,s:o,s:o,s:I,s:I}", "count", count, "distinct", distinct, "in_order",
                             in_order, "first", number_or_null(first), "last", number_or_null(last), "redelivered",
                             redelivered, "us", last_us - begun));
}

static json_t *do_round_trips(const json_t *request, ee_client **client) {
  bytes prefix = from_base64(json_object_get(request, "prefix"));
  json_int_t count = integer(request, "count");
  size_t size = (size_t)integer(request, "size");
  json_t *us = json_array();
  ee_status status = EE_OK;
  for (json_int_t i = 0; status == EE_OK && i < count; i++) {
    ee_bytes sent = numbered(prefix, i, size);
    ee_event *event = NULL;
    json_int_t begun = now_us();
    status = ee_publish(*client, sent.data, sent.size, EE_NO_TIMEOUT, NULL);
    if (status == EE_OK) status = ee_next_event(*client, EE_NO_TIMEOUT, &event);
    json_array_append_new(us, json_integer(now_us() - begun));
    ee_event_free(event);
    free((void *)sent.data);
  }
  free(prefix.data);
  if (status == EE_OK) return succeeded(json_pack("{s:o}", "us", us));
  json_decref(us);
  return call_failed(status, *client);
}

const named_operation load_operations[] = {
    {"flood", do_flood, true},
    {"drain", do_drain, true},
    {"round_trips", do_round_trips, true},
    {NULL, NULL, false},
};
