/* The basic profile: one connection for events and one for publishes, each a DEALER that does by hand what REQ does. */
#include <inttypes.h>
#include <string.h>

#include "client.h"

/* Publishes that may be unanswered at once: an engine with a ROUTER refuses more than 1,000. */
#define UNANSWERED_MAX 256

/* Sends a request. EE_NO_MEMORY: it was not sent. */
static ee_status request(ee_client *client, ee_link *link, ee_bytes body) {
  zmq_msg_t delimiter, frame;
  if (zmq_msg_init_size(&frame, body.size) != 0) {
    return ee_fail(&client->failure, EE_NO_MEMORY, "no memory for a request; it was not sent, call again");
  }
  if (body.size > 0) memcpy(zmq_msg_data(&frame), body.data, body.size);
  zmq_msg_init(&delimiter); /* the empty frame that ends the envelope */
  ee_link_send(link, &delimiter, true);
  ee_link_send(link, &frame, false);
  return EE_OK;
}

static ee_status request_event(ee_client *client) {
  ee_bytes body = {EE_NEXT_MSG, strlen(EE_NEXT_MSG)};
  ee_status status = request(client, &client->link, body);
  if (status != EE_OK) ee_link_drop(&client->link); /* it is sent on the next connection */
  return status;
}

/* Receives a reply's body. EE_OK with *received false: there is none now. */
static ee_status receive(ee_client *client, ee_link *link, zmq_msg_t *body, bool *received) {
  zmq_msg_t frames[2];
  *received = false;
  if (link->state != EE_LINK_UP) return EE_OK;
  zmq_msg_init(&frames[0]);
  zmq_msg_init(&frames[1]);
  size_t count = ee_link_receive(link, frames, 2);
  bool well_formed = count == 2 && zmq_msg_size(&frames[0]) == 0;
  if (well_formed) zmq_msg_move(body, &frames[1]);
  zmq_msg_close(&frames[0]);
  zmq_msg_close(&frames[1]);
  *received = well_formed;
  if (count == 0 || well_formed) return EE_OK;
  return ee_fail(&client->failure, EE_PROTOCOL, "the engine broke the protocol: a reply without the envelope of REQ");
}

/* Steps a link; counts the time without an engine. */
static ee_status step(ee_client *client, ee_link *link, ee_news *news) {
  *news = ee_link_step(link);
  if (*news == EE_CAME_UP) client->broken_since = 0;
  if (*news == EE_WENT_DOWN || *news == EE_TRY_FAILED) {
    if (!client->broken_since) client->broken_since = ee_now_ms();
  }
  if (*news == EE_NEWS_NO_MEMORY) {
    return ee_fail(&client->failure, EE_NO_MEMORY, "no memory or file descriptor for a connection; call again");
  }
  return EE_OK;
}

static int64_t patience_end(const ee_client *client) {
  if (!client->broken_since || client->timeout_ms < 0) return EE_NEVER;
  return client->broken_since + client->timeout_ms;
}

/* The engine is gone for longer than connecting may take. */
static ee_status gone(ee_client *client) {
  client->broken_since = 0; /* the next call tries as long again */
  return ee_fail(&client->failure, EE_CLOSED, "nobody is listening at %s any more, for %d ms: the engine has ended",
                 client->endpoint_text, client->timeout_ms);
}

static ee_status wait(ee_client *client, ee_link *link, int64_t deadline) {
  return ee_wait(client, (ee_link *const[]){link}, 1, patience_end(client), deadline);
}

static ee_status timed_out(ee_client *client, ee_status status, int64_t deadline, const char *what) {
  if (status != EE_TIMEOUT || ee_now_ms() < deadline) return status; /* otherwise it was interrupted */
  return ee_fail(&client->failure, EE_TIMEOUT, "%s", what);
}

ee_status ee_basic_client_open(ee_client *client, int64_t deadline) {
  while (client->link.state != EE_LINK_UP) {
    ee_news news;
    ee_status status = step(client, &client->link, &news);
    if (status == EE_OK && news == EE_NO_NEWS) {
      status = ee_wait(client, (ee_link *const[]){&client->link}, 1, EE_NEVER, deadline);
    }
    if (status == EE_TIMEOUT) {
      return ee_fail(&client->failure, EE_TIMEOUT, "no connection to %s within %d ms", client->endpoint_text,
                     client->timeout_ms);
    }
    if (status != EE_OK) return status;
  }
  return EE_OK;
}

/* ---- events ------------------------------------------------------------------------------------------------- */

/* Makes an event of the reply. */
static ee_status hand_out(ee_client *client, zmq_msg_t *body, ee_event **event) {
  ee_incoming *incoming = ee_incoming_single(body);
  if (!incoming) {
    client->kept = *body; /* nobody would send it again */
    client->has_kept = true;
    return ee_fail(&client->failure, EE_NO_MEMORY, "no memory for the event; nothing is lost, call again");
  }
  *event = ee_incoming_take(incoming);
  ee_incoming_release(incoming);
  return EE_OK;
}

ee_status ee_basic_client_next(ee_client *client, int64_t deadline, ee_event **event) {
  if (client->has_kept) {
    client->has_kept = false;
    return hand_out(client, &client->kept, event);
  }
  ee_link *link = &client->link;
  if (!client->basic.event_owed) {
    ee_status status = link->state == EE_LINK_UP ? request_event(client) : EE_OK;
    if (status != EE_OK) return status;
    client->basic.event_owed = true;
  }
  for (;;) {
    zmq_msg_t body;
    bool received;
    zmq_msg_init(&body);
    ee_status status = receive(client, link, &body, &received);
    if (status != EE_OK) return status;
    if (received) {
      client->basic.event_owed = false;
      return hand_out(client, &body, event);
    }
    ee_news news;
    status = step(client, link, &news);
    if (news == EE_CAME_UP) status = request_event(client);
    if (status == EE_OK && ee_now_ms() >= patience_end(client)) status = gone(client);
    if (status == EE_OK && news == EE_NO_NEWS) status = wait(client, link, deadline);
    if (status != EE_OK) {
      return timed_out(client, status, deadline, "no event came in time; it is owed, and the next call gets it");
    }
  }
}

/* ---- publishes ---------------------------------------------------------------------------------------------- */

/* Reads replies. */
static ee_status collect(ee_client *client, bool *progress) {
  ee_basic *basic = &client->basic;
  for (;;) {
    zmq_msg_t body;
    bool received;
    zmq_msg_init(&body);
    ee_status status = receive(client, &basic->side, &body, &received);
    if (!received) return status;
    *progress = true;
    uint64_t id = ee_basic_answered(basic);
    ee_bytes reply = {zmq_msg_data(&body), zmq_msg_size(&body)};
    ee_reply meaning = ee_reply_meaning(reply);
    char quote[64];
    ee_printable(quote, sizeof quote, reply.data, reply.size);
    zmq_msg_close(&body);
    if (id == 0 || meaning == EE_REPLY_OTHER) {
      return ee_fail(&client->failure, EE_PROTOCOL, "the engine broke the protocol: the reply to a publish is \"%s\"",
                     quote);
    }
    if (meaning == EE_REPLY_BAD_MSG && !basic->troubled) {
      basic->troubled = true;
      ee_reject(&basic->trouble, "bad-msg",
                "the engine refused publish %" PRIu64
                " with \"%s\": most likely it is larger than its limit; nothing was published",
                id, quote);
    }
  }
}

/* Does what can be done for publishes without waiting. */
static ee_status advance(ee_client *client, bool *progress) {
  ee_basic *basic = &client->basic;
  ee_news news;
  ee_status status = collect(client, progress);
  if (status == EE_OK) status = step(client, &basic->side, &news);
  if (status != EE_OK) return status;
  *progress = *progress || news != EE_NO_NEWS;
  if (news == EE_WENT_DOWN && ee_basic_broken(basic) && !basic->troubled) {
    basic->troubled = true;
    ee_fail(&basic->trouble, EE_TRANSPORT,
            "the connection broke before the engine answered; whether the publishes %" PRIu64 " to %" PRIu64
            " were accepted is unknown",
            basic->unknown_first, basic->unknown_last);
  }
  return EE_OK;
}

static ee_status report_trouble(ee_client *client) {
  client->basic.troubled = false;
  client->failure = client->basic.trouble;
  return client->failure.status;
}

/* Waits until at most `unanswered` publishes are unanswered and, if one more is to be sent, there is a connection for
 * it; or until trouble came. */
static ee_status settle(ee_client *client, uint64_t unanswered, bool one_more, int64_t deadline) {
  ee_basic *basic = &client->basic;
  for (;;) {
    bool progress = false;
    ee_status status = advance(client, &progress);
    if (status == EE_OK && basic->troubled) return report_trouble(client);
    bool ready = !one_more || (basic->side.state == EE_LINK_UP && !basic->side.lost);
    if (status == EE_OK && ready && basic->last_id - basic->answered <= unanswered) return EE_OK;
    if (status == EE_OK && ee_now_ms() >= patience_end(client)) status = gone(client);
    if (status == EE_OK && !progress) status = wait(client, &basic->side, deadline);
    if (status != EE_OK) return status;
  }
}

static void open_side(ee_client *client) {
  ee_basic *basic = &client->basic;
  if (basic->side_open) return;
  basic->side_open = true;
  ee_link_init(&basic->side, client->context, &client->endpoint, client->heartbeat_ms, client->random ^ 0x5bd1e995);
}

ee_status ee_basic_client_publish(ee_client *client, const ee_bytes *events, size_t count, int64_t deadline,
                                  uint64_t *last_id) {
  ee_basic *basic = &client->basic;
  for (size_t i = 0; i < count; i++) {
    if (ee_is_reserved(events[i])) {
      return ee_reject(&client->failure, EE_CODE_BAD_COMMAND,
                       "an event begins with \"%s\", which the basic profile reserves; nothing was published",
                       EE_COMMAND_PREFIX);
    }
  }
  if (count == 0) return EE_OK;
  open_side(client);
  basic->unknown_first = basic->unknown_last = 0;
  /* An engine with a REP serves one request at a time; there a publish follows another one only after a time-out. */
  uint64_t unanswered = client->peer == EE_PEER_ROUTER || count == 1 ? UNANSWERED_MAX - 1 : 0;
  ee_status status = EE_OK;
  for (size_t i = 0; i < count && status == EE_OK; i++) {
    status = settle(client, unanswered, true, deadline);
    if (status == EE_OK) status = request(client, &basic->side, events[i]);
    if (status == EE_OK) *last_id = ++basic->last_id;
  }
  if (status == EE_OK) status = settle(client, 0, false, deadline);
  return timed_out(client, status, deadline,
                   *last_id ? "not answered in time; it is under way, do not publish it again"
                            : "there was no connection, or earlier publishes are not answered; nothing was published");
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

/* Waits until a link is up; EE_OK also when its port is closed, and then *closed is set. */
static ee_status reach(ee_client *client, ee_link *link, int64_t deadline, bool *closed) {
  for (;;) {
    ee_news news;
    ee_status status = step(client, link, &news);
    if (status != EE_OK) return status;
    *closed = news == EE_TRY_FAILED && ee_is_refused(link);
    if (*closed || (news == EE_NO_NEWS && link->state == EE_LINK_UP)) return EE_OK;
    if (news == EE_NO_NEWS) status = ee_wait(client, (ee_link *const[]){link}, 1, EE_NEVER, deadline);
    if (status != EE_OK) return status;
  }
}

ee_status ee_basic_client_quit(ee_client *client, int64_t deadline) {
  ee_basic *basic = &client->basic;
  ee_status settled = EE_OK, status;
  ee_failure unsettled;
  if (basic->side_open && basic->answered < basic->last_id) {
    settled = settle(client, 0, false, deadline);
    if (settled == EE_NO_MEMORY || (settled == EE_TIMEOUT && ee_now_ms() < deadline)) return settled; /* interrupted */
    unsettled = client->failure;
  }
  /* An engine drops an owed event whose connection is gone; the quit goes on the other one. */
  if (basic->event_owed) ee_link_drop(&client->link);
  basic->event_owed = false;
  ee_link *link = basic->side_open && basic->side.state == EE_LINK_UP ? &basic->side : &client->link;
  bool closed = false;
  if (ee_now_ms() >= deadline) deadline = ee_deadline(EE_LINGER_MS); /* the quit is sent in any case */
  status = reach(client, link, deadline, &closed);
  if (status != EE_OK) {
    return timed_out(client, status, deadline, "the engine was not reached to say quit; call again, or close");
  }
  if (!closed) status = request(client, link, (ee_bytes){EE_QUIT, strlen(EE_QUIT)});
  if (status != EE_OK) return status;
  client->quit = true;
  if (settled == EE_TIMEOUT || settled == EE_CLOSED) {
    ee_basic_broken(basic);
    return ee_fail(&client->failure, EE_TRANSPORT,
                   "quit, but whether the publishes %" PRIu64 " to %" PRIu64 " were accepted is unknown",
                   basic->unknown_first, basic->unknown_last);
  }
  if (settled != EE_OK) client->failure = unsettled;
  return settled;
}
