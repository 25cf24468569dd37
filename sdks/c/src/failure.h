/* What went wrong, in words. */
#ifndef EE_FAILURE_H
#define EE_FAILURE_H

#include "event_engine.h"

#define EE_CODE_SIZE 64
#define EE_TEXT_SIZE 512

typedef struct ee_failure {
  ee_status status;
  char code[EE_CODE_SIZE]; /* of EE_REJECTED */
  char text[EE_TEXT_SIZE];
} ee_failure;

/* Sets status and text, and clears the code; returns the status. */
__attribute__((format(printf, 3, 4))) ee_status ee_fail(ee_failure *failure, ee_status status, const char *format, ...);

/* Sets EE_REJECTED with its code and text; returns it. */
__attribute__((format(printf, 3, 4))) ee_status ee_reject(ee_failure *failure, const char *code, const char *format,
                                                          ...);

/* Copies what a peer said, with `?` for what does not belong into one line of text. */
void ee_printable(char *to, size_t capacity, const void *bytes, size_t size);

#endif
