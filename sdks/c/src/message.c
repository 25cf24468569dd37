#include "message.h"

const ee_verb_rule ee_engine_verbs[] = {
    {EE_VERB_EVENTS,
     2,
     {{"seq", EE_POSITIVE, false},
      {"count", EE_POSITIVE, true},
      {"redelivered", EE_FLAG, true},
      {"order", EE_NUMBER, true}}},
    {EE_VERB_PUBLISHED, 1, {{"id", EE_NUMBER, false}}},
    {EE_VERB_PING, 1, {{0}}},
    {EE_VERB_WELCOME,
     1,
     {{"version", EE_NUMBER, false},
      {"engine", EE_TEXT, false},
      {"plugin", EE_TEXT, false},
      {"resumed", EE_FLAG, false},
      {"received", EE_NUMBER, false},
      {"max-event-bytes", EE_NUMBER, false},
      {"publish-window", EE_POSITIVE, false},
      {"publish-window-bytes", EE_NUMBER, false},
      {"ping-ms", EE_NUMBER, false},
      {"grace-ms", EE_NUMBER, false}}},
    {EE_VERB_OK, 1, {{0}}},
    {EE_VERB_STOP, 1, {{"reason", EE_TEXT, false}}},
    {EE_VERB_BYE, 1, {{0}}},
    {EE_VERB_ERROR, 2, {{"code", EE_TEXT, false}, {"id", EE_NUMBER, true}, {"versions", EE_TEXT, true}}},
};

const size_t ee_engine_verbs_count = sizeof ee_engine_verbs / sizeof ee_engine_verbs[0];

const ee_verb_rule *ee_find_verb(const ee_verb_rule *rules, size_t count, const ee_header *header) {
  for (size_t i = 0; i < count; i++) {
    if (ee_header_is(header, rules[i].verb)) return &rules[i];
  }
  return NULL;
}

static ee_key check(const ee_key_rule *rule, const ee_header *header) {
  char text[EE_HEADER_MAX_BYTES];
  if (rule->kind == EE_TEXT) return ee_header_text(header, rule->key, text, sizeof text);
  uint64_t number;
  ee_key found = ee_header_integer(header, rule->key, &number);
  if (found != EE_KEY_FOUND) return found;
  bool fits = rule->kind == EE_NUMBER || (rule->kind == EE_POSITIVE ? number > 0 : number <= 1);
  return fits ? EE_KEY_FOUND : EE_KEY_MALFORMED;
}

bool ee_keys_fit(const ee_verb_rule *rule, const ee_header *header) {
  for (size_t i = 0; i < EE_KEYS_MAX && rule->keys[i].key; i++) {
    ee_key found = check(&rule->keys[i], header);
    if (found == EE_KEY_MALFORMED || (found == EE_KEY_MISSING && !rule->keys[i].optional)) return false;
  }
  return true;
}

uint64_t ee_number(const ee_header *header, const char *key) {
  uint64_t number = 0;
  return ee_header_integer(header, key, &number) == EE_KEY_FOUND ? number : 0;
}
