/* Throws random messages at a session, valid ones, changed ones and noise, and lets it publish, receive and quit in
 * between. What must hold: nothing crashes (sanitizers look on), what is sent is well-formed, settled never passes what
 * was published, and sequences only grow. usage: fuzz [ROUNDS] */
#include "harness.h"
#include "session.h"

static uint32_t state = 2463534242;

static uint32_t draw(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % below;
}

static void check_sent(void *context, const char *header, size_t size, zmq_msg_t *payload) {
  ee_header read;
  (void)context;
  CHECK(ee_header_read(&read, EE_COMMAND_PREFIX, (ee_bytes){header, size}));
  if (payload) zmq_msg_close(payload);
}

static void fill(zmq_msg_t *message, const void *bytes, size_t size) {
  zmq_msg_init_size(message, size);
  if (size > 0) memcpy(zmq_msg_data(message), bytes, size);
}

static size_t make_header(char *header, const ee_session *session) {
  static const char *const verbs[] = {"ok", "ping", "bye", "events", "published", "stop", "error", "welcome", "hello"};
  size_t size = (size_t)sprintf(header, "event-engine: %s", verbs[draw(9)]);
  unsigned long long next = session->received + draw(3), id = session->outgoing.settled.id + draw(4);
  static const char *const more[] = {
      " seq=%llu",
      " seq=%llu count=2",
      " seq=%llu redelivered=1",
      " id=%llu",
      " reason=%llu",
      " code=no-session id=%llu",
      " version=1 engine=e plugin=p resumed=%llu received=0 max-event-bytes=9 publish-window=2 publish-window-bytes=9 "
      "ping-ms=1 grace-ms=1",
  };
  uint32_t chosen = draw(8);
  if (chosen < 7) size += (size_t)sprintf(header + size, more[chosen], chosen < 3 ? next : chosen == 6 ? draw(2) : id);
  if (draw(4) == 0) header[draw((uint32_t)size)] = (char)draw(256);
  if (draw(8) == 0) size = draw((uint32_t)size + 1);
  return size;
}

/* A message that is right, so that lives are not too short. */
static void receive_valid(ee_session *session) {
  char header[128];
  zmq_msg_t frames[2];
  unsigned long long next = session->received + 1 - (session->received > 0 ? draw(2) : 0);
  uint32_t kind = draw(4);
  bool credit = session->received + 2 <= session->upto;
  size_t count = kind < 2 && credit ? 2 : 1, size;
  if (count == 2) {
    size = (size_t)sprintf(header, "event-engine: events seq=%llu%s", next, kind ? " count=2" : "");
    fill(&frames[1], kind ? "\0\0\0\1a\0\0\0\1b" : "x", kind ? 10 : 1);
  } else if (kind == 2) {
    size = (size_t)sprintf(header, "event-engine: published id=%llu", (unsigned long long)session->outgoing.sent.id);
  } else {
    size = (size_t)sprintf(header, "event-engine: ping");
  }
  fill(&frames[0], header, size);
  CHECK(ee_session_received(session, frames, count));
  for (size_t i = 0; i < count; i++) zmq_msg_close(&frames[i]);
}

static void receive(ee_session *session) {
  static const char *const payloads[] = {"", "x", "\0\0\0\1a\0\0\0\1b", "\0\0\0\1a\0\0\0\2b", "\xff\xff\xff\xff"};
  static const size_t sizes[] = {0, 1, 10, 10, 4};
  char header[512];
  zmq_msg_t frames[2];
  size_t count = 1 + draw(2), chosen = draw(5);
  fill(&frames[0], header, make_header(header, session));
  if (count == 2) fill(&frames[1], payloads[chosen], sizes[chosen]);
  CHECK(ee_session_received(session, frames, count));
  zmq_msg_close(&frames[0]);
  if (count == 2) zmq_msg_close(&frames[1]);
}

/* The way to a running session, so that the noise meets all states. */
static void open_session(ee_session *session) {
  static const char welcome[] =
      "event-engine: welcome version=1 engine=e plugin=p resumed=0 received=0 max-event-bytes=9 publish-window=2 "
      "publish-window-bytes=9 ping-ms=1 grace-ms=1";
  zmq_msg_t frame;
  ee_session_connected(session);
  if (draw(8) == 0) return;
  fill(&frame, welcome, sizeof welcome - 1);
  ee_session_received(session, &frame, 1);
  zmq_msg_close(&frame);
  if (draw(8) == 0) return;
  fill(&frame, "event-engine: ok", 16);
  ee_session_received(session, &frame, 1);
  zmq_msg_close(&frame);
}

static long steps;

static void life(void) {
  static const ee_bytes events[] = {{"abc", 3}, {"", 0}, {"123456789", 9}};
  ee_session session;
  ee_failure failure;
  ee_event *event;
  uint64_t sequence = 0;
  ee_session_init(&session, "00112233445566778899aabbccddeeff", "fuzz/1", 8, check_sent, NULL);
  open_session(&session);
  for (int step = 0; step < 60 && ee_session_state_of(&session) != EE_ENDED; step++) {
    switch (draw(12)) {
      case 0: ee_session_disconnected(&session); break;
      case 1: ee_session_connected(&session); break;
      case 2: ee_session_publish(&session, events, 1 + draw(3), &failure); break;
      case 3:
        if (draw(10) == 0) ee_session_quit(&session, &failure);
        break;
      case 4:
      case 5:
        if (ee_session_next(&session, &event, &failure) == EE_OK && event) {
          CHECK(ee_event_sequence(event) == sequence + 1);
          sequence = ee_event_sequence(event);
          ee_event_free(event);
        }
        break;
      default:
        if (draw(16) == 0) {
          receive(&session);
        } else if (session.connection == EE_RUNNING) {
          receive_valid(&session);
        }
    }
    steps++;
    CHECK(ee_session_settled(&session) <= ee_session_last_id(&session));
    CHECK(session.acked <= session.handled && session.handled <= session.returned);
    CHECK(session.returned <= session.received);
  }
  if (draw(2)) ee_session_close(&session);
  ee_session_free(&session);
}

int main(int count, char **arguments) {
  int rounds = count > 1 ? atoi(arguments[1]) : 20000;
  for (int i = 0; i < rounds && !harness_broken; i++) life();
  printf("%ld steps in %d sessions\n", steps, rounds);
  harness_count("random messages");
  return harness_end();
}
