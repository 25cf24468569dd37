/*
 * The store: takes pictures in, keeps or deletes them as the scorer orders, and says so.
 *
 * An order may come twice, from a scorer that was killed and from its successor. It is carried out and answered once
 * by each process of the store: `done` has those that this one has answered. After a process that died, the next one
 * gets what that had not handled, does it again, which changes nothing (folder.h), and answers; the timeline takes
 * the first answer.
 */
#include <errno.h>
#include <event_engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "done.h"
#include "folder.h"

/* events.md has the layouts. */
enum { PREFIX_BYTES = 2, IMAGE_HEADER_BYTES = 14, ORDER_BYTES = 8, ANSWER_MAX_BYTES = 128 };

static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned read_u16(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }

static long long now_ns(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool begins(const uint8_t *event, size_t size, const char *prefix) {
  return size >= PREFIX_BYTES && memcmp(event, prefix, PREFIX_BYTES) == 0;
}

static bool complain(const char *what, uint32_t id) {
  fprintf(stderr, "store: picture %u could not be %s: %s\n", (unsigned)id, what, strerror(errno));
  return false;
}

/* Carries out an order and says so. */
static bool carry_out(ee_client *client, done *answered, bool keep, uint32_t id, unsigned score) {
  if (done_has(answered, id)) return true;
  if (keep && !folder_keep(id)) return complain("kept", id);
  if (!keep && !folder_delete(id)) return complain("deleted", id);
  char answer[ANSWER_MAX_BYTES];
  int length = snprintf(answer, sizeof answer, "%s{\"id\": %u, \"score\": %u, \"at_ns\": %lld}", keep ? "SD" : "DD",
                        (unsigned)id, score, now_ns());
  if (ee_publish(client, answer, (size_t)length, EE_NO_TIMEOUT, NULL) != EE_OK) {
    fprintf(stderr, "store: %s\n", ee_error_text(client));
    return false;
  }
  return done_add(answered, id) || complain("remembered", id);
}

/* Handles one event. */
static bool handle(ee_client *client, done *answered, const uint8_t *event, size_t size) {
  if (begins(event, size, "IM") && size >= IMAGE_HEADER_BYTES) {
    uint32_t id = read_u32(event + PREFIX_BYTES);
    if (done_has(answered, id)) return true;
    return folder_take_in(id, event + IMAGE_HEADER_BYTES, size - IMAGE_HEADER_BYTES) || complain("taken in", id);
  }
  bool keep = begins(event, size, "ST");
  if ((keep || begins(event, size, "DE")) && size == ORDER_BYTES) {
    return carry_out(client, answered, keep, read_u32(event + PREFIX_BYTES), read_u16(event + PREFIX_BYTES + 4));
  }
  fprintf(stderr, "store: an event of %zu bytes that is neither a picture nor an order\n", size);
  return false;
}

int main(void) {
  const char *out = getenv("TRAIL_CAMERA_OUT");
  if (out == NULL || !folder_open(out)) {
    fprintf(stderr, "store: TRAIL_CAMERA_OUT has to name a folder: %s\n", out ? strerror(errno) : "it is not set");
    return EXIT_FAILURE;
  }
  ee_client *client;
  ee_event *event;
  done answered = {0};
  bool fine = true;
  ee_status status = ee_connect(NULL, NULL, &client);
  while (fine && status == EE_OK && (status = ee_next_event(client, EE_NO_TIMEOUT, &event)) == EE_OK) {
    fine = handle(client, &answered, ee_event_data(event), ee_event_size(event));
    ee_event_free(event);
  }
  if (status == EE_CLOSED) status = ee_quit(client, EE_NO_TIMEOUT); /* the application is ending */
  if (status != EE_OK) fprintf(stderr, "store: %s\n", ee_error_text(client));
  ee_close(client);
  done_free(&answered);
  return fine && status == EE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
