/* The functions of the public header: checks of arguments, of threads, and of what was called before. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- waiting ------------------------------------------------------------------------------------------------ */

#define LINKS_MAX 2

/* Whether ee_interrupt was called since the last call that noticed. */
static bool take_interrupt(ee_client *client) {
  if (!atomic_load_explicit(&client->interrupted, memory_order_relaxed)) return false;
  return atomic_exchange(&client->interrupted, false);
}

static ee_status interrupted(ee_client *client) {
  return ee_fail(&client->failure, EE_TIMEOUT, "interrupted; nothing is lost, call again");
}

ee_status ee_wait(ee_client *client, ee_link *const *links, size_t count, int64_t wake_at, int64_t deadline) {
  zmq_pollitem_t items[1 + LINKS_MAX * EE_LINK_ITEMS] = {{.fd = client->wake[0], .events = ZMQ_POLLIN}};
  int used = 1, ready;
  if (deadline < wake_at) wake_at = deadline;
  for (size_t i = 0; i < count && i < LINKS_MAX; i++) used += ee_link_poll(links[i], items + used, &wake_at);
  ready = zmq_poll(items, used, ee_wait_ms(wake_at));
  if (ready < 0 && errno != EINTR) return ee_fail(&client->failure, EE_NO_MEMORY, "%s", zmq_strerror(errno));
  if (ready > 0 && items[0].revents) {
    char bytes[64];
    while (read(client->wake[0], bytes, sizeof bytes) > 0) continue;
  }
  if (take_interrupt(client)) return interrupted(client);
  if (ready == 0 && ee_now_ms() >= deadline) return ee_fail(&client->failure, EE_TIMEOUT, "time is up");
  return EE_OK;
}

void ee_interrupt(ee_client *client) {
  if (!client || client->wake[1] < 0) return;
  int error = errno; /* a signal handler must leave it as it was */
  atomic_store(&client->interrupted, true);
  ssize_t written = write(client->wake[1], "", 1); /* a full pipe wakes as well */
  (void)written;
  errno = error;
}

/* ---- calls -------------------------------------------------------------------------------------------------- */

/* Claims the client for a call. EE_OK: it must be released. */
static ee_status enter(ee_client *client) {
  if (!client || atomic_exchange_explicit(&client->busy, true, memory_order_acquire)) return EE_INVALID;
  return EE_OK;
}

static ee_status leave(ee_client *client, ee_status status) {
  const ee_session *session = &client->session; /* all zero in basic */
  if (client->quit || session->stopped || session->quitting || session->connection == EE_ENDED) {
    atomic_store_explicit(&client->stopping, true, memory_order_relaxed);
  }
  atomic_store_explicit(&client->busy, false, memory_order_release);
  return status;
}

/* Whether a call can do anything: the client was opened and has not quit. */
static ee_status begin(ee_client *client, int timeout_ms) {
  if (timeout_ms < EE_NO_TIMEOUT) {
    return ee_fail(&client->failure, EE_INVALID, "the time-out %d makes no sense: 0 or more, or EE_NO_TIMEOUT",
                   timeout_ms);
  }
  if (client->open_status != EE_OK) return EE_CLOSED; /* the text says why connecting failed */
  if (client->quit) return ee_fail(&client->failure, EE_CLOSED, "the client has quit");
  return EE_OK;
}

/* The same, and the client is not interrupted. A publish looks only when it waits: its events are under way then. */
static ee_status begin_waiting(ee_client *client, int timeout_ms) {
  ee_status status = begin(client, timeout_ms);
  return status == EE_OK && take_interrupt(client) ? interrupted(client) : status;
}

static bool is_session(const ee_client *client) { return client->profile == EE_PROFILE_SESSION; }

ee_status ee_next_event(ee_client *client, int timeout_ms, ee_event **event) {
  if (event) *event = NULL;
  ee_status status = enter(client);
  if (status != EE_OK) return status;
  if (!event) return leave(client, ee_fail(&client->failure, EE_INVALID, "there is no place for the event: NULL"));
  status = begin_waiting(client, timeout_ms);
  if (status == EE_OK) {
    status = is_session(client) ? ee_session_client_next(client, timeout_ms, event)
                                : ee_basic_client_next(client, ee_deadline(timeout_ms), event);
  }
  return leave(client, status);
}

ee_status ee_publish_batch(ee_client *client, const ee_bytes *events, size_t count, int timeout_ms, uint64_t *last_id) {
  uint64_t unwanted;
  if (!last_id) last_id = &unwanted;
  *last_id = 0;
  ee_status status = enter(client);
  if (status != EE_OK) return status;
  bool valid = events || count == 0;
  for (size_t i = 0; valid && i < count; i++) valid = events[i].data || events[i].size == 0;
  if (!valid) return leave(client, ee_fail(&client->failure, EE_INVALID, "an event is NULL and has a size"));
  status = count > 0 ? begin(client, timeout_ms) : begin_waiting(client, timeout_ms);
  if (status == EE_OK) {
    int64_t deadline = ee_deadline(timeout_ms);
    status = is_session(client) ? ee_session_client_publish(client, events, count, deadline, last_id)
                                : ee_basic_client_publish(client, events, count, deadline, last_id);
  }
  return leave(client, status);
}

ee_status ee_publish(ee_client *client, const void *data, size_t size, int timeout_ms, uint64_t *id) {
  ee_bytes event = {data, size};
  return ee_publish_batch(client, &event, 1, timeout_ms, id);
}

ee_status ee_quit(ee_client *client, int timeout_ms) {
  ee_status status = enter(client);
  if (status != EE_OK) return status;
  if (client->quit) return leave(client, EE_OK);
  status = begin_waiting(client, timeout_ms);
  if (status == EE_OK) {
    int64_t deadline = ee_deadline(timeout_ms == EE_NO_TIMEOUT ? EE_QUIT_TIMEOUT_MS : timeout_ms);
    status = is_session(client) ? ee_session_client_quit(client, deadline) : ee_basic_client_quit(client, deadline);
    if (client->quit) ee_disconnect(client, EE_LINGER_MS);
  }
  return leave(client, status);
}

bool ee_stopping(ee_client *client) {
  if (!client || atomic_load_explicit(&client->stopping, memory_order_relaxed)) return true;
  if (enter(client) == EE_OK) { /* otherwise the other thread's call takes in what comes */
    if (is_session(client)) ee_session_client_look(client);
    leave(client, EE_OK);
  }
  return atomic_load_explicit(&client->stopping, memory_order_relaxed);
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

void ee_disconnect(ee_client *client, int linger_ms) {
  if (!client->context) return;
  ee_link_close(&client->link, client->link.state == EE_LINK_UP ? linger_ms : 0);
  if (client->basic.side_open) {
    ee_link_close(&client->basic.side, client->basic.side.state == EE_LINK_UP ? linger_ms : 0);
  }
  while (zmq_ctx_term(client->context) != 0 && errno == EINTR) continue;
  client->context = NULL;
}

ee_status ee_close(ee_client *client) {
  if (!client) return EE_OK;
  ee_status status = enter(client);
  if (status != EE_OK) return status;
  if (client->open_status == EE_OK && is_session(client)) ee_session_close(&client->session);
  ee_disconnect(client, EE_LINGER_MS);
  ee_session_free(&client->session);
  if (client->has_kept) zmq_msg_close(&client->kept);
  if (client->wake[0] >= 0) close(client->wake[0]);
  if (client->wake[1] >= 0) close(client->wake[1]);
  free(client);
  return EE_OK;
}

/* ---- questions ---------------------------------------------------------------------------------------------- */

const char *ee_error_text(const ee_client *client) {
  return client ? client->failure.text : "no client: there was no memory for it, or it is NULL";
}

const char *ee_error_code(const ee_client *client) { return client ? client->failure.code : ""; }

bool ee_unsettled(const ee_client *client, uint64_t *first, uint64_t *last) {
  uint64_t from = 0, to = 0;
  if (client && is_session(client)) {
    from = ee_session_settled(&client->session) + 1;
    to = ee_session_last_id(&client->session);
    if (from > to) from = to = 0;
  } else if (client) {
    ee_basic_unsettled(&client->basic, &from, &to);
  }
  if (first) *first = from;
  if (last) *last = to;
  return from > 0;
}

ee_profile ee_client_profile(const ee_client *client) { return client ? client->profile : EE_PROFILE_AUTO; }

const char *ee_status_name(ee_status status) {
  switch (status) {
    case EE_OK: return "EE_OK";
    case EE_TIMEOUT: return "EE_TIMEOUT";
    case EE_CLOSED: return "EE_CLOSED";
    case EE_REJECTED: return "EE_REJECTED";
    case EE_PROTOCOL: return "EE_PROTOCOL";
    case EE_TRANSPORT: return "EE_TRANSPORT";
    case EE_INVALID: return "EE_INVALID";
    case EE_NO_MEMORY: return "EE_NO_MEMORY";
  }
  return "?";
}

const char *ee_version(void) { return EE_VERSION; }
