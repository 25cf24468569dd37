/* Publishes back every event that comes, until the application ends or somebody presses Ctrl-C.
 * usage: EVENT_ENGINE_ENDPOINT=tcp://127.0.0.1:6000 echo PREFIX     each event comes back as PREFIX and its bytes */
#include <event_engine.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ee_client *client;
static volatile sig_atomic_t stopped;

static void on_signal(int signal) {
  (void)signal;
  stopped = 1;
  ee_interrupt(client);
}

/* Publishes one event behind a prefix. */
static ee_status answer(const char *prefix, const ee_event *event) {
  size_t prefix_size = strlen(prefix), size = prefix_size + ee_event_size(event);
  char *bytes = malloc(size + 1);
  if (!bytes) return EE_NO_MEMORY;
  memcpy(bytes, prefix, prefix_size);
  memcpy(bytes + prefix_size, ee_event_data(event), ee_event_size(event));
  ee_status status = ee_publish(client, bytes, size, EE_NO_TIMEOUT, NULL);
  free(bytes);
  return status;
}

int main(int count, char **arguments) {
  const char *prefix = count > 1 ? arguments[1] : "echo: ";
  ee_event *event;
  ee_status status = ee_connect(NULL, NULL, &client);
  if (status == EE_OK) signal(SIGINT, on_signal);
  while (status == EE_OK && !stopped) {
    status = ee_next_event(client, EE_NO_TIMEOUT, &event);
    if (status != EE_OK) break;
    status = answer(prefix, event);
    ee_event_free(event);
  }
  /* The application is ending, or Ctrl-C: both are a good end. */
  if (status == EE_CLOSED || stopped) status = ee_quit(client, EE_NO_TIMEOUT);
  if (status != EE_OK) fprintf(stderr, "echo: %s: %s\n", ee_status_name(status), ee_error_text(client));
  ee_close(client);
  return status == EE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
