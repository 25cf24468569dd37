/* The public functions without an engine: misuse, endpoints, peers that are no engine, sessions that go wrong. */
#include <event_engine.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "harness.h"
#include "server.h"

#define WELCOME                                                                                                        \
  "event-engine: welcome version=1 engine=fake/1 plugin=p resumed=0 received=0 max-event-bytes=1000 publish-window=4 " \
  "publish-window-bytes=1000 ping-ms=1000 grace-ms=1000"

static bool says(const ee_client *client, const char *words) { return strstr(ee_error_text(client), words) != NULL; }

/* Connects within so long; expects a status and words in the text; closes. */
static void expect(const char *endpoint, int timeout_ms, ee_profile profile, ee_status expected, const char *words) {
  ee_options options = EE_OPTIONS_INIT;
  options.timeout_ms = timeout_ms;
  options.profile = profile;
  ee_client *client = NULL;
  ee_status status = ee_connect(endpoint, &options, &client);
  if (status != expected || !client || !says(client, words)) {
    fprintf(stderr, "%s: %s: %s; expected %s: %s\n", endpoint ? endpoint : "NULL", ee_status_name(status),
            ee_error_text(client), ee_status_name(expected), words);
    harness_broken = 1;
  }
  if (expected != EE_OK) {
    ee_event *event = (ee_event *)&options;
    CHECK(ee_next_event(client, 0, &event) == EE_CLOSED);
    CHECK(event == NULL);
    CHECK(says(client, words)); /* it still says why */
    CHECK(ee_publish(client, "x", 1, 0, NULL) == EE_CLOSED);
    CHECK(ee_quit(client, 0) == EE_CLOSED);
    ee_interrupt(client);
    CHECK(ee_stopping(client));
    CHECK(!ee_unsettled(client, NULL, NULL));
  }
  CHECK(ee_close(client) == EE_OK);
}

static void null_arguments(void) {
  uint64_t id = 7, first = 7, last = 7;
  ee_event *event = (ee_event *)&id;
  CHECK(ee_connect("tcp://127.0.0.1:1", NULL, NULL) == EE_INVALID);
  CHECK(ee_next_event(NULL, 0, &event) == EE_INVALID);
  CHECK(event == NULL);
  CHECK(ee_next_event(NULL, 0, NULL) == EE_INVALID);
  CHECK(ee_publish(NULL, "x", 1, 0, &id) == EE_INVALID);
  CHECK(id == 0);
  CHECK(ee_publish_batch(NULL, NULL, 1, 0, NULL) == EE_INVALID);
  CHECK(ee_quit(NULL, 0) == EE_INVALID);
  CHECK(ee_close(NULL) == EE_OK);
  ee_interrupt(NULL);
  CHECK(ee_stopping(NULL));
  ee_event_free(NULL);
  CHECK(ee_event_data(NULL) != NULL);
  CHECK(ee_event_size(NULL) == 0);
  CHECK(ee_event_sequence(NULL) == 0);
  CHECK(!ee_event_redelivered(NULL));
  CHECK(!ee_unsettled(NULL, &first, &last));
  CHECK(first == 0 && last == 0);
  CHECK(ee_error_text(NULL)[0] != '\0');
  CHECK(ee_error_code(NULL)[0] == '\0');
  CHECK(ee_client_profile(NULL) == EE_PROFILE_AUTO);
}

static void names(void) {
  CHECK(strcmp(ee_status_name(EE_OK), "EE_OK") == 0);
  CHECK(strcmp(ee_status_name(EE_NO_MEMORY), "EE_NO_MEMORY") == 0);
  CHECK(strcmp(ee_status_name((ee_status)99), "?") == 0);
  CHECK(strcmp(ee_version(), EE_VERSION) == 0);
}

static void bad_endpoints(void) {
  static const char *const endpoints[] = {
      "x",
      "tcp://",
      "tcp://host",
      "tcp://host:",
      "tcp://:1",
      "tcp://host:0",
      "tcp://h:1x",
      "tcp://h:65536",
      "tcp://h:999999",
      "ipc://x",
      "inproc://x",
      "http://host:1",
      "tcp://::1:1",
      "tcp://[::1]",
      "tcp://[]:1",
      "tcp://a b:1",
      "tcp://a/b:1",
      "TCP://host:1",
      "tcp://h:-1",
      "tcp://h:1\nx:2",
      "tcp://[::1:1",
      "tcp://127.0.0.1:*",
      "tcp://e;127.0.0.1:1",
  };
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    expect(endpoints[i], 1000, EE_PROFILE_AUTO, EE_INVALID, "tcp://host:port");
  }
  char endless[5000];
  memset(endless, 'a', sizeof endless);
  memcpy(endless, "tcp://", 6);
  memcpy(endless + sizeof endless - 3, ":1", 3);
  expect(endless, 1000, EE_PROFILE_AUTO, EE_INVALID, "tcp://host:port");
}

static void environment(void) {
  unsetenv("EVENT_ENGINE_ENDPOINT");
  expect(NULL, 1000, EE_PROFILE_AUTO, EE_INVALID, "EVENT_ENGINE_ENDPOINT");
  setenv("EVENT_ENGINE_ENDPOINT", "", 1);
  expect(NULL, 1000, EE_PROFILE_AUTO, EE_INVALID, "EVENT_ENGINE_ENDPOINT");
  setenv("EVENT_ENGINE_ENDPOINT", "nonsense", 1);
  expect(NULL, 1000, EE_PROFILE_AUTO, EE_INVALID, "environment variable EVENT_ENGINE_ENDPOINT");
  setenv("EVENT_ENGINE_ENDPOINT", "tcp://127.0.0.1:1", 1);
  expect(NULL, 1, EE_PROFILE_AUTO, EE_TIMEOUT, "127.0.0.1:1");
  unsetenv("EVENT_ENGINE_ENDPOINT");
}

static void bad_options(void) {
  static const ee_options defaults = EE_OPTIONS_INIT;
  char long_name[100] = "";
  memset(long_name, 'x', sizeof long_name - 1);
  for (int i = 0; i < 10; i++) {
    ee_options options = defaults;
    switch (i) {
      case 0: options.size = 0; break;
      case 1: options.timeout_ms = -2; break;
      case 2: options.heartbeat_ms = -1; break;
      case 3: options.profile = (ee_profile)3; break;
      case 4: options.client_name = ""; break;
      case 5: options.client_name = long_name; break;
      case 6: options.client_name = "a\nb"; break;
      case 7: options.receive_window = -1; break;
      case 8: options.receive_window = 16385; break;
      default: options.profile = (ee_profile)-1;
    }
    ee_client *client;
    CHECK(ee_connect("tcp://127.0.0.1:1", &options, &client) == EE_INVALID);
    CHECK(ee_error_text(client)[0] != '\0');
    ee_close(client);
  }
}

static void nobody_listens(void) {
  char endpoint[64];
  close(listen_somewhere(endpoint));
  expect(endpoint, 50, EE_PROFILE_AUTO, EE_TIMEOUT, "nobody is listening");
}

static void unknown_host(void) {
  expect("tcp://no-such-host.invalid:6000", 200, EE_PROFILE_AUTO, EE_TRANSPORT, "no-such-host.invalid");
}

static void closes_at_once(void) {
  server server;
  server_start(&server, "", 0, false);
  expect(server.endpoint, 100, EE_PROFILE_AUTO, EE_TIMEOUT, "nobody is listening");
  server_stop(&server);
}

static void says_nothing(void) {
  server server;
  server_start(&server, "", 0, true);
  expect(server.endpoint, 100, EE_PROFILE_AUTO, EE_TIMEOUT, "nobody is listening");
  server_stop(&server);
}

static void speaks_http(void) {
  server server;
  server_start(&server, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, false);
  expect(server.endpoint, 1000, EE_PROFILE_AUTO, EE_PROTOCOL, "does not speak ZeroMQ");
  server_stop(&server);
}

static void speaks_old_zmtp(void) {
  server server;
  server_start(&server, "\xff\0\0\0\0\0\0\0\1\x7f\1", 11, false);
  expect(server.endpoint, 1000, EE_PROFILE_AUTO, EE_PROTOCOL, "ZMTP 3");
  server_stop(&server);
}

/* Every prefix of a handshake, and handshakes with one byte changed, end in an error and in nothing worse. */
static void broken_handshakes(void) {
  static const unsigned char ready[] =
      "\4\x27\5READY\x0bSocket-Type\0\0\0\6ROUTER\x08Identity\0\0\0\0"; /* cut off: 39 bytes announced */
  unsigned char bytes[64 + sizeof ready] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
  memcpy(bytes + 64, ready, sizeof ready);
  for (size_t i = 60; i < sizeof bytes; i++) {
    unsigned char kept = bytes[i];
    server server;
    bytes[i] = 0xfe;
    server_start(&server, bytes, i % 2 ? sizeof bytes : i, false);
    ee_options options = EE_OPTIONS_INIT;
    options.timeout_ms = 1;
    ee_client *client;
    CHECK(ee_connect(server.endpoint, &options, &client) != EE_OK);
    ee_close(client);
    server_stop(&server);
    bytes[i] = kept;
  }
}

static void wrong_socket(void) {
  static const line silent[] = {{NULL, NULL, NULL}};
  engine engine;
  engine_start(&engine, ZMQ_PULL, silent);
  expect(engine.endpoint, 1000, EE_PROFILE_AUTO, EE_PROTOCOL, "type PULL");
  engine_stop(&engine);
}

static void session_with_the_ancestor(void) {
  static const line silent[] = {{NULL, NULL, NULL}};
  engine engine;
  engine_start(&engine, ZMQ_REP, silent);
  expect(engine.endpoint, 1000, EE_PROFILE_SESSION, EE_PROTOCOL, "has no sessions");
  engine_stop(&engine);
}

static void waits_for_other_plugins(void) {
  static const line script[] = {{"plugin_command: hello ", WELCOME, NULL}, {NULL, NULL, NULL}};
  engine engine;
  engine_start(&engine, ZMQ_ROUTER, script);
  expect(engine.endpoint, 1000, EE_PROFILE_AUTO, EE_TIMEOUT, "waits for other plugins");
  engine_stop(&engine);
}

static void no_welcome(void) {
  static const line silent[] = {{NULL, NULL, NULL}};
  engine engine;
  engine_start(&engine, ZMQ_ROUTER, silent);
  expect(engine.endpoint, 1000, EE_PROFILE_AUTO, EE_TIMEOUT, "opened no session");
  engine_stop(&engine);
}

static void refused_session(void) {
  static const line script[] = {{"plugin_command: hello ", "event-engine: error code=not-allowed", "too many sessions"},
                                {NULL, NULL, NULL}};
  engine engine;
  engine_start(&engine, ZMQ_ROUTER, script);
  ee_client *client;
  CHECK(ee_connect(engine.endpoint, NULL, &client) == EE_REJECTED);
  CHECK(strcmp(ee_error_code(client), "not-allowed") == 0);
  CHECK(says(client, "too many sessions"));
  ee_close(client);
  engine_stop(&engine);
}

/* A whole session against the script; then it goes wrong while a publish is under way. */
static void session_that_goes_wrong(void) {
  static const line script[] = {
      {"plugin_command: hello ", WELCOME, NULL},
      {"plugin_command: ready", "event-engine: ok", NULL},
      {"plugin_command: ready", "event-engine: events seq=1", "event"},
      {"plugin_command: publish id=1", "event-engine: published id=1", NULL},
      {"plugin_command: publish id=3", "event-engine: error code=internal id=3", "it \1burns"},
      {NULL, NULL, NULL},
  };
  engine engine;
  engine_start(&engine, ZMQ_ROUTER, script);
  ee_client *client;
  ee_event *event;
  uint64_t id, first, last;
  CHECK(ee_connect(engine.endpoint, NULL, &client) == EE_OK);
  CHECK(ee_client_profile(client) == EE_PROFILE_SESSION);
  CHECK(ee_next_event(client, 1000, &event) == EE_OK);
  CHECK(ee_event_size(event) == 5 && memcmp(ee_event_data(event), "event", 5) == 0);
  ee_event_free(event);
  CHECK(ee_next_event(client, -2, &event) == EE_INVALID);
  CHECK(ee_next_event(client, 1, NULL) == EE_INVALID);
  CHECK(ee_publish(client, NULL, 1, -1, &id) == EE_INVALID);
  CHECK(ee_publish(client, "x", 1001, -1, &id) == EE_REJECTED && id == 0);
  CHECK(strcmp(ee_error_code(client), "too-large") == 0);
  CHECK(ee_publish(client, NULL, 0, 1000, &id) == EE_OK && id == 1);
  CHECK(!ee_unsettled(client, &first, &last));
  CHECK(ee_publish(client, "y", 1, 20, &id) == EE_TIMEOUT && id == 2); /* the script does not answer */
  CHECK(ee_unsettled(client, &first, &last) && first == 2 && last == 2);
  CHECK(ee_publish_batch(client, NULL, 0, 0, &id) == EE_OK && id == 0);
  CHECK(ee_publish(client, "z", 1, 1000, &id) == EE_REJECTED && id == 3);
  CHECK(strcmp(ee_error_code(client), "internal") == 0 && says(client, "it ?burns"));
  CHECK(ee_next_event(client, 1000, &event) == EE_CLOSED);
  CHECK(says(client, "it ?burns"));
  CHECK(ee_quit(client, 100) == EE_CLOSED);
  CHECK(ee_unsettled(client, &first, &last) && first == 2 && last == 3);
  ee_close(client);
  engine_stop(&engine);
}

/* stop is seen at the latest when the next publish is accepted, and publishing goes on. */
static void a_source_is_told_to_stop(void) {
  static const line script[] = {
      {"plugin_command: hello ", WELCOME, NULL},
      {"plugin_command: ready", "event-engine: ok", NULL},
      {"plugin_command: publish id=1", "event-engine: published id=1", NULL},
      {"plugin_command: publish id=2", "event-engine: stop reason=over", NULL},
      {"plugin_command: publish id=2", "event-engine: published id=2", NULL},
      {"plugin_command: publish id=3", "event-engine: published id=3", NULL},
      {"plugin_command: publish id=4", "event-engine: error code=internal", "it burns"},
      {NULL, NULL, NULL},
  };
  engine engine;
  engine_start(&engine, ZMQ_ROUTER, script);
  ee_client *client;
  uint64_t id;
  CHECK(ee_connect(engine.endpoint, NULL, &client) == EE_OK);
  CHECK(!ee_stopping(client));
  CHECK(ee_publish(client, "x", 1, 10000, &id) == EE_OK && id == 1);
  CHECK(!ee_stopping(client));
  CHECK(ee_publish(client, "x", 1, 10000, &id) == EE_OK && id == 2);
  CHECK(ee_stopping(client));
  CHECK(ee_publish(client, "x", 1, 10000, &id) == EE_OK && id == 3);
  CHECK(ee_publish(client, "x", 1, 10000, &id) == EE_REJECTED && id == 4);
  CHECK(strcmp(ee_error_code(client), "internal") == 0 && says(client, "it burns"));
  CHECK(ee_stopping(client));
  ee_close(client);
  engine_stop(&engine);
}

/* ee_stopping finds the end of a session, and leaves its reason to the next call. */
static void a_source_finds_the_end(void) {
  static const line script[] = {
      {"plugin_command: hello ", WELCOME, NULL},
      {"plugin_command: ready", "event-engine: ok", NULL},
      {"plugin_command: publish id=1", "event-engine: error code=internal", "it burns"},
      {NULL, NULL, NULL},
  };
  engine engine;
  engine_start(&engine, ZMQ_ROUTER, script);
  ee_client *client;
  CHECK(ee_connect(engine.endpoint, NULL, &client) == EE_OK);
  ee_interrupt(client); /* so that the publish does not wait for its answer */
  ee_status status = ee_publish(client, "x", 1, EE_NO_TIMEOUT, NULL);
  if (status == EE_TIMEOUT) { /* else the answer was faster */
    time_t bound = time(NULL) + 60;
    while (!ee_stopping(client) && time(NULL) < bound) sched_yield();
    CHECK(ee_stopping(client));
    CHECK(says(client, "interrupted"));
    status = ee_publish(client, "x", 1, 1000, NULL);
  }
  CHECK(status == EE_REJECTED && says(client, "it burns"));
  CHECK(ee_stopping(client));
  CHECK(ee_publish(client, "x", 1, 1000, NULL) == EE_CLOSED);
  ee_close(client);
  engine_stop(&engine);
}

static void garbage_in_a_session(void) {
  static const char *const garbage[] = {"",
                                        "event-engine: ",
                                        "event-engine: msg published",
                                        "hello",
                                        "event-engine: events seq=1 count=5",
                                        "event-engine: events seq=99"};
  for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
    line script[] = {
        {"plugin_command: hello ", WELCOME, NULL},
        {"plugin_command: ready", "event-engine: ok", NULL},
        {"plugin_command: ready", garbage[i], "xxxx"},
        {NULL, NULL, NULL},
    };
    engine engine;
    engine_start(&engine, ZMQ_ROUTER, script);
    ee_client *client;
    ee_event *event;
    ee_status status = ee_connect(engine.endpoint, NULL, &client);
    if (status == EE_OK) status = ee_next_event(client, 1000, &event);
    CHECK(status == EE_PROTOCOL);
    CHECK(says(client, "broke the protocol"));
    ee_close(client);
    engine_stop(&engine);
  }
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

typedef struct caller {
  ee_client *client;
  ee_status status;
} caller;

static void *wait_for_event(void *argument) {
  caller *caller = argument;
  ee_event *event;
  do {
    caller->status = ee_next_event(caller->client, 10000, &event);
  } while (caller->status == EE_INVALID); /* the other thread's looking was in the way */
  return NULL;
}

static void second_thread_and_interrupt(void) {
  static const line script[] = {{"plugin_command: hello ", WELCOME, NULL},
                                {"plugin_command: ready", "event-engine: ok", NULL},
                                {NULL, NULL, NULL}};
  engine engine;
  engine_start(&engine, ZMQ_ROUTER, script);
  caller caller = {0};
  CHECK(ee_connect(engine.endpoint, NULL, &caller.client) == EE_OK);
  ee_event *event;
  ee_interrupt(caller.client);
  CHECK(ee_next_event(caller.client, -1, &event) == EE_TIMEOUT); /* the next call */
  CHECK(says(caller.client, "interrupted"));
  CHECK(ee_next_event(caller.client, 0, &event) == EE_TIMEOUT); /* only one */
  CHECK(says(caller.client, "in time"));
  ee_interrupt(caller.client);
  uint64_t id;
  CHECK(ee_publish(caller.client, "x", 1, -1, &id) == EE_TIMEOUT && id == 1); /* it is under way */
  pthread_t thread;
  pthread_create(&thread, NULL, wait_for_event, &caller);
  while (ee_next_event(caller.client, 0, &event) == EE_TIMEOUT)
    sched_yield(); /* until the other thread is in its call */
  CHECK(ee_close(caller.client) == EE_INVALID);
  CHECK(ee_quit(caller.client, 0) == EE_INVALID);
  CHECK(!ee_stopping(caller.client)); /* does not wait for that thread */
  ee_interrupt(caller.client);
  pthread_join(thread, NULL);
  CHECK(caller.status == EE_TIMEOUT);
  CHECK(ee_close(caller.client) == EE_OK);
  engine_stop(&engine);
}

int main(void) {
  RUN(null_arguments);
  RUN(names);
  RUN(bad_endpoints);
  RUN(environment);
  RUN(bad_options);
  RUN(nobody_listens);
  RUN(unknown_host);
  RUN(closes_at_once);
  RUN(says_nothing);
  RUN(speaks_http);
  RUN(speaks_old_zmtp);
  RUN(broken_handshakes);
  RUN(wrong_socket);
  RUN(session_with_the_ancestor);
  RUN(waits_for_other_plugins);
  RUN(no_welcome);
  RUN(refused_session);
  RUN(session_that_goes_wrong);
  RUN(a_source_is_told_to_stop);
  RUN(a_source_finds_the_end);
  RUN(garbage_in_a_session);
  RUN(second_thread_and_interrupt);
  return harness_end();
}
