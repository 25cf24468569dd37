/* Seals a reading, and opens it again as a subscriber of "reading: " would. */

#include <event_engine_envelope.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  const ee_envelope reading = {.id = "1",
                               .source = "/sensors/7",
                               .type = "org.example.reading",
                               .datacontenttype = "text/plain",
                               .subject = "room/1",
                               .data = "21.5",
                               .data_size = 4};
  void *event = NULL;
  size_t size = 0;
  ee_envelope_status status = ee_envelope_seal("reading: ", 9, &reading, &event, &size);
  if (status != EE_ENVELOPE_OK) {
    fprintf(stderr, "%s\n", ee_envelope_status_text(status));
    return 1;
  }
  /* Publish the event; another plugin gets it from ee_next_event. */

  ee_envelope *received = NULL;
  status = ee_envelope_open("reading: ", 9, event, size, &received);
  if (status == EE_ENVELOPE_OK) {
    printf("%s %s from %s: %.*s\n", received->type, received->id, received->source, (int)received->data_size,
           (const char *)received->data);
    ee_envelope_free(received);
  }
  if (ee_envelope_open("alarm: ", 7, event, size, &received) == EE_ENVELOPE_FILTER_MISMATCH) {
    printf("not an alarm: %s\n", ee_envelope_status_text(EE_ENVELOPE_FILTER_MISMATCH));
  }
  free(event);
  return status == EE_ENVELOPE_OK ? 0 : 1;
}
