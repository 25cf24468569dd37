#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

static void set(ee_failure *failure, ee_status status, const char *code, const char *format, va_list arguments) {
  failure->status = status;
  snprintf(failure->code, sizeof failure->code, "%s", code);
  vsnprintf(failure->text, sizeof failure->text, format, arguments);
}

ee_status ee_fail(ee_failure *failure, ee_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  set(failure, status, "", format, arguments);
  va_end(arguments);
  return status;
}

ee_status ee_reject(ee_failure *failure, const char *code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  set(failure, EE_REJECTED, code, format, arguments);
  va_end(arguments);
  return EE_REJECTED;
}

void ee_printable(char *to, size_t capacity, const void *bytes, size_t size) {
  const unsigned char *from = bytes;
  size_t length = size < capacity ? size : capacity - 1;
  for (size_t i = 0; i < length; i++) to[i] = (char)(from[i] < 0x20 || from[i] == 0x7f ? '?' : from[i]);
  to[length] = '\0';
}
