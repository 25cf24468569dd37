/* The session profile: the pure session and its link. */
#include <string.h>

#include "client.h"

/* Messages that are read before anything else gets a turn. */
#define MESSAGES_AT_ONCE 64

/* What is taken over at once from a batch: enough to keep the connection busy. */
#define PORTION_BYTES (1 << 20)
#define PORTION_EVENTS EE_PUBLISH_WINDOW

static void send_message(void *context, const char *header, size_t size, zmq_msg_t *payload) {
  ee_client *client = context;
  ee_link_send_bytes(&client->link, header, size, payload != NULL);
  if (payload) ee_link_send(&client->link, payload, false);
}

/* The status of a call after the session has ended: the reason once, and Closed from then on. */
static ee_status ended(ee_client *client) {
  ee_link_drop(&client->link);
  if (client->session.failure.status == EE_OK) return ee_fail(&client->failure, EE_CLOSED, "the client has quit");
  client->failure = client->session.failure;
  if (client->end_reported) client->failure.status = EE_CLOSED;
  client->end_reported = true;
  return client->failure.status;
}

static void broken(ee_client *client) {
  ee_session_disconnected(&client->session);
  if (!client->broken_since) client->broken_since = ee_now_ms();
}

/* Lets go of the connection because there is no memory to go on; the engine says everything again on the next one. */
static ee_status no_memory(ee_client *client) {
  ee_link_drop(&client->link);
  broken(client);
  return ee_fail(&client->failure, EE_NO_MEMORY, "no memory for what the engine sent; nothing is lost, call again");
}

/* Reads messages. */
static ee_status receive(ee_client *client, bool *progress) {
  for (int i = 0; i < MESSAGES_AT_ONCE && client->link.state == EE_LINK_UP; i++) {
    zmq_msg_t frames[2];
    zmq_msg_init(&frames[0]);
    zmq_msg_init(&frames[1]);
    size_t count = ee_link_receive(&client->link, frames, 2);
    bool heard = ee_session_received(&client->session, frames, count);
    zmq_msg_close(&frames[0]);
    zmq_msg_close(&frames[1]);
    if (client->session.stopped) atomic_store_explicit(&client->stopping, true, memory_order_relaxed);
    if (!heard) return no_memory(client);
    if (count == 0) break;
    *progress = true;
    /* The break is over when the engine has answered on the new connection; until then the grace goes on. */
    if (client->session.connection != EE_CONNECTING && client->session.connection != EE_GREETING)
      client->broken_since = 0;
  }
  return EE_OK;
}

/* When a session whose connection is gone is given up. */
static int64_t grace_end(const ee_client *client) {
  uint64_t grace_ms = client->session.grace_ms;
  if (!client->broken_since || !client->session.welcomed || grace_ms >= (uint64_t)(EE_NEVER - client->broken_since))
    return EE_NEVER;
  return client->broken_since + (int64_t)grace_ms;
}

/* Does what can be done without waiting. */
static ee_status advance(ee_client *client, bool *progress) {
  ee_status status = receive(client, progress);
  if (status != EE_OK) return status;
  if (client->session.connection == EE_ENDED) return ended(client);
  ee_news news = ee_link_step(&client->link);
  *progress = *progress || news != EE_NO_NEWS;
  if (news == EE_CAME_UP) {
    ee_session_connected(&client->session);
  } else if (news == EE_WENT_DOWN) {
    broken(client);
  } else if (news == EE_TRY_FAILED && client->session.quit_sent && client->broken_since &&
             ee_is_refused(&client->link)) {
    ee_session_fail(&client->session, EE_OK, "the client has quit"); /* the port is closed: the plugin has ended */
    return ended(client);
  } else if (news == EE_NEWS_NO_MEMORY) {
    return ee_fail(&client->failure, EE_NO_MEMORY, "no memory or file descriptor for a connection; call again");
  }
  if (!ee_session_flush(&client->session)) return no_memory(client);
  if (client->broken_since && ee_now_ms() >= grace_end(client)) {
    ee_session_fail(&client->session, EE_CLOSED,
                    "the connection is gone for longer than the engine keeps a session; connect again, and see the "
                    "unsettled publishes");
    return ended(client);
  }
  return EE_OK;
}

/* Does what can be done, and waits if that was nothing. EE_OK: look whether it is what the caller waits for. */
static ee_status go_on(ee_client *client, int64_t deadline) {
  bool progress = false;
  ee_status status = advance(client, &progress);
  if (status != EE_OK || progress) return status;
  return ee_wait(client, (ee_link *const[]){&client->link}, 1, grace_end(client), deadline);
}

void ee_session_client_look(ee_client *client) {
  ee_failure before = client->failure;
  bool reported = client->end_reported, progress = true;
  while (progress && !client->session.stopped) {
    progress = false;
    if (advance(client, &progress) != EE_OK) break;
  }
  client->failure = before;
  client->end_reported = reported;
}

ee_status ee_session_client_open(ee_client *client, int64_t deadline) {
  static const char digits[] = "0123456789abcdef";
  unsigned char bytes[EE_SESSION_ID_SIZE / 2];
  char id[EE_SESSION_ID_SIZE + 1] = "";
  if (!ee_random(bytes, sizeof bytes)) return ee_fail(&client->failure, EE_NO_MEMORY, "no random numbers");
  for (size_t i = 0; i < EE_SESSION_ID_SIZE; i++) id[i] = digits[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
  ee_session_init(&client->session, id, client->client_name, (uint64_t)client->receive_window, send_message, client);
  while (client->session.connection != EE_RUNNING) {
    ee_status status = go_on(client, deadline);
    if (status == EE_TIMEOUT && client->session.welcomed) {
      return ee_fail(&client->failure, EE_TIMEOUT,
                     "connected to %s, but the application has not started within %d ms: it waits for other plugins",
                     client->endpoint_text, client->timeout_ms);
    }
    if (status == EE_TIMEOUT) {
      return ee_fail(&client->failure, EE_TIMEOUT, "%s was reached, but opened no session within %d ms",
                     client->endpoint_text, client->timeout_ms);
    }
    if (status != EE_OK) return status;
  }
  return EE_OK;
}

/* Adds to a time-out what stands in the way, if anything does. */
static ee_status timed_out(ee_client *client, ee_status status, int64_t deadline, const char *what) {
  if (status != EE_TIMEOUT || ee_now_ms() < deadline) return status; /* otherwise it was interrupted */
  bool connected = client->session.connection == EE_RUNNING;
  return ee_fail(&client->failure, EE_TIMEOUT, "%s%s%s", what,
                 connected ? "" : "; the connection is being made again to ", connected ? "" : client->endpoint_text);
}

ee_status ee_session_client_next(ee_client *client, int timeout_ms, ee_event **event) {
  int64_t deadline = 0; /* the clock is read only if there is something to wait for */
  for (;;) {
    if (ee_session_next(&client->session, event, &client->failure) != EE_OK) {
      return client->session.connection == EE_ENDED ? ended(client) : EE_CLOSED;
    }
    if (*event) return EE_OK;
    if (!deadline) deadline = ee_deadline(timeout_ms);
    ee_status status = go_on(client, deadline);
    if (status != EE_OK)
      return timed_out(client, status, deadline, "no event came in time; nothing is lost, call again");
  }
}

/* How many of the events to take over at once. */
static size_t portion(const ee_bytes *events, size_t count) {
  size_t taken = 0, bytes = 0;
  while (taken < count && taken < PORTION_EVENTS && bytes < PORTION_BYTES) bytes += events[taken++].size;
  return taken;
}

static ee_status take_over(ee_client *client, const ee_bytes *events, size_t count, uint64_t *last_id) {
  ee_status status = ee_session_publish(&client->session, events, count, &client->failure);
  if (status == EE_OK) *last_id = ee_session_last_id(&client->session);
  return status == EE_CLOSED && client->session.connection == EE_ENDED ? ended(client) : status;
}

ee_status ee_session_client_publish(ee_client *client, const ee_bytes *events, size_t count, int64_t deadline,
                                    uint64_t *last_id) {
  ee_status status = ee_session_check(&client->session, events, count, &client->failure);
  if (status == EE_CLOSED && client->session.connection == EE_ENDED) return ended(client);
  while (status == EE_OK) {
    const ee_outgoing *outgoing = &client->session.outgoing;
    if (count > 0 && outgoing->sent.id == outgoing->last_id) {
      size_t taken = portion(events, count);
      status = take_over(client, events, taken, last_id);
      events += taken;
      count -= taken;
    } else if (count == 0 && outgoing->settled.id >= *last_id) {
      return EE_OK;
    } else {
      status = go_on(client, deadline);
    }
  }
  if (status != EE_TIMEOUT) return status;
  /* All of them are under way after a time-out, also those that there was no room for yet. */
  if (count > 0 && (status = take_over(client, events, count, last_id)) != EE_OK) return status;
  return timed_out(client, EE_TIMEOUT, deadline,
                   "not accepted in time; it is under way and will be accepted, do not publish it again");
}

ee_status ee_session_client_quit(ee_client *client, int64_t deadline) {
  ee_session *session = &client->session;
  if (ee_session_quit(session, &client->failure) != EE_OK) return ended(client);
  ee_status status = EE_OK;
  while (session->connection != EE_ENDED) {
    status = go_on(client, deadline);
    if (session->connection != EE_ENDED && status != EE_OK) {
      return timed_out(client, status, deadline, "the engine has not confirmed the quit in time; call again, or close");
    }
  }
  client->quit = session->failure.status == EE_OK;
  if (client->quit) return EE_OK;
  return status != EE_OK ? status : ended(client); /* go_on has reported the end already, or there was one before */
}
