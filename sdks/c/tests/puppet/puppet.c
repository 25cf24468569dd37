/* A client that does what its stdin says: one command a line, one answer a line. The integration tests drive it.
 *
 *   connect ENDPOINT|- [profile=auto|session|basic] [timeout=MS] [heartbeat=MS] [name=NAME]
 *   next MS                         one event:  EE_OK SEQUENCE REDELIVERED SIZE HEX     (at most 64 bytes of it)
 *   take COUNT MS [random SEED]     COUNT events numbered `down:%08d`; with `random`, by calls with time-outs of 0 to 3
 * ms and interrupts from another thread, until MS have passed without an event: STATUS taken N distinct D in_order B
 * first F last L redelivered R timeouts T duplex COUNT MS                 publishes COUNT events in batches of 500
 * while it takes COUNT; answer as for take hex MS DIGITS                   publishes one event:                 STATUS
 * ID publish FROM COUNT MS [SIZE]    publishes `up:%08d` one by one:     STATUS ID batch FROM COUNT MS [SIZE]      the
 * same by ee_publish_batch large SIZE MS                   publishes SIZE bytes quit MS | close | unsettled | text |
 * code | profile | interrupt | exit
 */
#include <event_engine.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX 16

static ee_client *client;

static void answer(ee_status status) { printf("%s\n", ee_status_name(status)); }

static int number(char **words, int count, int index, int otherwise) {
  return index < count ? atoi(words[index]) : otherwise;
}

/* ---- connect ------------------------------------------------------------------------------------------------ */

static void do_connect(char **words, int count) {
  ee_options options = EE_OPTIONS_INIT;
  for (int i = 2; i < count; i++) {
    char *value = strchr(words[i], '=');
    if (!value) continue;
    *value++ = '\0';
    if (strcmp(words[i], "timeout") == 0) options.timeout_ms = atoi(value);
    if (strcmp(words[i], "heartbeat") == 0) options.heartbeat_ms = atoi(value);
    if (strcmp(words[i], "name") == 0) options.client_name = value;
    if (strcmp(words[i], "profile") == 0) {
      options.profile = strcmp(value, "session") == 0 ? EE_PROFILE_SESSION
                        : strcmp(value, "basic") == 0 ? EE_PROFILE_BASIC
                                                      : EE_PROFILE_AUTO;
    }
  }
  ee_close(client);
  answer(ee_connect(strcmp(words[1], "-") == 0 ? NULL : words[1], &options, &client));
}

/* ---- events ------------------------------------------------------------------------------------------------- */

static void do_next(int timeout_ms) {
  ee_event *event;
  ee_status status = ee_next_event(client, timeout_ms, &event);
  printf("%s", ee_status_name(status));
  if (event) {
    const unsigned char *data = ee_event_data(event);
    printf(" %" PRIu64 " %d %zu ", ee_event_sequence(event), ee_event_redelivered(event), ee_event_size(event));
    for (size_t i = 0; i < ee_event_size(event) && i < 64; i++) printf("%02x", data[i]);
    ee_event_free(event);
  }
  printf("\n");
}

typedef struct tally {
  long taken, distinct, first, last, redelivered, timeouts;
  int in_order;
  unsigned char *seen;
  long seen_size;
} tally;

/* Counts one event; false if it is not numbered. */
static int count_event(tally *tally, const ee_event *event) {
  char digits[9] = "";
  if (ee_event_size(event) < 13 || memcmp(ee_event_data(event), "down:", 5) != 0) return 0;
  memcpy(digits, (const char *)ee_event_data(event) + 5, 8);
  long number = atol(digits);
  if (number >= tally->seen_size) {
    tally->seen = realloc(tally->seen, (size_t)number * 2 + 1);
    memset(tally->seen + tally->seen_size, 0, (size_t)(number * 2 + 1 - tally->seen_size));
    tally->seen_size = number * 2 + 1;
  }
  if (tally->taken++ == 0) tally->first = number;
  tally->distinct += !tally->seen[number];
  tally->seen[number] = 1;
  tally->in_order &= number > tally->last;
  tally->last = number;
  tally->redelivered += ee_event_redelivered(event);
  return 1;
}

static atomic_bool pestering;

static void *pester(void *argument) {
  unsigned seed = *(unsigned *)argument;
  while (atomic_load(&pestering)) {
    struct timespec pause = {0, (long)(rand_r(&seed) % 2000000)};
    nanosleep(&pause, NULL);
    ee_interrupt(client);
  }
  return NULL;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void do_take(char **words, int count) {
  static tally tally;
  free(tally.seen);
  memset(&tally, 0, sizeof tally);
  tally.in_order = 1;
  tally.last = -1;
  long wanted = number(words, count, 1, 1);
  int patience_ms = number(words, count, 2, 1000), random = count > 3;
  unsigned seed = (unsigned)number(words, count, 4, 1);
  pthread_t thread;
  atomic_store(&pestering, true);
  if (random) pthread_create(&thread, NULL, pester, &seed);
  ee_status status = EE_OK;
  unsigned draw = seed;
  for (long quiet_since = now_ms(); tally.taken < wanted;) {
    ee_event *event;
    status = ee_next_event(client, random ? (int)(rand_r(&draw) % 4) : patience_ms, &event);
    if (status == EE_TIMEOUT && random && now_ms() - quiet_since < patience_ms) {
      tally.timeouts++;
      continue;
    }
    if (status != EE_OK || !count_event(&tally, event)) break;
    ee_event_free(event);
    if (random) quiet_since = now_ms();
  }
  atomic_store(&pestering, false);
  if (random) pthread_join(thread, NULL);
  if (random) ee_publish_batch(client, NULL, 0, 0, NULL); /* takes an interrupt that no call has seen yet */
  printf("%s taken %ld distinct %ld in_order %s first %ld last %ld redelivered %ld timeouts %ld\n",
         ee_status_name(status), tally.taken, tally.distinct, tally.in_order ? "true" : "false", tally.first,
         tally.last, tally.redelivered, tally.timeouts);
}

/* Publishes `count` events from `from` on and does not wait long for the answer. */
static ee_status publish_some(long from, long count) {
  static char bytes[500][100];
  static ee_bytes events[500];
  for (long i = 0; i < count; i++) {
    memset(bytes[i], '.', sizeof bytes[i]);
    bytes[i][snprintf(bytes[i], sizeof bytes[i], "up:%08ld", from + i)] = '.';
    events[i] = (ee_bytes){bytes[i], sizeof bytes[i]};
  }
  return ee_publish_batch(client, events, (size_t)count, 1, NULL);
}

static void do_duplex(char **words, int count) {
  static tally tally;
  long wanted = number(words, count, 1, 1000), published = 0, deadline = now_ms() + number(words, count, 2, 10000);
  free(tally.seen);
  memset(&tally, 0, sizeof tally);
  tally.in_order = 1;
  tally.last = -1;
  ee_status status = EE_OK;
  while ((status == EE_OK || status == EE_TIMEOUT) && now_ms() < deadline) {
    if (published < wanted) {
      long some = wanted - published < 500 ? wanted - published : 500;
      status = publish_some(published, some);
      if (status == EE_TIMEOUT) tally.timeouts++;
      published += some; /* also after a time-out: they are under way */
    }
    ee_event *event = NULL;
    while (tally.taken < wanted && (status == EE_OK || status == EE_TIMEOUT)) {
      status = ee_next_event(client, published < wanted ? 0 : 100, &event);
      if (status != EE_OK) break;
      if (!count_event(&tally, event)) status = EE_INVALID;
      ee_event_free(event);
    }
    if (published >= wanted && tally.taken >= wanted) break;
  }
  printf("%s taken %ld distinct %ld in_order %s first %ld last %ld redelivered %ld timeouts %ld\n",
         ee_status_name(status), tally.taken, tally.distinct, tally.in_order ? "true" : "false", tally.first,
         tally.last, tally.redelivered, tally.timeouts);
}

/* ---- publishes ---------------------------------------------------------------------------------------------- */

static void do_hex(int timeout_ms, const char *digits) {
  static unsigned char bytes[4096];
  size_t size = 0;
  unsigned byte;
  while (digits && size < sizeof bytes && sscanf(digits + 2 * size, "%2x", &byte) == 1) {
    bytes[size++] = (unsigned char)byte;
    if (!digits[2 * size]) break;
  }
  uint64_t id;
  ee_status status = ee_publish(client, bytes, size, timeout_ms, &id);
  printf("%s %" PRIu64 "\n", ee_status_name(status), id);
}

static void do_publish(char **words, int count) {
  int from = number(words, count, 1, 0), many = number(words, count, 2, 1), timeout_ms = number(words, count, 3, -1);
  size_t size = (size_t)number(words, count, 4, 11);
  if (size < 11) size = 11;
  char *bytes = malloc((size_t)many * (size + 1));
  ee_bytes *events = calloc((size_t)many, sizeof *events);
  for (int i = 0; i < many; i++) {
    char *event = bytes + (size_t)i * (size + 1);
    memset(event, '.', size);
    snprintf(event, size + 1, "up:%08d", from + i);
    if (size > 11) event[11] = '.';
    events[i] = (ee_bytes){event, size};
  }
  uint64_t id = 0;
  ee_status status = EE_OK;
  if (strcmp(words[0], "batch") == 0) {
    status = ee_publish_batch(client, events, (size_t)many, timeout_ms, &id);
  } else {
    for (int i = 0; i < many && status == EE_OK; i++) {
      status = ee_publish(client, events[i].data, events[i].size, timeout_ms, &id);
    }
  }
  free(events);
  free(bytes);
  printf("%s %" PRIu64 "\n", ee_status_name(status), id);
}

static void do_large(size_t size, int timeout_ms) {
  char *bytes = calloc(size ? size : 1, 1);
  uint64_t id = 0;
  ee_status status = bytes ? ee_publish(client, bytes, size, timeout_ms, &id) : EE_NO_MEMORY;
  free(bytes);
  printf("%s %" PRIu64 "\n", ee_status_name(status), id);
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

static void *interrupt_soon(void *argument) {
  struct timespec pause = {0, 20000000};
  (void)argument;
  nanosleep(&pause, NULL);
  ee_interrupt(client);
  return NULL;
}

static void do_unsettled(void) {
  uint64_t first, last;
  bool any = ee_unsettled(client, &first, &last);
  printf("%d %" PRIu64 " %" PRIu64 "\n", any, first, last);
}

static int obey(char **words, int count) {
  const char *verb = words[0];
  if (strcmp(verb, "connect") == 0 && count > 1) {
    do_connect(words, count);
  } else if (strcmp(verb, "next") == 0) {
    do_next(number(words, count, 1, -1));
  } else if (strcmp(verb, "take") == 0) {
    do_take(words, count);
  } else if (strcmp(verb, "duplex") == 0) {
    do_duplex(words, count);
  } else if (strcmp(verb, "hex") == 0) {
    do_hex(number(words, count, 1, -1), count > 2 ? words[2] : NULL);
  } else if (strcmp(verb, "publish") == 0 || strcmp(verb, "batch") == 0) {
    do_publish(words, count);
  } else if (strcmp(verb, "large") == 0) {
    do_large((size_t)strtoull(words[1], NULL, 10), number(words, count, 2, -1));
  } else if (strcmp(verb, "quit") == 0) {
    answer(ee_quit(client, number(words, count, 1, -1)));
  } else if (strcmp(verb, "close") == 0) {
    answer(ee_close(client));
    client = NULL;
  } else if (strcmp(verb, "unsettled") == 0) {
    do_unsettled();
  } else if (strcmp(verb, "text") == 0) {
    printf("%s\n", ee_error_text(client));
  } else if (strcmp(verb, "code") == 0) {
    printf("%s\n", ee_error_code(client));
  } else if (strcmp(verb, "profile") == 0) {
    printf("%d\n", ee_client_profile(client));
  } else if (strcmp(verb, "stopping") == 0) {
    printf("%d\n", ee_stopping(client));
  } else if (strcmp(verb, "interrupt") == 0) {
    ee_interrupt(client);
    printf("done\n");
  } else if (strcmp(verb, "interrupt-soon") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, interrupt_soon, NULL);
    pthread_detach(thread);
    printf("done\n");
  } else if (strcmp(verb, "exit") == 0) {
    return 0;
  } else {
    printf("unknown command %s\n", verb);
  }
  return 1;
}

int main(void) {
  static char line[16384];
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) {
    char *words[WORDS_MAX], *rest = NULL;
    int count = 0;
    for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS_MAX; word = strtok_r(NULL, " \n", &rest)) {
      words[count++] = word;
    }
    if (count > 0 && !obey(words, count)) _Exit(0); /* at once, without closing anything */
  }
  ee_close(client);
  return 0;
}
