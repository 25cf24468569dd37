/* The pictures that this process has done with: one bit each. */
#ifndef TRAIL_CAMERA_DONE_H
#define TRAIL_CAMERA_DONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start from {0}. */
typedef struct done {
  uint8_t *bits;
  size_t size;
} done;

/* Whether the picture is among them. */
bool done_has(const done *set, uint32_t id);

/* Adds a picture; false when there is no memory. */
bool done_add(done *set, uint32_t id);

/* Releases the memory. */
void done_free(done *set);

#endif
