#include "header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The value of a hexadecimal digit, or -1. */
static int hex(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (is_lower(c) && c <= 'f') return c - 'a' + 10;
  return -1;
}

/* The length of the word, [a-z][a-z0-9-]*, at `at`; 0 if there is none. */
static size_t word(const char *text, size_t size, size_t at) {
  size_t end = at;
  if (end == size || !is_lower(text[end])) return 0;
  while (end < size && (is_lower(text[end]) || is_digit(text[end]) || text[end] == '-')) end++;
  return end - at;
}

/* Gives the end of the value that begins at `at`; false if it holds what no value can. */
static bool value_end(const char *text, size_t size, size_t at, size_t *end) {
  while (at < size && text[at] != ' ') {
    if (text[at] < 0x21 || text[at] > 0x7e) return false;
    if (text[at] == '%') {
      if (size - at < 3 || hex(text[at + 1]) < 0 || hex(text[at + 2]) < 0) return false;
      at += 2;
    }
    at++;
  }
  *end = at;
  return true;
}

static const ee_param *find(const ee_header *header, const char *key, size_t key_size) {
  for (size_t i = 0; i < header->params_count; i++) {
    const ee_param *param = &header->params[i];
    if (param->key_size == key_size && memcmp(header->text + param->key, key, key_size) == 0) return param;
  }
  return NULL;
}

bool ee_header_read(ee_header *header, const char *prefix, ee_bytes frame) {
  const char *text = frame.data;
  size_t size = frame.size, at = strlen(prefix);
  if (size > EE_HEADER_MAX_BYTES || size < at || memcmp(text, prefix, at) != 0) return false;
  header->text = text;
  header->params_count = 0;
  header->verb = (uint16_t)at;
  header->verb_size = (uint16_t)word(text, size, at);
  if (header->verb_size == 0) return false;
  at += header->verb_size;
  while (at < size) {
    if (text[at] != ' ') return false;
    size_t key = at + 1, key_size = word(text, size, key), value = key + key_size + 1, end;
    if (key_size == 0 || value > size || text[value - 1] != '=') return false;
    if (!value_end(text, size, value, &end) || find(header, text + key, key_size)) return false;
    header->params[header->params_count++] = (ee_param){
        .key = (uint16_t)key,
        .key_size = (uint16_t)key_size,
        .value = (uint16_t)value,
        .value_size = (uint16_t)(end - value),
    };
    at = end;
  }
  return true;
}

bool ee_header_is(const ee_header *header, const char *verb) {
  return strlen(verb) == header->verb_size && memcmp(header->text + header->verb, verb, header->verb_size) == 0;
}

ee_key ee_header_text(const ee_header *header, const char *key, char *value, size_t capacity) {
  const ee_param *param = find(header, key, strlen(key));
  if (!param) return EE_KEY_MISSING;
  const char *from = header->text + param->value, *end = from + param->value_size;
  size_t size = 0;
  while (from < end) {
    char c = *from++;
    if (c == '%') {
      c = (char)(hex(from[0]) * 16 + hex(from[1]));
      from += 2;
    }
    if (c == '\0' || size + 1 >= capacity) return EE_KEY_MALFORMED;
    value[size++] = c;
  }
  value[size] = '\0';
  return EE_KEY_FOUND;
}

ee_key ee_header_integer(const ee_header *header, const char *key, uint64_t *value) {
  char digits[24];
  ee_key found = ee_header_text(header, key, digits, sizeof digits);
  if (found != EE_KEY_FOUND) return found;
  if (digits[0] == '\0' || (digits[0] == '0' && digits[1] != '\0')) return EE_KEY_MALFORMED;
  uint64_t number = 0;
  for (const char *digit = digits; *digit; digit++) {
    if (!is_digit(*digit)) return EE_KEY_MALFORMED;
    uint64_t unit = (uint64_t)(*digit - '0');
    if (number > (EE_INTEGER_MAX - unit) / 10) return EE_KEY_MALFORMED;
    number = number * 10 + unit;
  }
  *value = number;
  return EE_KEY_FOUND;
}

static void append(ee_writer *writer, const char *text, size_t size) {
  if (size > sizeof writer->text - writer->size) size = sizeof writer->text - writer->size;
  memcpy(writer->text + writer->size, text, size);
  writer->size += size;
}

void ee_write_verb(ee_writer *writer, const char *prefix, const char *verb) {
  writer->size = 0;
  append(writer, prefix, strlen(prefix));
  append(writer, verb, strlen(verb));
}

static void append_key(ee_writer *writer, const char *key) {
  append(writer, " ", 1);
  append(writer, key, strlen(key));
  append(writer, "=", 1);
}

void ee_write_text(ee_writer *writer, const char *key, const char *value) {
  static const char digits[] = "0123456789ABCDEF";
  append_key(writer, key);
  for (; *value; value++) {
    unsigned char byte = (unsigned char)*value;
    if (is_lower(*value) || is_digit(*value) || (byte >= 'A' && byte <= 'Z') || strchr("-._~/:+", byte)) {
      append(writer, value, 1);
    } else {
      append(writer, (const char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
    }
  }
}

void ee_write_integer(ee_writer *writer, const char *key, uint64_t value) {
  char digits[24];
  int size = snprintf(digits, sizeof digits, "%" PRIu64, value);
  append_key(writer, key);
  append(writer, digits, (size_t)size);
}
