/* Bytes and arguments that nobody should send; linked with --wrap=malloc. */

#include "check.h"
#include "event_engine_envelope.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FILTER "reading: "
#define FILTER_SIZE (sizeof FILTER - 1)
enum { ROUNDS = 200000, MUTATIONS_MAX = 4 };

static const ee_envelope everything = {.id = "7f3c",
                                       .source = "/sensors/7",
                                       .type = "org.example.reading",
                                       .has_time = true,
                                       .time_seconds = 1767225600,
                                       .time_nanos = 123456789,
                                       .datacontenttype = "text/plain",
                                       .subject = "\xe6\x97\xa5",
                                       .cause_id = "7f3b",
                                       .data = "\0\xff\n",
                                       .data_size = 3};

/* Which allocation from now on fails, the first being 1; 0: none. */
static int failing_allocation;
static int allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) {
  allocations++;
  return allocations == failing_allocation ? NULL : __real_malloc(size);
}

/* xorshift64*, from a fixed seed: a failure comes again. */
static uint64_t state = 0x5eed;
static size_t below(size_t limit) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (size_t)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % limit;
}

static unsigned char *sealed(size_t *size) {
  void *event = NULL;
  ee_envelope_status status = ee_envelope_seal(FILTER, FILTER_SIZE, &everything, &event, size);
  CHECK(status == EE_ENVELOPE_OK, "%s", ee_envelope_status_text(status));
  if (event == NULL) abort();
  return event;
}

static size_t mutate(unsigned char *event, size_t size) {
  for (size_t left = 1 + below(MUTATIONS_MAX); left > 0; left--) {
    size_t at = FILTER_SIZE + below(size - FILTER_SIZE + 1);
    unsigned char byte = (unsigned char)below(256);
    size_t change = below(3);
    if (at < size && change == 0) {
      event[at] = byte;
    } else if (at < size && change == 1) {
      size = at;
    } else {
      memmove(event + at + 1, event + at, size - at);
      event[at] = byte;
      size++;
    }
  }
  return size;
}

static bool same_again(const ee_envelope *opened) {
  void *first = NULL;
  void *second = NULL;
  size_t first_size = 0;
  size_t second_size = 0;
  ee_envelope *again = NULL;
  bool same = ee_envelope_seal(FILTER, FILTER_SIZE, opened, &first, &first_size) == EE_ENVELOPE_OK &&
              ee_envelope_open(FILTER, FILTER_SIZE, first, first_size, &again) == EE_ENVELOPE_OK &&
              ee_envelope_seal(FILTER, FILTER_SIZE, again, &second, &second_size) == EE_ENVELOPE_OK &&
              first_size == second_size && memcmp(first, second, first_size) == 0;
  free(first);
  free(second);
  ee_envelope_free(again);
  return same;
}

void test_mutated_events_open_or_fail(void) {
  size_t whole_size = 0;
  unsigned char *whole = sealed(&whole_size);
  int opened = 0;
  int failed = 0;
  for (int round = 0; round < ROUNDS; round++) {
    /* A block of its own, so that a sanitizer sees reading past it. */
    unsigned char *changed = malloc(whole_size + MUTATIONS_MAX);
    if (changed == NULL) abort();
    memcpy(changed, whole, whole_size);
    size_t size = mutate(changed, whole_size);
    unsigned char *event = malloc(size);
    if (event == NULL) abort();
    memcpy(event, changed, size);
    ee_envelope *envelope = NULL;
    ee_envelope_status status = ee_envelope_open(FILTER, FILTER_SIZE, event, size, &envelope);
    if (status == EE_ENVELOPE_OK) {
      opened++;
      CHECK(same_again(envelope), "round %d", round);
    } else {
      failed++;
      CHECK(status >= EE_ENVELOPE_MALFORMED, "round %d: %s", round, ee_envelope_status_text(status));
    }
    ee_envelope_free(envelope);
    free(event);
    free(changed);
  }
  CHECK(opened > ROUNDS / 100 && failed > ROUNDS / 100, "%d opened, %d failed", opened, failed);
  free(whole);
}

void test_every_shorter_event_opens_or_fails(void) {
  size_t size = 0;
  unsigned char *whole = sealed(&size);
  for (size_t length = 0; length < size; length++) {
    ee_envelope *envelope = NULL;
    ee_envelope_status status = ee_envelope_open(FILTER, FILTER_SIZE, whole, length, &envelope);
    CHECK((status == EE_ENVELOPE_FILTER_MISMATCH) == (length < FILTER_SIZE), "%zu", length);
    ee_envelope_free(envelope);
  }
  free(whole);
}

void test_text_that_cannot_travel_is_not_sealed(void) {
  static const char *const not_utf8[] = {
      "\x80",             /* begins in the middle */
      "\xc3",             /* ends in the middle */
      "\xc3(",            /* goes on with another character */
      "\xe6\x97",         /* of three bytes */
      "\xf0\x9f\x8c",     /* of four */
      "\xc1\xbf",         /* overlong */
      "\xe0\x9f\xbf",     /* of three bytes */
      "\xf0\x8f\xbf\xbf", /* of four */
      "\xed\xa0\x80",     /* the first surrogate */
      "\xed\xbf\xbf",     /* the last */
      "\xf4\x90\x80\x80", /* beyond Unicode */
      "\xf5\x80\x80\x80",
      "\xff",
  };
  static const char *const utf8[] = {"\x7f",         "\xc2\x80",         "\xdf\xbf",
                                     "\xe0\xa0\x80", "\xed\x9f\xbf",     "\xee\x80\x80",
                                     "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
  ee_envelope envelope = everything;
  for (size_t index = 0; index < sizeof not_utf8 / sizeof *not_utf8; index++) {
    envelope.subject = not_utf8[index];
    void *event = &envelope;
    size_t size = 1;
    CHECK(ee_envelope_seal(NULL, 0, &envelope, &event, &size) == EE_ENVELOPE_MALFORMED, "%zu", index);
    CHECK(event == NULL && size == 0, "%zu leaves something", index);
  }
  for (size_t index = 0; index < sizeof utf8 / sizeof *utf8; index++) {
    envelope.subject = utf8[index];
    CHECK(same_again(&envelope), "%zu", index);
  }
}

void test_misuse_is_invalid(void) {
  void *event = NULL;
  size_t size = 0;
  ee_envelope *envelope = NULL;
  ee_envelope no_data = everything;
  no_data.data = NULL;
  ee_envelope too_large = everything;
  too_large.data_size = SIZE_MAX;
  CHECK(ee_envelope_seal(NULL, 0, NULL, &event, &size) == EE_ENVELOPE_INVALID, "no envelope");
  CHECK(ee_envelope_seal(NULL, 0, &everything, NULL, &size) == EE_ENVELOPE_INVALID, "no event");
  CHECK(ee_envelope_seal(NULL, 0, &everything, &event, NULL) == EE_ENVELOPE_INVALID, "no size");
  CHECK(ee_envelope_seal(NULL, 1, &everything, &event, &size) == EE_ENVELOPE_INVALID, "no filter");
  CHECK(ee_envelope_seal("", SIZE_MAX, &everything, &event, &size) == EE_ENVELOPE_INVALID, "sizes overflow");
  CHECK(ee_envelope_seal(NULL, 0, &no_data, &event, &size) == EE_ENVELOPE_INVALID, "no data");
  CHECK(ee_envelope_seal(NULL, 0, &too_large, &event, &size) == EE_ENVELOPE_INVALID, "too large");
  CHECK(ee_envelope_open(NULL, 1, "x", 1, &envelope) == EE_ENVELOPE_INVALID, "no filter");
  CHECK(ee_envelope_open(NULL, 0, NULL, 1, &envelope) == EE_ENVELOPE_INVALID, "no event");
  CHECK(ee_envelope_open(NULL, 0, "x", 1, NULL) == EE_ENVELOPE_INVALID, "no envelope");
  CHECK(ee_envelope_open(NULL, 0, NULL, 0, &envelope) == EE_ENVELOPE_MISSING_ID, "the empty event");
  ee_envelope_free(NULL);
  ee_envelope_set_time_now(NULL);
}

void test_every_failing_allocation_is_reported(void) {
  size_t whole_size = 0;
  unsigned char *whole = sealed(&whole_size);
  void *event = NULL;
  size_t size = 0;
  allocations = 0;
  failing_allocation = 1;
  CHECK(ee_envelope_seal(NULL, 0, &everything, &event, &size) == EE_ENVELOPE_NO_MEMORY && event == NULL, "seal");
  ee_envelope_status status = EE_ENVELOPE_NO_MEMORY;
  int failures = 0;
  while (status == EE_ENVELOPE_NO_MEMORY && failures < 100) {
    ee_envelope *envelope = NULL;
    allocations = 0;
    failing_allocation = ++failures;
    status = ee_envelope_open(FILTER, FILTER_SIZE, whole, whole_size, &envelope);
    CHECK((envelope != NULL) == (status == EE_ENVELOPE_OK), "allocation %d", failures);
    ee_envelope_free(envelope);
  }
  failing_allocation = 0;
  CHECK(status == EE_ENVELOPE_OK, "%s", ee_envelope_status_text(status));
  /* The message, its texts, its time, its data, and the copy. */
  CHECK(failures > 10, "%d allocations", failures);
  free(whole);
}

void test_now_is_a_time(void) {
  ee_envelope envelope = {.id = "1", .source = "/s", .type = "t"};
  ee_envelope_set_time_now(&envelope);
  CHECK(envelope.has_time && envelope.time_seconds > 1767225600, "%lld", (long long)envelope.time_seconds);
  CHECK(same_again(&envelope), "it travels");
}

void test_every_status_has_a_text(void) {
  for (int status = EE_ENVELOPE_OK; status <= EE_ENVELOPE_MISSING_TYPE; status++) {
    const char *text = ee_envelope_status_text((ee_envelope_status)status);
    CHECK(strcmp(text, "no status of this version") != 0, "%d", status);
  }
  CHECK(strcmp(ee_envelope_status_text((ee_envelope_status)99), "no status of this version") == 0, "99");
}
