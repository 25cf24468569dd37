/* Byte strings as the adapter protocol writes them: Base64, and hex in envelopes. */
#ifndef CONFORMANCE_BYTES_H
#define CONFORMANCE_BYTES_H

#include <jansson.h>
#include <stddef.h>

/* Bytes that are to be freed; never NULL. */
typedef struct bytes {
  unsigned char *data;
  size_t size;
} bytes;

/* Memory, or the end of the process. */
void *allocate(size_t count, size_t size);

/* The bytes that a JSON string stands for; none if it is no string. */
bytes from_base64(const json_t *text);
bytes from_hex(const json_t *text);

/* A new JSON string. */
json_t *to_base64(const void *data, size_t size);
json_t *to_hex(const void *data, size_t size);

#endif
