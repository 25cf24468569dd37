/* What is owed in the basic profile, without I/O: one event, and replies to publishes. */
#ifndef EE_BASIC_H
#define EE_BASIC_H

#include "failure.h"
#include "link.h"

/* What a reply to a publish means. */
typedef enum ee_reply { EE_REPLY_PUBLISHED, EE_REPLY_BAD_MSG, EE_REPLY_OTHER } ee_reply;
ee_reply ee_reply_meaning(ee_bytes reply);

/* Whether an event begins with the prefix that is reserved for commands. */
bool ee_is_reserved(ee_bytes event);

typedef struct ee_basic {
  bool event_owed; /* a next_msg is unanswered; it is sent again on each new connection */

  ee_link side;           /* the connection for publishes */
  bool side_open;         /* it was needed once */
  uint64_t last_id;       /* of all that was published */
  uint64_t answered;      /* the replies to everything up to here came, or will not come */
  uint64_t unknown_first; /* the connection broke before the replies to these came; 0: none */
  uint64_t unknown_last;
  bool troubled;      /* a reply that no call waited for was not the good one: */
  ee_failure trouble; /* to be reported by the next publish */
} ee_basic;

/* The reply to the oldest unanswered publish came. Gives its id, 0 if none is unanswered. */
uint64_t ee_basic_answered(ee_basic *basic);

/* The connection for publishes broke; false if nothing was unanswered. */
bool ee_basic_broken(ee_basic *basic);

/* Which publishes are not known to be accepted; first is 0 if there are none. */
void ee_basic_unsettled(const ee_basic *basic, uint64_t *first, uint64_t *last);

#endif
