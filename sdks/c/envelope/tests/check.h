/* A test is a function; CHECK counts, and says where it failed. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

extern int checks_failed;

#define CHECK(condition, ...)                                         \
  do {                                                                \
    if (!(condition)) {                                               \
      checks_failed++;                                                \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      fprintf(stderr, __VA_ARGS__);                                   \
      fputc('\n', stderr);                                            \
    }                                                                 \
  } while (0)

/* The vectors of the file, replayed; vectors.c. */
void test_sealing_gives_the_bytes_of_the_vectors(void);
void test_opening_gives_the_envelopes_and_errors_of_the_vectors(void);

/* hostile.c. */
void test_mutated_events_open_or_fail(void);
void test_every_shorter_event_opens_or_fails(void);
void test_text_that_cannot_travel_is_not_sealed(void);
void test_misuse_is_invalid(void);
void test_every_failing_allocation_is_reported(void);
void test_now_is_a_time(void);
void test_every_status_has_a_text(void);

#endif
