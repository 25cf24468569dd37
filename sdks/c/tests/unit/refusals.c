/* Runs the same conversation with an engine again and again, and each time the system refuses another one of the
 * resources that the library asks for: memory, sockets, descriptors. Whatever is refused, the call says EE_NO_MEMORY,
 * nothing is lost, nothing comes twice, and the same call succeeds when it is repeated. usage: refusals ENDPOINT
 * PROFILE     the engine must have events `down:00000000`, `down:00000001`, … */
#include <errno.h>
#include <event_engine.h>

#include <zmq.h>
#include "harness.h"

enum { EVENTS = 3, BATCH = 3, RUNS_MAX = 200, TRIES_MAX = 20 };

/* ---- refusing ----------------------------------------------------------------------------------------------- */

static _Thread_local long countdown; /* requests until one is refused; 0: none is. Only this thread's are counted */
static int refused;

static int refuse(void) {
  if (countdown == 0 || --countdown > 0) return 0;
  refused = 1;
  errno = ENOMEM;
  return 1;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
int __real_pipe(int ends[2]);
void *__real_zmq_ctx_new(void);
void *__real_zmq_socket(void *context, int type);
int __real_zmq_msg_init_size(zmq_msg_t *message, size_t size);
int __real_zmq_msg_init_data(zmq_msg_t *message, void *data, size_t size, zmq_free_fn *release, void *hint);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __wrap_pipe(int ends[2]);
void *__wrap_zmq_ctx_new(void);
void *__wrap_zmq_socket(void *context, int type);
int __wrap_zmq_msg_init_size(zmq_msg_t *message, size_t size);
int __wrap_zmq_msg_init_data(zmq_msg_t *message, void *data, size_t size, zmq_free_fn *release, void *hint);

void *__wrap_malloc(size_t size) { return refuse() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return refuse() ? NULL : __real_calloc(count, size); }
int __wrap_pipe(int ends[2]) { return refuse() ? -1 : __real_pipe(ends); }
void *__wrap_zmq_ctx_new(void) { return refuse() ? NULL : __real_zmq_ctx_new(); }
void *__wrap_zmq_socket(void *context, int type) { return refuse() ? NULL : __real_zmq_socket(context, type); }
int __wrap_zmq_msg_init_size(zmq_msg_t *message, size_t size) {
  return refuse() ? -1 : __real_zmq_msg_init_size(message, size);
}
int __wrap_zmq_msg_init_data(zmq_msg_t *message, void *data, size_t size, zmq_free_fn *release, void *hint) {
  return refuse() ? -1 : __real_zmq_msg_init_data(message, data, size, release, hint);
}

/* ---- the conversation --------------------------------------------------------------------------------------- */

static long next_number;    /* of the event that is due */
static long next_published; /* of the next event to publish */
static uint64_t last_id;    /* of the events that this run has published */
static int complaints;      /* calls that said EE_NO_MEMORY in this run */

/* Whether to repeat a call. */
static int again(ee_status status, int *tries) {
  if (status != EE_NO_MEMORY) return 0;
  complaints++;
  return ++*tries < TRIES_MAX;
}

static void receive(ee_client *client) {
  ee_event *event;
  ee_status status;
  int tries = 0;
  char expected[32];
  do status = ee_next_event(client, 5000, &event);
  while (again(status, &tries));
  CHECK(status == EE_OK);
  if (status != EE_OK) {
    fprintf(stderr, "%s\n", ee_error_text(client));
    return;
  }
  snprintf(expected, sizeof expected, "down:%08ld", next_number++);
  CHECK(ee_event_size(event) >= 13 && memcmp(ee_event_data(event), expected, 13) == 0);
  ee_event_free(event);
}

static void publish(ee_client *client, size_t count) {
  char bytes[BATCH][16];
  ee_bytes events[BATCH];
  size_t done = 0;
  uint64_t last = 0;
  int tries = 0;
  ee_status status;
  for (size_t i = 0; i < count; i++) {
    snprintf(bytes[i], sizeof bytes[i], "up:%08ld", next_published++);
    events[i] = (ee_bytes){bytes[i], 11};
  }
  do {
    status = ee_publish_batch(client, events + done, count - done, 5000, &last);
    if (last > 0) done = (size_t)(last - last_id);
  } while (again(status, &tries));
  CHECK(status == EE_OK);
  CHECK(done == count);
  last_id += count;
}

/* One run; connecting is repeated as well. */
static void converse(const char *endpoint, ee_profile profile) {
  ee_options options = EE_OPTIONS_INIT;
  options.profile = profile;
  ee_client *client;
  ee_status status;
  int tries = 0;
  last_id = 0;
  while (again(status = ee_connect(endpoint, &options, &client), &tries)) ee_close(client);
  CHECK(status == EE_OK);
  for (int i = 0; i < EVENTS && status == EE_OK; i++) receive(client);
  publish(client, 1);
  publish(client, BATCH);
  tries = 0;
  do status = ee_quit(client, 5000);
  while (again(status, &tries));
  if (status != EE_OK) fprintf(stderr, "quit: %s: %s\n", ee_status_name(status), ee_error_text(client));
  CHECK(status == EE_OK);
  ee_close(client);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: refusals ENDPOINT session|basic\n");
    return 2;
  }
  ee_profile profile = strcmp(arguments[2], "basic") == 0 ? EE_PROFILE_BASIC : EE_PROFILE_SESSION;
  char name[64];
  int runs = 0, noticed = 0;
  do {
    refused = complaints = 0;
    countdown = ++runs;
    converse(arguments[1], profile);
    countdown = 0;
    noticed += complaints > 0;
    snprintf(name, sizeof name, "%s, request %d is refused", arguments[2], runs);
    harness_count(name);
  } while (refused && runs < RUNS_MAX);
  CHECK(!refused);     /* the last run needed fewer requests: every one of them was refused once */
  CHECK(noticed >= 5); /* the refusals did something */
  harness_count("every request was refused once");
  printf("%d requests were refused, %d calls said so; published %ld\n", runs - 1, noticed, next_published);
  return harness_end();
}
