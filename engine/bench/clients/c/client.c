/**
 * The bench's client with the C SDK.
 *
 *     c-client receive|publish ENDPOINT EVENTS BYTES
 *
 * It prints one line of JSON: how many events, when (nanoseconds since 1970), and for events that carry a time, how
 * long each travelled.
 */
#include <event_engine.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILTER "bench:"
#define FILTER_SIZE (sizeof FILTER - 1)
#define NUMBER_SIZE 8
/** Events in one ee_publish_batch(). */
#define BATCH 10000

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t get_number(const unsigned char *data) {
  uint64_t number = 0;
  for (int i = NUMBER_SIZE - 1; i >= 0; i--) number = number << 8 | data[i];
  return number;
}

static void put_number(unsigned char *data, uint64_t number) {
  for (int i = 0; i < NUMBER_SIZE; i++) data[i] = (unsigned char)(number >> (8 * i));
}

static int failed(const ee_client *client, ee_status status) {
  fprintf(stderr, "c-client: %s: %s\n", ee_status_name(status), ee_error_text(client));
  return EXIT_FAILURE;
}

static int receive(ee_client *client, uint64_t events, size_t size) {
  int64_t *latencies_ns = calloc(events, sizeof *latencies_ns);
  if (latencies_ns == NULL) return EXIT_FAILURE;
  uint64_t timed = 0;
  for (uint64_t number = 0; number < events; number++) {
    ee_event *event;
    ee_status status = ee_next_event(client, EE_NO_TIMEOUT, &event);
    if (status != EE_OK) return failed(client, status);
    const unsigned char *data = ee_event_data(event);
    if (ee_event_size(event) != size || get_number(data + FILTER_SIZE) != number) {
      fprintf(stderr, "c-client: event %" PRIu64 " is not the one that came\n", number);
      return EXIT_FAILURE;
    }
    uint64_t sent_ns = get_number(data + FILTER_SIZE + NUMBER_SIZE);
    if (sent_ns != 0) latencies_ns[timed++] = (int64_t)(now_ns() - sent_ns);
    ee_event_free(event);
  }
  uint64_t last_ns = now_ns();
  ee_status status = ee_quit(client, EE_NO_TIMEOUT);
  if (status != EE_OK) return failed(client, status);
  printf("{\"events\":%" PRIu64 ",\"last_ns\":%" PRIu64 ",\"latencies_ns\":[", events, last_ns);
  for (uint64_t i = 0; i < timed; i++) printf("%s%" PRId64, i == 0 ? "" : ",", latencies_ns[i]);
  puts("]}");
  free(latencies_ns);
  return EXIT_SUCCESS;
}

static int publish(ee_client *client, uint64_t events, size_t size) {
  unsigned char *bytes = malloc(events * size);
  ee_bytes *made = malloc(events * sizeof *made);
  if (bytes == NULL || made == NULL) return EXIT_FAILURE;
  memset(bytes, '.', events * size);
  for (uint64_t number = 0; number < events; number++) {
    unsigned char *event = bytes + number * size;
    memcpy(event, FILTER, FILTER_SIZE);
    put_number(event + FILTER_SIZE, number);
    put_number(event + FILTER_SIZE + NUMBER_SIZE, 0);
    made[number] = (ee_bytes){event, size};
  }
  uint64_t first_ns = now_ns();
  for (uint64_t first = 0; first < events; first += BATCH) {
    size_t count = events - first < BATCH ? events - first : BATCH;
    ee_status status = ee_publish_batch(client, made + first, count, EE_NO_TIMEOUT, NULL);
    if (status != EE_OK) return failed(client, status);
  }
  uint64_t last_ns = now_ns();
  ee_status status = ee_quit(client, EE_NO_TIMEOUT);
  if (status != EE_OK) return failed(client, status);
  printf("{\"events\":%" PRIu64 ",\"first_ns\":%" PRIu64 ",\"last_ns\":%" PRIu64 "}\n", events, first_ns, last_ns);
  free(made);
  free(bytes);
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fputs("usage: c-client receive|publish ENDPOINT EVENTS BYTES\n", stderr);
    return EXIT_FAILURE;
  }
  uint64_t events = strtoull(argv[3], NULL, 10);
  size_t size = strtoull(argv[4], NULL, 10);
  if (events == 0 || size < FILTER_SIZE + 2 * NUMBER_SIZE) {
    fputs("c-client: too few events or bytes\n", stderr);
    return EXIT_FAILURE;
  }
  ee_options options = EE_OPTIONS_INIT;
  options.profile = EE_PROFILE_SESSION;
  ee_client *client;
  ee_status status = ee_connect(argv[2], &options, &client);
  int result = status != EE_OK                   ? failed(client, status)
               : strcmp(argv[1], "publish") == 0 ? publish(client, events, size)
                                                 : receive(client, events, size);
  ee_close(client);
  return result;
}
