#include "basic.h"

#include <string.h>

#include "constants.h"

static bool equals(ee_bytes bytes, const char *text) {
  return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

ee_reply ee_reply_meaning(ee_bytes reply) {
  if (equals(reply, EE_MSG_PUBLISHED)) return EE_REPLY_PUBLISHED;
  return equals(reply, EE_BAD_MSG) ? EE_REPLY_BAD_MSG : EE_REPLY_OTHER;
}

bool ee_is_reserved(ee_bytes event) {
  size_t size = strlen(EE_COMMAND_PREFIX);
  return event.size >= size && memcmp(event.data, EE_COMMAND_PREFIX, size) == 0;
}

uint64_t ee_basic_answered(ee_basic *basic) { return basic->answered < basic->last_id ? ++basic->answered : 0; }

bool ee_basic_broken(ee_basic *basic) {
  if (basic->answered == basic->last_id) return false;
  if (!basic->unknown_first) basic->unknown_first = basic->answered + 1;
  basic->unknown_last = basic->answered = basic->last_id;
  return true;
}

void ee_basic_unsettled(const ee_basic *basic, uint64_t *first, uint64_t *last) {
  bool owed = basic->answered < basic->last_id;
  *first = basic->unknown_first ? basic->unknown_first : owed ? basic->answered + 1 : 0;
  *last = owed ? basic->last_id : basic->unknown_last;
}
