/* The rules of an envelope's bytes, before protobuf-c decodes them. */
#ifndef EE_ENVELOPE_WIRE_H
#define EE_ENVELOPE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A time as it stands in an envelope. */
typedef struct {
  int64_t seconds;
  int32_t nanos;
} ee_wire_time;

/* Whether body is a well-formed Envelope. Its time, if it has one, is put into *time: where a time comes twice its
 * parts are to be merged, which protobuf-c does not do. */
bool ee_wire_is_envelope(const uint8_t *body, size_t size, ee_wire_time *time);

/* Whether the time is in the years 1 to 9999. */
bool ee_wire_is_time(int64_t seconds, int64_t nanos);

/* Whether text is UTF-8 without U+0000. */
bool ee_wire_is_text(const uint8_t *text, size_t size);

#endif
