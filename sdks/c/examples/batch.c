/* Publishes numbered events, a thousand at a time, and quits.
 * usage: EVENT_ENGINE_ENDPOINT=tcp://127.0.0.1:6000 batch PREFIX THOUSANDS */
#include <event_engine.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1000, EVENT_SIZE = 64 };

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: batch PREFIX THOUSANDS\n");
    return EXIT_FAILURE;
  }
  static char bytes[BATCH][EVENT_SIZE];
  static ee_bytes events[BATCH];
  ee_client *client;
  ee_status status = ee_connect(NULL, NULL, &client);
  long number = 0, batches = strtol(arguments[2], NULL, 10);
  for (long batch = 0; batch < batches && status == EE_OK; batch++) {
    for (size_t i = 0; i < BATCH; i++) {
      int size = snprintf(bytes[i], EVENT_SIZE, "%.40s%08ld", arguments[1], number++);
      events[i] = (ee_bytes){bytes[i], (size_t)size};
    }
    status =
        ee_publish_batch(client, events, BATCH, EE_NO_TIMEOUT, NULL); /* all of them are accepted when it returns */
  }
  if (status == EE_OK) status = ee_quit(client, EE_NO_TIMEOUT);
  if (status != EE_OK) fprintf(stderr, "batch: %s: %s\n", ee_status_name(status), ee_error_text(client));
  ee_close(client);
  return status == EE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
