/* What protobuf's libraries disagree about, decided: an attribute in a wrong wire type is skipped by some and refused
 * by others, and so are groups, over-long integers, text that is not UTF-8 and U+0000. Every SDK makes this check
 * before its library decodes, so that all of them open the same events. */

#include "wire.h"

#include <string.h>

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
enum { TAG_MAX_BYTES = 5, VARINT_MAX_BYTES = 10 }; /* a length has as many bytes as a tag */

#define SECONDS_MIN (-INT64_C(62135596800)) /* 0001-01-01T00:00:00Z */
#define SECONDS_MAX INT64_C(253402300799)   /* 9999-12-31T23:59:59Z */
#define NANOS_MAX 999999999

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} reader;

typedef struct {
  uint64_t number;
  uint64_t wire_type;
  uint64_t integer;     /* of a VARINT */
  const uint8_t *bytes; /* of a LENGTH */
  size_t size;
} field;

static bool read_varint(reader *from, int max_bytes, uint64_t max, uint64_t *value) {
  *value = 0;
  for (int index = 0; index < max_bytes && from->at < from->end; index++) {
    uint8_t byte = *from->at++;
    uint64_t bits = byte & 0x7fU;
    /* Of the tenth byte only one bit is left. */
    if (index == VARINT_MAX_BYTES - 1 && bits > 1) return false;
    *value |= bits << (7 * index);
    if (byte < 0x80) return *value <= max;
  }
  return false;
}

static bool read_field(reader *from, field *out) {
  uint64_t tag = 0;
  uint64_t size = 0;
  const uint8_t *start = from->at;
  if (!read_varint(from, TAG_MAX_BYTES, UINT32_MAX, &tag)) return false;
  /* Padded: protobuf's slower runtime for Python takes such a tag for one that it does not know. */
  if (from->at > start + 1 && from->at[-1] == 0) return false;
  out->number = tag >> 3;
  out->wire_type = tag & 7;
  if (out->number == 0) return false;
  switch (out->wire_type) {
    case VARINT:
      if (!read_varint(from, VARINT_MAX_BYTES, UINT64_MAX, &out->integer)) return false;
      break;
    case FIXED64: size = 8; break;
    case LENGTH:
      if (!read_varint(from, TAG_MAX_BYTES, UINT32_MAX, &size)) return false;
      break;
    case FIXED32: size = 4; break;
    default: return false;
  }
  if (size > (uint64_t)(from->end - from->at)) return false;
  out->bytes = from->at;
  out->size = (size_t)size;
  from->at += out->size;
  return true;
}

/* A number's two's complement, without relying on how the compiler converts. */
static int64_t signed_of(uint64_t value) {
  return value <= INT64_MAX ? (int64_t)value : -(int64_t)(UINT64_MAX - value) - 1;
}

static bool is_timestamp(const uint8_t *body, size_t size, ee_wire_time *time) {
  reader from = {body, body + size};
  while (from.at < from.end) {
    field part = {0};
    if (!read_field(&from, &part)) return false;
    if (part.number > 2) continue;
    if (part.wire_type != VARINT) return false;
    if (part.number == 1) {
      time->seconds = signed_of(part.integer);
    } else if (part.integer <= NANOS_MAX) {
      time->nanos = (int32_t)part.integer;
    } else {
      return false;
    }
    if (!ee_wire_is_time(time->seconds, time->nanos)) return false;
  }
  return true;
}

bool ee_wire_is_envelope(const uint8_t *body, size_t size, ee_wire_time *time) {
  *time = (ee_wire_time){0, 0};
  reader from = {body, body + size};
  while (from.at < from.end) {
    field attribute = {0};
    if (!read_field(&from, &attribute)) return false;
    if (attribute.number > 8) continue;
    if (attribute.wire_type != LENGTH) return false;
    if (attribute.number == 4) {
      if (!is_timestamp(attribute.bytes, attribute.size, time)) return false;
    } else if (attribute.number != 8) {
      if (!ee_wire_is_text(attribute.bytes, attribute.size)) return false;
    }
  }
  return true;
}

bool ee_wire_is_time(int64_t seconds, int64_t nanos) {
  return seconds >= SECONDS_MIN && seconds <= SECONDS_MAX && nanos >= 0 && nanos <= NANOS_MAX;
}

/* Bytes of the character that begins here, 0 if it is none. */
static size_t character(const uint8_t *at, size_t left) {
  uint8_t first = at[0];
  size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0 || length > left || first == 0) return 0;
  for (size_t index = 1; index < length; index++) {
    if ((at[index] & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && at[1] < 0xa0) return 0;  /* overlong */
  if (first == 0xed && at[1] >= 0xa0) return 0; /* a surrogate */
  if (first == 0xf0 && at[1] < 0x90) return 0;  /* overlong */
  if (first == 0xf4 && at[1] >= 0x90) return 0; /* beyond U+10FFFF */
  return length;
}

bool ee_wire_is_text(const uint8_t *text, size_t size) {
  while (size > 0) {
    size_t length = character(text, size);
    if (length == 0) return false;
    text += length;
    size -= length;
  }
  return true;
}
