/* Each operation is one call of the client. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "operations.h"

/* ---- answers ------------------------------------------------------------------------------------------------ */

json_t *succeeded(json_t *fields) { return json_pack("{s:o}", "ok", fields); }

/* The text as JSON can carry it: what the client quotes from a peer need not be UTF-8. */
static json_t *readable(const char *text) {
  json_t *result = json_string(text);
  if (result) return result;
  char *copy = strdup(text);
  for (char *at = copy; at && *at; at++) {
    if ((unsigned char)*at >= 0x80) *at = '?';
  }
  result = json_string(copy);
  free(copy);
  return result;
}

json_t *failed(const char *kind, const char *code, const char *text) {
  json_t *code_or_none = *code ? readable(code) : NULL;
  return json_pack("{s:{s:s,s:o*,s:o}}", "error", "kind", kind, "code", code_or_none, "text", readable(text));
}

static json_t *status_failed(ee_status status, const ee_client *client) {
  static const char *const kinds[] = {
      [EE_TIMEOUT] = "timeout",   [EE_CLOSED] = "closed",       [EE_REJECTED] = "rejected",
      [EE_PROTOCOL] = "protocol", [EE_TRANSPORT] = "transport", [EE_INVALID] = "invalid",
  };
  bool documented = status > EE_OK && status < EE_NO_MEMORY;
  return failed(documented ? kinds[status] : "other", ee_error_code(client), ee_error_text(client));
}

json_t *call_failed(ee_status status, const ee_client *client) {
  json_t *answer = status_failed(status, client);
  uint64_t first, last;
  bool names = status == EE_TIMEOUT || status == EE_CLOSED || status == EE_REJECTED || status == EE_TRANSPORT;
  if (names && ee_unsettled(client, &first, &last)) {
    json_t *ids = json_pack("[I,I]", (json_int_t)first, (json_int_t)last);
    json_object_set_new(json_object_get(answer, "error"), "unsettled", ids);
  }
  return answer;
}

/* A number that the library counts from 1; NULL if there is none. */
static json_t *counted(uint64_t number) { return number ? json_integer((json_int_t)number) : NULL; }

static json_t *event_fields(ee_event *event) {
  json_t *fields = json_pack("{s:o,s:o*,s:b}", "data", to_base64(ee_event_data(event), ee_event_size(event)),
                             "sequence", counted(ee_event_sequence(event)), "redelivered", ee_event_redelivered(event));
  ee_event_free(event);
  return fields;
}

/* ---- connect and close -------------------------------------------------------------------------------------- */

static int number(const json_t *value, int otherwise) {
  json_int_t whole = json_is_integer(value) ? json_integer_value(value) : otherwise;
  return whole > INT_MAX ? INT_MAX : whole < INT_MIN ? INT_MIN : (int)whole;
}

int timeout_of(const json_t *request) { return number(json_object_get(request, "timeout_ms"), EE_NO_TIMEOUT); }

static ee_profile profile_of(const char *name) {
  if (name && strcmp(name, "session") == 0) return EE_PROFILE_SESSION;
  return name && strcmp(name, "basic") == 0 ? EE_PROFILE_BASIC : EE_PROFILE_AUTO;
}

static json_t *do_connect(const json_t *request, ee_client **client) {
  ee_close(*client);
  const char *variable;
  json_t *value;
  json_object_foreach(json_object_get(request, "environment"), variable, value) {
    setenv(variable, json_string_value(value), 1);
  }
  ee_options options = EE_OPTIONS_INIT;
  options.timeout_ms = number(json_object_get(request, "timeout_ms"), 0);
  options.heartbeat_ms = number(json_object_get(request, "heartbeat_ms"), 0);
  options.receive_window = number(json_object_get(request, "receive_window"), 0);
  options.profile = profile_of(json_string_value(json_object_get(request, "profile")));
  ee_status status = ee_connect(json_string_value(json_object_get(request, "endpoint")), &options, client);
  if (status == EE_OK) {
    const char *profile = ee_client_profile(*client) == EE_PROFILE_SESSION ? "session" : "basic";
    return succeeded(json_pack("{s:s}", "profile", profile));
  }
  json_t *answer = status_failed(status, *client);
  ee_close(*client); /* it was good for the text only */
  *client = NULL;
  return answer;
}

static json_t *do_close(const json_t *request, ee_client **client) {
  (void)request;
  ee_status status = ee_close(*client); /* NULL is fine: it closes twice */
  if (status != EE_OK) return call_failed(status, *client);
  *client = NULL;
  return succeeded(json_object());
}

/* ---- calls -------------------------------------------------------------------------------------------------- */

static json_t *do_next(const json_t *request, ee_client **client) {
  ee_event *event;
  ee_status status = ee_next_event(*client, timeout_of(request), &event);
  return status == EE_OK ? succeeded(event_fields(event)) : call_failed(status, *client);
}

/* In C an iteration is a loop until EE_CLOSED. */
static json_t *do_events(const json_t *request, ee_client **client) {
  size_t max = (size_t)json_integer_value(json_object_get(request, "max"));
  json_t *events = json_array();
  ee_event *event;
  ee_status status = EE_OK;
  while (json_array_size(events) < max && (status = ee_next_event(*client, EE_NO_TIMEOUT, &event)) == EE_OK) {
    json_array_append_new(events, event_fields(event));
  }
  if (status == EE_OK || status == EE_CLOSED) {
    return succeeded(json_pack("{s:o,s:b}", "events", events, "ended", status == EE_CLOSED));
  }
  json_decref(events);
  return call_failed(status, *client);
}

static json_t *published(ee_status status, const ee_client *client, uint64_t id) {
  return status == EE_OK ? succeeded(json_pack("{s:o*}", "id", counted(id))) : call_failed(status, client);
}

static json_t *do_publish(const json_t *request, ee_client **client) {
  bytes event = from_base64(json_object_get(request, "data"));
  uint64_t id;
  ee_status status = ee_publish(*client, event.data, event.size, timeout_of(request), &id);
  free(event.data);
  return published(status, *client, id);
}

static json_t *do_publish_batch(const json_t *request, ee_client **client) {
  const json_t *list = json_object_get(request, "data");
  size_t count = json_array_size(list);
  ee_bytes *events = allocate(count, sizeof *events);
  for (size_t i = 0; i < count; i++) {
    bytes event = from_base64(json_array_get(list, i));
    events[i] = (ee_bytes){event.data, event.size};
  }
  uint64_t id;
  ee_status status = ee_publish_batch(*client, events, count, timeout_of(request), &id);
  for (size_t i = 0; i < count; i++) free((void *)events[i].data);
  free(events);
  return published(status, *client, id);
}

static json_t *do_quit(const json_t *request, ee_client **client) {
  ee_status status = ee_quit(*client, timeout_of(request));
  return status == EE_OK ? succeeded(json_object()) : call_failed(status, *client);
}

static json_t *do_stopping(const json_t *request, ee_client **client) {
  (void)request;
  return succeeded(json_pack("{s:b}", "stopping", ee_stopping(*client)));
}

const named_operation client_operations[] = {
    {"connect", do_connect, false}, {"close", do_close, false},      {"next", do_next, true},
    {"events", do_events, true},    {"publish", do_publish, true},   {"publish_batch", do_publish_batch, true},
    {"quit", do_quit, true},        {"stopping", do_stopping, true}, {NULL, NULL, false},
};
