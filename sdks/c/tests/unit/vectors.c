/* Replays the vectors of the specification: replies, session-headers, session-batches, session-client.
 * usage: vectors DIRECTORY */
#include <jansson.h>

#include "basic.h"
#include "harness.h"
#include "session.h"

/* ---- reading ------------------------------------------------------------------------------------------------ */

static const char *text_of(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

/* Decodes hex into memory that the caller frees; exactly as large as needed, so that sanitizers see each byte beyond.
 */
static ee_bytes decode(const char *hex) {
  size_t size = strlen(hex) / 2;
  unsigned char *bytes = malloc(size ? size : 1);
  for (size_t i = 0; i < size; i++) {
    unsigned byte;
    sscanf(hex + 2 * i, "%2x", &byte);
    bytes[i] = (unsigned char)byte;
  }
  return (ee_bytes){bytes, size};
}

static bool equals(const void *data, size_t size, const char *hex) {
  ee_bytes bytes = decode(hex);
  bool equal = bytes.size == size && (size == 0 || memcmp(bytes.data, data, size) == 0);
  free((void *)bytes.data);
  return equal;
}

static void message_of(zmq_msg_t *message, const char *hex) {
  ee_bytes bytes = decode(hex);
  zmq_msg_init_size(message, bytes.size);
  memcpy(zmq_msg_data(message), bytes.data, bytes.size);
  free((void *)bytes.data);
}

/* Calls `replay` for each vector of a file. */
static void each(const char *directory, const char *file, void (*replay)(json_t *given, json_t *expect)) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  json_error_t error;
  json_t *root = json_load_file(path, 0, &error), *vector;
  if (!root) {
    fprintf(stderr, "%s: %s\n", path, error.text);
    harness_broken = 1;
    harness_count(file);
    return;
  }
  size_t index, before = (size_t)harness_passed;
  json_array_foreach(json_object_get(root, "vectors"), index, vector) {
    replay(json_object_get(vector, "given"), json_object_get(vector, "expect"));
    harness_count(text_of(vector, "id"));
  }
  printf("%s: %zu vectors\n", file, (size_t)harness_passed - before);
  json_decref(root);
}

/* ---- headers ------------------------------------------------------------------------------------------------ */

/* The client's verbs, which this library only writes. */
static const ee_verb_rule client_verbs[] = {
    {EE_VERB_HELLO, 1, {{"version", EE_NUMBER, false}, {"session", EE_TEXT, false}, {"client", EE_TEXT, false}}},
    {EE_VERB_READY, 1, {{0}}},
    {EE_VERB_ACK, 1, {{"seq", EE_NUMBER, false}, {"upto", EE_NUMBER, false}}},
    {EE_VERB_PUBLISH, 2, {{"id", EE_POSITIVE, false}, {"count", EE_POSITIVE, true}}},
    {EE_VERB_PONG, 1, {{0}}},
    {EE_VERB_QUIT, 1, {{0}}},
};

static bool is_session_id(const char *text) {
  return strlen(text) == EE_SESSION_ID_SIZE && strspn(text, "0123456789abcdef") == EE_SESSION_ID_SIZE;
}

static const char *refusal(const ee_verb_rule *rule, const ee_header *header) {
  char id[EE_HEADER_MAX_BYTES];
  if (!rule) return "bad-command";
  if (!ee_keys_fit(rule, header)) return "bad-param";
  if (ee_header_text(header, "session", id, sizeof id) == EE_KEY_FOUND && !is_session_id(id)) return "bad-param";
  return NULL;
}

static void replay_header(json_t *given, json_t *expect) {
  ee_bytes bytes = decode(text_of(given, "header"));
  bool from_client = strcmp(text_of(given, "from"), "client") == 0;
  const ee_verb_rule *rule = NULL;
  ee_header header;
  if (ee_header_read(&header, from_client ? EE_COMMAND_PREFIX : EE_REPLY_PREFIX, bytes)) {
    rule = from_client ? ee_find_verb(client_verbs, sizeof client_verbs / sizeof client_verbs[0], &header)
                       : ee_find_verb(ee_engine_verbs, ee_engine_verbs_count, &header);
  }
  const char *code = refusal(rule, &header), *expected = text_of(expect, "error");
  CHECK(!code == !expected);
  if (code && expected) CHECK(strcmp(code, expected) == 0);
  if (!code && !expected) {
    CHECK(ee_header_is(&header, text_of(expect, "verb")));
    json_t *keys = json_object_get(expect, "keys"), *value;
    const char *key;
    size_t given_keys = 0;
    json_object_foreach(keys, key, value) {
      char text[EE_HEADER_MAX_BYTES];
      if (json_is_integer(value)) {
        CHECK(ee_number(&header, key) == (uint64_t)json_integer_value(value));
      } else {
        CHECK(ee_header_text(&header, key, text, sizeof text) == EE_KEY_FOUND);
        CHECK(strcmp(text, json_string_value(value)) == 0);
      }
    }
    for (size_t i = 0; i < EE_KEYS_MAX && rule->keys[i].key; i++) {
      char text[EE_HEADER_MAX_BYTES];
      given_keys += ee_header_text(&header, rule->keys[i].key, text, sizeof text) == EE_KEY_FOUND;
    }
    CHECK(given_keys == json_object_size(keys));
  }
  free((void *)bytes.data);
}

/* ---- batches ------------------------------------------------------------------------------------------------ */

static void replay_batch(json_t *given, json_t *expect) {
  zmq_msg_t payload;
  size_t zeros = (size_t)json_integer_value(json_object_get(given, "zeros"));
  ee_bytes bytes = decode(text_of(given, "payload"));
  zmq_msg_init_size(&payload, bytes.size + zeros);
  memcpy(zmq_msg_data(&payload), bytes.data, bytes.size);
  memset((char *)zmq_msg_data(&payload) + bytes.size, 0, zeros);
  free((void *)bytes.data);
  json_t *count = json_object_get(given, "count"), *events = json_object_get(expect, "events");
  const char *error = text_of(expect, "error");
  ee_incoming *incoming = NULL;
  ee_unpacked unpacked = EE_UNPACKED;
  if (count) {
    unpacked = ee_incoming_packed(&payload, (uint64_t)json_integer_value(count), &incoming);
  } else {
    incoming = ee_incoming_single(&payload);
  }
  CHECK((unpacked == EE_UNPACKED) == (error == NULL));
  if (error) CHECK((unpacked == EE_UNPACKED_TOO_LARGE) == (strcmp(error, "too-large") == 0));
  if (incoming) {
    CHECK(incoming->count == json_array_size(events));
    for (size_t i = 0; i < incoming->count && i < json_array_size(events); i++) {
      ee_event *event = ee_incoming_take(incoming);
      CHECK(equals(ee_event_data(event), ee_event_size(event), json_string_value(json_array_get(events, i))));
      ee_event_free(event);
    }
    ee_incoming_release(incoming);
  }
  zmq_msg_close(&payload);
}

/* ---- sessions ----------------------------------------------------------------------------------------------- */

/* Compares what a session sends with what a step expects. */
typedef struct expectation {
  json_t *sends;
  size_t sent;
} expectation;

static void on_send(void *context, const char *header, size_t size, zmq_msg_t *payload) {
  expectation *expected = context;
  json_t *frames = json_array_get(expected->sends, expected->sent++);
  if (!frames || json_array_size(frames) != (payload ? 2 : 1) ||
      !equals(header, size, json_string_value(json_array_get(frames, 0))) ||
      (payload &&
       !equals(zmq_msg_data(payload), zmq_msg_size(payload), json_string_value(json_array_get(frames, 1))))) {
    fprintf(stderr, "did not expect to send: %.*s, %zu bytes\n", (int)size, header,
            payload ? zmq_msg_size(payload) : 0);
    harness_broken = 1;
  }
  if (payload) zmq_msg_close(payload);
}

static void receive(ee_session *session, json_t *frames) {
  zmq_msg_t messages[4];
  size_t count = json_array_size(frames);
  CHECK(count <= 4);
  for (size_t i = 0; i < count; i++) message_of(&messages[i], json_string_value(json_array_get(frames, i)));
  CHECK(ee_session_received(session, messages, count));
  for (size_t i = 0; i < count; i++) zmq_msg_close(&messages[i]);
}

static ee_status publish(ee_session *session, json_t *events, ee_failure *failure) {
  size_t count = json_array_size(events);
  ee_bytes *bytes = calloc(count + 1, sizeof *bytes);
  for (size_t i = 0; i < count; i++) bytes[i] = decode(json_string_value(json_array_get(events, i)));
  ee_status status = ee_session_publish(session, bytes, count, failure);
  for (size_t i = 0; i < count; i++) free((void *)bytes[i].data);
  free(bytes);
  return status;
}

static void check_event(ee_event *event, json_t *expected) {
  if (!expected) return;
  CHECK((event == NULL) == json_is_null(expected));
  if (!event || json_is_null(expected)) return;
  CHECK(equals(ee_event_data(event), ee_event_size(event), text_of(expected, "data")));
  CHECK(ee_event_sequence(event) == (uint64_t)json_integer_value(json_object_get(expected, "sequence")));
  CHECK(ee_event_redelivered(event) == json_is_true(json_object_get(expected, "redelivered")));
}

static void check_state(const ee_session *session, json_t *expected) {
  static const char *const names[] = {"connecting", "greeting", "syncing", "running", "stopping", "quitting", "ended"};
  const char *state = text_of(expected, "state"), *actual = names[ee_session_state_of(session)];
  if (state && strcmp(state, actual) != 0) {
    fprintf(stderr, "state is %s, not %s\n", actual, state);
    harness_broken = 1;
  }
  json_t *settled = json_object_get(expected, "settled"), *unsettled = json_object_get(expected, "unsettled");
  if (settled) CHECK(ee_session_settled(session) == (uint64_t)json_integer_value(settled));
  if (!unsettled) return;
  bool any = ee_session_last_id(session) > ee_session_settled(session);
  CHECK(any == (json_array_size(unsettled) == 2));
  if (any) {
    CHECK(ee_session_settled(session) + 1 == (uint64_t)json_integer_value(json_array_get(unsettled, 0)));
    CHECK(ee_session_last_id(session) == (uint64_t)json_integer_value(json_array_get(unsettled, 1)));
  }
}

/* Compares the error of a call, or that with which the session has ended in this step. */
static void check_error(const ee_failure *failure, json_t *expected) {
  static const char *const kinds[] = {"ok",       "timeout",   "closed",  "rejected",
                                      "protocol", "transport", "invalid", "no memory"};
  const char *kind = expected ? text_of(expected, "kind") : "ok", *code = text_of(expected, "code");
  if (strcmp(kind, kinds[failure->status]) != 0) {
    fprintf(stderr, "error is %s (%s), not %s\n", kinds[failure->status], failure->text, kind);
    harness_broken = 1;
  }
  if (code) CHECK(strcmp(code, failure->code) == 0);
}

static void replay_session(json_t *given, json_t *expect) {
  expectation expected = {0};
  ee_session session;
  ee_session_init(&session, text_of(given, "session"), text_of(given, "client"),
                  (uint64_t)json_integer_value(json_object_get(given, "window")), on_send, &expected);
  json_t *step;
  size_t index;
  json_array_foreach(json_object_get(given, "steps"), index, step) {
    const char *action = text_of(step, "do");
    expected = (expectation){.sends = json_object_get(step, "sends")};
    int broken = harness_broken;
    bool ended = ee_session_state_of(&session) == EE_ENDED;
    ee_failure failure = {0};
    if (strcmp(action, "connected") == 0) {
      ee_session_connected(&session);
    } else if (strcmp(action, "disconnected") == 0) {
      ee_session_disconnected(&session);
    } else if (strcmp(action, "receive") == 0) {
      receive(&session, json_object_get(step, "frames"));
    } else if (strcmp(action, "publish") == 0) {
      publish(&session, json_object_get(step, "events"), &failure);
    } else if (strcmp(action, "next") == 0) {
      ee_event *event;
      ee_session_next(&session, &event, &failure);
      check_event(event, json_object_get(step, "event"));
      ee_event_free(event);
    } else if (strcmp(action, "quit") == 0) {
      ee_session_quit(&session, &failure);
    } else if (strcmp(action, "close") == 0) {
      ee_session_close(&session);
    } else {
      fprintf(stderr, "unknown step %s\n", action);
      harness_broken = 1;
    }
    CHECK(expected.sent == json_array_size(expected.sends));
    check_state(&session, step);
    if (strcmp(action, "receive") == 0 && !ended && ee_session_state_of(&session) == EE_ENDED)
      failure = session.failure;
    check_error(&failure, json_object_get(step, "error"));
    if (harness_broken && !broken) fprintf(stderr, "in step %zu, %s\n", index + 1, action);
  }
  check_state(&session, expect);
  ee_session_free(&session);
}

/* ---- basic -------------------------------------------------------------------------------------------------- */

static void replay_reply(json_t *given, json_t *expect) {
  static const char *const meanings[] = {"published", "bad-msg", "other"};
  ee_bytes reply = decode(text_of(given, "reply"));
  CHECK(strcmp(meanings[ee_reply_meaning(reply)], text_of(expect, "meaning")) == 0);
  free((void *)reply.data);
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: vectors DIRECTORY\n");
    return 2;
  }
  each(arguments[1], "replies.json", replay_reply);
  each(arguments[1], "session-headers.json", replay_header);
  each(arguments[1], "session-batches.json", replay_batch);
  each(arguments[1], "session-client.json", replay_session);
  return harness_end();
}
