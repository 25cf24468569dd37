#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bytes of a peer's message that an error text quotes. */
#define QUOTE_SIZE 200

void ee_session_init(ee_session *session, const char *id, const char *client_name, uint64_t window, ee_send *send,
                     void *send_context) {
  *session = (ee_session){
      .window = window,
      .send = send,
      .send_context = send_context,
      .max_event_bytes = EE_EVENT_MAX_BYTES,
      .grace_ms = EE_GRACE_MS,
      .outgoing = {.window = EE_PUBLISH_WINDOW, .window_bytes = EE_PUBLISH_WINDOW_BYTES},
  };
  snprintf(session->id, sizeof session->id, "%s", id);
  snprintf(session->client_name, sizeof session->client_name, "%s", client_name);
}

static void drop_received(ee_session *session) {
  while (session->first) {
    ee_incoming *next = session->first->next;
    ee_incoming_release(session->first);
    session->first = next;
  }
  session->last = NULL;
}

void ee_session_free(ee_session *session) {
  drop_received(session);
  ee_outgoing_free(&session->outgoing);
}

/* ---- what goes ---------------------------------------------------------------------------------------------- */

static void send_writer(ee_session *session, ee_writer *writer, zmq_msg_t *payload) {
  session->send(session->send_context, writer->text, writer->size, payload);
}

static void send_verb(ee_session *session, const char *verb) {
  ee_writer writer;
  ee_write_verb(&writer, EE_COMMAND_PREFIX, verb);
  send_writer(session, &writer, NULL);
}

static void send_ack(ee_session *session) {
  session->acked = session->handled;
  session->handled_bytes = 0;
  session->upto = session->acked + session->window;
  ee_writer writer;
  ee_write_verb(&writer, EE_COMMAND_PREFIX, EE_VERB_ACK);
  ee_write_integer(&writer, "seq", session->acked);
  ee_write_integer(&writer, "upto", session->upto);
  send_writer(session, &writer, NULL);
}

/* Whether there is a connection on which `welcome` came. */
static bool is_open(const ee_session *session) {
  return session->connection == EE_SYNCING || session->connection == EE_RUNNING;
}

/* Sends the publishes that the window allows and, once all are sent, the quit. */
bool ee_session_flush(ee_session *session) {
  if (!is_open(session)) return true;
  for (;;) {
    ee_slice slice;
    if (!ee_outgoing_take(&session->outgoing, &slice)) return false;
    if (slice.count == 0) break;
    ee_writer writer;
    ee_write_verb(&writer, EE_COMMAND_PREFIX, EE_VERB_PUBLISH);
    ee_write_integer(&writer, "id", slice.first_id);
    if (slice.count > 1) ee_write_integer(&writer, "count", slice.count);
    send_writer(session, &writer, &slice.payload);
  }
  if (session->quitting && !session->quit_said && session->outgoing.sent.id == session->outgoing.last_id) {
    session->quit_said = session->quit_sent = true;
    send_verb(session, EE_VERB_QUIT);
  }
  return true;
}

/* ---- how it ends -------------------------------------------------------------------------------------------- */

static void end(ee_session *session) {
  session->connection = EE_ENDED;
  drop_received(session);
}

void ee_session_fail(ee_session *session, ee_status status, const char *text) {
  if (session->connection == EE_ENDED) return;
  ee_fail(&session->failure, status, "%s", text);
  end(session);
}

/* The engine has broken the protocol. */
static void blame(ee_session *session, const char *what, zmq_msg_t *frame) {
  char quote[QUOTE_SIZE];
  ee_printable(quote, sizeof quote, zmq_msg_data(frame), zmq_msg_size(frame));
  ee_fail(&session->failure, EE_PROTOCOL, "the engine broke the protocol: %s: \"%s\"", what, quote);
  end(session);
}

/* ---- what comes --------------------------------------------------------------------------------------------- */

typedef enum outcome { DONE, NO_MEMORY, WRONG_STATE, WRONG_PARAM } outcome;

static outcome on_welcome(ee_session *session, const ee_header *header) {
  if (session->connection != EE_GREETING) return WRONG_STATE;
  if (ee_number(header, "version") != EE_SESSION_VERSION) return WRONG_PARAM;
  if (session->welcomed && ee_number(header, "resumed") == 0) {
    ee_session_fail(session, EE_CLOSED,
                    "the session is lost: the engine was restarted, or the connection was gone for longer than the "
                    "engine keeps a session; connect again, and see the unsettled publishes");
    return DONE;
  }
  if (!ee_outgoing_resume(&session->outgoing, ee_number(header, "received"))) return WRONG_PARAM;
  session->max_event_bytes = ee_number(header, "max-event-bytes");
  session->grace_ms = ee_number(header, "grace-ms");
  session->outgoing.window = ee_number(header, "publish-window");
  session->outgoing.window_bytes = ee_number(header, "publish-window-bytes");
  session->welcomed = true;
  session->connection = EE_SYNCING;
  send_verb(session, EE_VERB_READY);
  send_ack(session);
  return ee_session_flush(session) ? DONE : NO_MEMORY;
}

static outcome on_ok(ee_session *session) {
  if (session->connection != EE_SYNCING) return WRONG_STATE;
  session->connection = EE_RUNNING;
  return DONE;
}

static outcome on_events(ee_session *session, const ee_header *header, zmq_msg_t *payload) {
  if (session->connection != EE_RUNNING) return WRONG_STATE;
  if (session->quitting) return DONE; /* it crossed with the quit and goes back to the queue */
  uint64_t sequence = ee_number(header, "seq"), packed = ee_number(header, "count"), count = packed ? packed : 1;
  if (sequence > session->received + 1 || count > EE_INTEGER_MAX - sequence || sequence + count - 1 > session->upto) {
    return WRONG_PARAM;
  }
  ee_incoming *incoming = NULL;
  if (packed) {
    switch (ee_incoming_packed(payload, packed, &incoming)) {
      case EE_UNPACKED: break;
      case EE_UNPACKED_NO_MEMORY: return NO_MEMORY;
      default: return WRONG_PARAM;
    }
  } else if (!(incoming = ee_incoming_single(payload))) {
    return NO_MEMORY;
  }
  if (sequence + count - 1 <= session->received) {
    ee_incoming_release(incoming); /* all of it was received on an earlier connection */
    return DONE;
  }
  bool redelivered = ee_number(header, "redelivered") == 1;
  for (size_t i = 0; i < incoming->count; i++) {
    incoming->events[i].sequence = sequence + i;
    incoming->events[i].redelivered = redelivered;
  }
  incoming->position = (size_t)(session->received + 1 - sequence);
  session->received = sequence + count - 1;
  if (session->last) {
    session->last->next = incoming;
  } else {
    session->first = incoming;
  }
  session->last = incoming;
  return DONE;
}

static outcome on_published(ee_session *session, const ee_header *header) {
  if (!is_open(session)) return WRONG_STATE;
  if (!ee_outgoing_settle(&session->outgoing, ee_number(header, "id"))) return WRONG_PARAM;
  return ee_session_flush(session) ? DONE : NO_MEMORY;
}

static outcome on_stop(ee_session *session, const ee_header *header) {
  if (!is_open(session)) return WRONG_STATE;
  char reason[EE_HEADER_MAX_BYTES] = "";
  ee_header_text(header, "reason", reason, sizeof reason);
  ee_printable(session->stop_reason, sizeof session->stop_reason, reason, strlen(reason));
  session->stopped = true;
  return DONE;
}

static outcome on_bye(ee_session *session) {
  if (!session->quit_sent) return WRONG_STATE;
  ee_outgoing_settle_all(&session->outgoing); /* it comes when every publish is accepted */
  end(session);
  return DONE;
}

static outcome on_error(ee_session *session, const ee_header *header, zmq_msg_t *payload) {
  char code[EE_CODE_SIZE], text[QUOTE_SIZE];
  if (ee_header_text(header, "code", code, sizeof code) != EE_KEY_FOUND) return WRONG_PARAM;
  ee_printable(text, sizeof text, zmq_msg_data(payload), zmq_msg_size(payload));
  if (strcmp(code, EE_CODE_SUPERSEDED) == 0) {
    ee_fail(&session->failure, EE_CLOSED, "another connection has taken up this session; the engine says: %s", text);
  } else if (strcmp(code, EE_CODE_NO_SESSION) == 0) {
    ee_fail(&session->failure, EE_CLOSED,
            "the engine does not know this session any more: %s; connect again, and see the unsettled publishes", text);
  } else {
    ee_reject(&session->failure, code, "the engine ended the session with %s: %s", code, text);
  }
  end(session);
  return DONE;
}

static outcome dispatch(ee_session *session, const ee_header *header, zmq_msg_t *payload) {
  if (ee_header_is(header, EE_VERB_WELCOME)) return on_welcome(session, header);
  if (ee_header_is(header, EE_VERB_OK)) return on_ok(session);
  if (ee_header_is(header, EE_VERB_EVENTS)) return on_events(session, header, payload);
  if (ee_header_is(header, EE_VERB_PUBLISHED)) return on_published(session, header);
  if (ee_header_is(header, EE_VERB_STOP)) return on_stop(session, header);
  if (ee_header_is(header, EE_VERB_BYE)) return on_bye(session);
  if (ee_header_is(header, EE_VERB_ERROR)) return on_error(session, header, payload);
  if (!is_open(session)) return WRONG_STATE;
  send_verb(session, EE_VERB_PONG); /* the only verb left is ping */
  return DONE;
}

bool ee_session_received(ee_session *session, zmq_msg_t *frames, size_t count) {
  if (session->connection == EE_ENDED || count == 0) return true;
  ee_header header;
  ee_bytes frame = {zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0])};
  const ee_verb_rule *rule;
  if (!ee_header_read(&header, EE_REPLY_PREFIX, frame)) {
    blame(session, "a malformed header", &frames[0]);
  } else if (!(rule = ee_find_verb(ee_engine_verbs, ee_engine_verbs_count, &header))) {
    blame(session, "an unknown verb", &frames[0]);
  } else if (count != rule->frames) {
    blame(session, "a wrong number of frames", &frames[0]);
  } else if (!ee_keys_fit(rule, &header)) {
    blame(session, "a parameter that is missing or malformed", &frames[0]);
  } else {
    switch (dispatch(session, &header, &frames[count - 1])) {
      case DONE: break;
      case NO_MEMORY: return false;
      case WRONG_STATE: blame(session, "a message at the wrong time", &frames[0]); break;
      case WRONG_PARAM: blame(session, "a parameter or payload that cannot be", &frames[0]); break;
    }
  }
  return true;
}

/* ---- what the caller does ----------------------------------------------------------------------------------- */

ee_session_state ee_session_state_of(const ee_session *session) {
  if (session->connection == EE_ENDED) return EE_ENDED;
  if (session->quitting) return EE_QUITTING;
  return session->connection == EE_RUNNING && session->stopped ? EE_STOPPING : session->connection;
}

void ee_session_connected(ee_session *session) {
  if (session->connection != EE_CONNECTING) return;
  session->connection = EE_GREETING;
  session->quit_said = false;
  ee_writer writer;
  ee_write_verb(&writer, EE_COMMAND_PREFIX, EE_VERB_HELLO);
  ee_write_integer(&writer, "version", EE_SESSION_VERSION);
  ee_write_text(&writer, "session", session->id);
  ee_write_text(&writer, "client", session->client_name);
  send_writer(session, &writer, NULL);
}

void ee_session_disconnected(ee_session *session) {
  if (session->connection != EE_ENDED) session->connection = EE_CONNECTING;
}

/* Why nothing goes on: the session has ended, or will. */
static ee_status closed(const ee_session *session, ee_failure *failure) {
  bool failed = session->connection == EE_ENDED && session->failure.status != EE_OK;
  return ee_fail(failure, EE_CLOSED, "%s", failed ? session->failure.text : "the client has quit");
}

ee_status ee_session_check(const ee_session *session, const ee_bytes *events, size_t count, ee_failure *failure) {
  if (session->connection == EE_ENDED || session->quitting) return closed(session, failure);
  for (size_t i = 0; i < count; i++) {
    if (events[i].size > session->max_event_bytes || events[i].size > UINT32_MAX) {
      return ee_reject(failure, EE_CODE_TOO_LARGE,
                       "an event has %zu bytes, and this engine takes at most %" PRIu64 "; nothing was published",
                       events[i].size, session->max_event_bytes);
    }
  }
  return EE_OK;
}

ee_status ee_session_publish(ee_session *session, const ee_bytes *events, size_t count, ee_failure *failure) {
  ee_status status = ee_session_check(session, events, count, failure);
  if (status != EE_OK) return status;
  if (!ee_outgoing_add(&session->outgoing, events, count)) {
    return ee_fail(failure, EE_NO_MEMORY, "no memory for the events; nothing was published");
  }
  /* They are taken over: what cannot be sent for want of memory is sent by the next flush. */
  (void)ee_session_flush(session);
  return EE_OK;
}

/* Counts the event that was returned last as handled; tells whether to acknowledge at once. */
static bool handle(ee_session *session) {
  if (session->returned == session->handled) return false;
  session->handled = session->returned;
  session->handled_bytes += session->returned_size;
  return session->returned_redelivered || session->handled - session->acked >= session->window / 4 ||
         session->handled_bytes >= EE_ACK_BYTES;
}

ee_status ee_session_next(ee_session *session, ee_event **event, ee_failure *failure) {
  *event = NULL;
  if (session->connection == EE_ENDED || session->quitting) return closed(session, failure);
  bool due = handle(session);
  ee_incoming *incoming = session->first;
  if (!incoming && session->handled > session->acked) due = true;
  if (due && is_open(session)) send_ack(session);
  if (!incoming && session->stopped) {
    return ee_fail(failure, EE_CLOSED, "the application is ending (%s); quit soon", session->stop_reason);
  }
  if (!incoming) return EE_OK;

  *event = ee_incoming_take(incoming);
  session->returned = (*event)->sequence;
  session->returned_size = (*event)->size;
  session->returned_redelivered = (*event)->redelivered;
  if (incoming->position == incoming->count) {
    session->first = incoming->next;
    if (!session->first) session->last = NULL;
    ee_incoming_release(incoming);
  }
  return EE_OK;
}

ee_status ee_session_quit(ee_session *session, ee_failure *failure) {
  if (session->connection == EE_ENDED && session->failure.status != EE_OK) return closed(session, failure);
  if (session->connection == EE_ENDED || session->quitting) return EE_OK;
  session->quitting = true;
  session->handled = session->returned;
  drop_received(session);
  if (is_open(session)) send_ack(session);
  (void)ee_session_flush(session);
  return EE_OK;
}

void ee_session_close(ee_session *session) {
  if (is_open(session) && !session->quitting && session->handled > session->acked) send_ack(session);
  ee_session_fail(session, EE_CLOSED, "the client is closed");
}
