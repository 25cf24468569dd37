#include "done.h"

#include <stdlib.h>
#include <string.h>

enum { GRANULE = 1024 };

bool done_has(const done *set, uint32_t id) {
  size_t at = id / 8;
  return at < set->size && (set->bits[at] >> (id % 8) & 1) != 0;
}

bool done_add(done *set, uint32_t id) {
  size_t at = id / 8;
  if (at >= set->size) {
    size_t size = (at / GRANULE + 1) * GRANULE;
    uint8_t *bits = realloc(set->bits, size);
    if (bits == NULL) return false;
    memset(bits + set->size, 0, size - set->size);
    set->bits = bits;
    set->size = size;
  }
  set->bits[at] = (uint8_t)(set->bits[at] | 1U << (id % 8));
  return true;
}

void done_free(done *set) {
  free(set->bits);
  *set = (done){0};
}
