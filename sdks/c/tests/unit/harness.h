/* The smallest test harness that will do: a test is a function, a failed check ends the program's success and is shown.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int harness_passed, harness_failed, harness_broken;

#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) {                                                          \
      fprintf(stderr, "%s:%d: is not so: %s\n", __FILE__, __LINE__, #condition); \
      harness_broken = 1;                                                        \
    }                                                                            \
  } while (0)

/* Ends a test and counts it. */
static inline void harness_count(const char *name) {
  if (harness_broken) {
    fprintf(stderr, "FAILED %s\n", name);
    harness_failed++;
  } else {
    harness_passed++;
  }
  harness_broken = 0;
}

#define RUN(test) (test(), harness_count(#test))

/* Prints the last line of a test program and gives its exit status. */
static inline int harness_end(void) {
  printf("%d passed, %d failed\n", harness_passed, harness_failed);
  return harness_failed > 0 || harness_passed == 0;
}

#endif
