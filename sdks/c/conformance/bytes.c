#include "bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char digits[] = "0123456789abcdef";

void *allocate(size_t count, size_t size) {
  void *memory = calloc(count + !count, size + !size);
  if (!memory) abort();
  return memory;
}

/* Characters that stand for `bits` bits each, up to the first one that is not in the set: padding, or the end. */
static bytes decode(const json_t *text, const char *set, unsigned bits) {
  size_t length = json_string_length(text);
  const char *from = json_string_value(text);
  unsigned char values[256];
  memset(values, 0xff, sizeof values);
  for (size_t i = 0; set[i]; i++) values[(unsigned char)set[i]] = (unsigned char)i;
  bytes result = {allocate(length + 1, 1), 0};
  uint32_t held = 0;
  unsigned count = 0;
  for (size_t i = 0; i < length && values[(unsigned char)from[i]] != 0xff; i++) {
    held = held << bits | values[(unsigned char)from[i]];
    count += bits;
    if (count >= 8) result.data[result.size++] = (unsigned char)(held >> (count -= 8));
  }
  return result;
}

bytes from_base64(const json_t *text) { return decode(text, alphabet, 6); }
bytes from_hex(const json_t *text) { return decode(text, digits, 4); }

json_t *to_base64(const void *data, size_t size) {
  const unsigned char *from = data;
  size_t length = (size + 2) / 3 * 4;
  char *text = allocate(length + 1, 1), *to = text;
  for (size_t i = 0; i < size; i += 3) {
    uint32_t three = (uint32_t)from[i] << 16;
    if (i + 1 < size) three |= (uint32_t)from[i + 1] << 8;
    if (i + 2 < size) three |= from[i + 2];
    *to++ = alphabet[three >> 18];
    *to++ = alphabet[three >> 12 & 63];
    *to++ = i + 1 < size ? alphabet[three >> 6 & 63] : '=';
    *to++ = i + 2 < size ? alphabet[three & 63] : '=';
  }
  json_t *result = json_stringn_nocheck(text, length);
  free(text);
  return result;
}

json_t *to_hex(const void *data, size_t size) {
  const unsigned char *from = data;
  char *text = allocate(size * 2 + 1, 1);
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = digits[from[i] >> 4];
    text[2 * i + 1] = digits[from[i] & 15];
  }
  json_t *result = json_stringn_nocheck(text, size * 2);
  free(text);
  return result;
}
