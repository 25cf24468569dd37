#include "check.h"

int checks_failed;

#define TEST(name) {#name, name}

int main(void) {
  const struct {
    const char *name;
    void (*run)(void);
  } tests[] = {
      TEST(test_sealing_gives_the_bytes_of_the_vectors),
      TEST(test_opening_gives_the_envelopes_and_errors_of_the_vectors),
      TEST(test_mutated_events_open_or_fail),
      TEST(test_every_shorter_event_opens_or_fails),
      TEST(test_text_that_cannot_travel_is_not_sealed),
      TEST(test_misuse_is_invalid),
      TEST(test_every_failing_allocation_is_reported),
      TEST(test_now_is_a_time),
      TEST(test_every_status_has_a_text),
  };
  int passed = 0;
  int failed = 0;
  for (size_t index = 0; index < sizeof tests / sizeof *tests; index++) {
    checks_failed = 0;
    tests[index].run();
    if (checks_failed == 0) {
      passed++;
    } else {
      failed++;
      fprintf(stderr, "%s failed\n", tests[index].name);
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
