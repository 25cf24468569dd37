#include "event_engine_envelope.h"

const char *ee_envelope_status_text(ee_envelope_status status) {
  switch (status) {
    case EE_ENVELOPE_OK: return "done";
    case EE_ENVELOPE_INVALID: return "a pointer is NULL that must not be, or the envelope is beyond 2 GiB";
    case EE_ENVELOPE_NO_MEMORY: return "memory ran out";
    case EE_ENVELOPE_FILTER_MISMATCH:
      return "the event does not begin with the filter; open it with the filter that it was sealed with";
    case EE_ENVELOPE_MALFORMED:
      return "malformed envelope, or a text that is not UTF-8, or a time outside the years 1 to 9999";
    case EE_ENVELOPE_MISSING_ID: return "the envelope lacks its id; id, source and type are mandatory";
    case EE_ENVELOPE_MISSING_SOURCE: return "the envelope lacks its source; id, source and type are mandatory";
    case EE_ENVELOPE_MISSING_TYPE: return "the envelope lacks its type; id, source and type are mandatory";
  }
  return "no status of this version";
}
