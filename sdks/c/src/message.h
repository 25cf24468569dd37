/* Which verbs there are, their frames and their keys. */
#ifndef EE_MESSAGE_H
#define EE_MESSAGE_H

#include "header.h"

#define EE_KEYS_MAX 10

typedef enum ee_kind {
  EE_NUMBER,   /* an integer */
  EE_POSITIVE, /* an integer that is not 0 */
  EE_FLAG,     /* 0 or 1 */
  EE_TEXT
} ee_kind;

typedef struct ee_key_rule {
  const char *key;
  ee_kind kind;
  bool optional;
} ee_key_rule;

typedef struct ee_verb_rule {
  const char *verb;
  size_t frames;
  ee_key_rule keys[EE_KEYS_MAX]; /* ends with a NULL key if it is not full */
} ee_verb_rule;

/* The engine's verbs. */
extern const ee_verb_rule ee_engine_verbs[];
extern const size_t ee_engine_verbs_count;

/* The rule of a header's verb; NULL if there is none. */
const ee_verb_rule *ee_find_verb(const ee_verb_rule *rules, size_t count, const ee_header *header);

/* Whether all known keys are as the rule says. */
bool ee_keys_fit(const ee_verb_rule *rule, const ee_header *header);

/* The integer of a key that fits, 0 if it is absent. */
uint64_t ee_number(const ee_header *header, const char *key);

#endif
