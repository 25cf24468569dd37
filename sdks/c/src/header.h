/* Headers of the session profile: prefix, verb, and key=value parameters. */
#ifndef EE_HEADER_H
#define EE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"
#include "event_engine.h"

/* The shortest parameter is " k=". */
#define EE_HEADER_PARAMS_MAX (EE_HEADER_MAX_BYTES / 3)

/* Largest integer of a header. */
#define EE_INTEGER_MAX ((uint64_t)INT64_MAX)

typedef struct ee_param {
  uint16_t key, key_size, value, value_size; /* offsets into the header */
} ee_param;

/* A header whose grammar is checked. It refers to the frame that it was read from. */
typedef struct ee_header {
  const char *text;
  uint16_t verb, verb_size;
  size_t params_count;
  ee_param params[EE_HEADER_PARAMS_MAX];
} ee_header;

typedef enum ee_key { EE_KEY_FOUND, EE_KEY_MISSING, EE_KEY_MALFORMED } ee_key;

/* Reads a header that must begin with `prefix`. False if the grammar is broken or a key given twice. */
bool ee_header_read(ee_header *header, const char *prefix, ee_bytes frame);

/* Whether the verb is this one. */
bool ee_header_is(const ee_header *header, const char *verb);

/* Gives the decoded value of a key, NUL-terminated. Malformed also if it holds a NUL or does not fit. */
ee_key ee_header_text(const ee_header *header, const char *key, char *value, size_t capacity);

/* Gives the integer value of a key. */
ee_key ee_header_integer(const ee_header *header, const char *key, uint64_t *value);

/* A header that is being written. The library's own headers are far shorter than the limit. */
typedef struct ee_writer {
  char text[EE_HEADER_MAX_BYTES];
  size_t size;
} ee_writer;

void ee_write_verb(ee_writer *writer, const char *prefix, const char *verb);
void ee_write_text(ee_writer *writer, const char *key, const char *value);
void ee_write_integer(ee_writer *writer, const char *key, uint64_t value);

#endif
