/* The seed application's external plugin in C: takes ten events, says goodbye, quits. */
#include <event_engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 10 /* five of TypeA, five of TypeB */, WAIT_MS = 30000 };

static const char goodbye[] = "TypeCGoodbye from the external plugin";

int main(void) {
  const char *endpoint = getenv("EVENT_ENGINE_ENDPOINT");
  ee_options options = EE_OPTIONS_INIT;
  options.timeout_ms = WAIT_MS;
  ee_client *client;
  ee_status status = ee_connect(endpoint ? endpoint : "tcp://127.0.0.1:6000", &options, &client);
  for (int i = 0; i < EVENTS && status == EE_OK; i++) {
    ee_event *event;
    status = ee_next_event(client, WAIT_MS, &event);
    if (status != EE_OK) break;
    printf("plugin got %.*s\n", (int)ee_event_size(event), (const char *)ee_event_data(event));
    ee_event_free(event);
  }
  if (status == EE_OK) status = ee_publish(client, goodbye, strlen(goodbye), WAIT_MS, NULL);
  if (status == EE_OK) printf("plugin published %s\n", goodbye);
  if (status == EE_OK) status = ee_quit(client, WAIT_MS);
  if (status != EE_OK) fprintf(stderr, "plugin: %s: %s\n", ee_status_name(status), ee_error_text(client));
  ee_close(client);
  return status == EE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
