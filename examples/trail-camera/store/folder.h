/*
 * The folders of the store: pictures come in, and each is kept or deleted in the end.
 *
 *   incoming/  pictures that wait for their order
 *   kept/      pictures that are worth it
 *
 * Every function may be called again with the same picture, also by another process after this one died at any
 * moment: a file is complete under its name or it is not there, and what was done already is done.
 */
#ifndef TRAIL_CAMERA_FOLDER_H
#define TRAIL_CAMERA_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes both folders in `parent` unless they are there. Functions here return false on failure; errno says why. */
bool folder_open(const char *parent);

/* Takes a picture in, unless it is kept already. */
bool folder_take_in(uint32_t id, const void *file, size_t size);

/* Moves a picture to those that are kept. Fails with ENOENT if it never came in. */
bool folder_keep(uint32_t id);

/* Deletes a picture that came in; one that is not there is deleted. */
bool folder_delete(uint32_t id);

#endif
