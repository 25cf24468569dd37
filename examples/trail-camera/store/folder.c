#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = PATH_MAX };

static char root[NAME_MAX_BYTES];

/* Writes the name of a picture's file, or of a folder of ours; false if it is too long. */
static bool name_folder(char *name, const char *folder) {
  int length = snprintf(name, NAME_MAX_BYTES, "%s/%s", root, folder);
  if (length > 0 && length < NAME_MAX_BYTES) return true;
  errno = ENAMETOOLONG;
  return false;
}

static bool name_file(char *name, const char *folder, uint32_t id, const char *ending) {
  int length = snprintf(name, NAME_MAX_BYTES, "%s/%s/%06u.%s", root, folder, (unsigned)id, ending);
  if (length > 0 && length < NAME_MAX_BYTES) return true;
  errno = ENAMETOOLONG;
  return false;
}

static bool make(const char *folder) {
  char name[NAME_MAX_BYTES];
  return name_folder(name, folder) && (mkdir(name, 0777) == 0 || errno == EEXIST);
}

bool folder_open(const char *parent) {
  int length = snprintf(root, sizeof root, "%s", parent);
  if (length <= 0 || (size_t)length >= sizeof root) {
    errno = ENAMETOOLONG;
    return false;
  }
  return make("incoming") && make("kept");
}

static bool write_all(int file, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= (size_t)written;
  }
  return true;
}

bool folder_take_in(uint32_t id, const void *file, size_t size) {
  char kept[NAME_MAX_BYTES], part[NAME_MAX_BYTES], whole[NAME_MAX_BYTES];
  if (!name_file(kept, "kept", id, "pgm") || !name_file(part, "incoming", id, "part") ||
      !name_file(whole, "incoming", id, "pgm")) {
    return false;
  }
  if (access(kept, F_OK) == 0) return true;
  /* Under another name until it is complete. A part that somebody left is written anew. */
  int out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (out < 0) return false;
  bool written = write_all(out, file, size);
  int why = errno;
  if (close(out) != 0 && written) {
    written = false;
    why = errno;
  }
  errno = why;
  return written && rename(part, whole) == 0;
}

bool folder_keep(uint32_t id) {
  char whole[NAME_MAX_BYTES], kept[NAME_MAX_BYTES];
  if (!name_file(whole, "incoming", id, "pgm") || !name_file(kept, "kept", id, "pgm")) return false;
  if (rename(whole, kept) == 0) return true;
  if (errno != ENOENT) return false;
  return access(kept, F_OK) == 0; /* kept before; else errno is ENOENT again */
}

bool folder_delete(uint32_t id) {
  char whole[NAME_MAX_BYTES];
  if (!name_file(whole, "incoming", id, "pgm")) return false;
  return unlink(whole) == 0 || errno == ENOENT;
}
