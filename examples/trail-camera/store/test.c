/* Tests what the store does with files, and its set. usage: test FOLDER, which is empty. Prints "N passed, M failed".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "done.h"
#include "folder.h"

static int passed, failed;

static void check(bool holds, const char *what) {
  if (holds) {
    passed++;
  } else {
    failed++;
    fprintf(stderr, "failed: %s (errno: %s)\n", what, strerror(errno));
  }
}

/* Whether the file has this content; NULL: whether it is not there. */
static bool has(const char *name, const char *content) {
  char got[16] = {0};
  FILE *file = fopen(name, "rb");
  if (file == NULL) return content == NULL;
  size_t size = fread(got, 1, sizeof got - 1, file);
  fclose(file);
  return content != NULL && size == strlen(content) && memcmp(got, content, size) == 0;
}

static void test_folder(void) {
  check(folder_open("."), "the folders are made");
  check(folder_open("."), "or are there");
  check(folder_take_in(1, "one", 3) && has("incoming/000001.pgm", "one"), "a picture comes in");
  check(folder_take_in(1, "one", 3) && has("incoming/000001.pgm", "one"), "twice is once");
  check(has("incoming/000001.part", NULL), "no part is left");
  check(folder_keep(1) && has("kept/000001.pgm", "one") && has("incoming/000001.pgm", NULL), "it is kept");
  check(folder_keep(1) && has("kept/000001.pgm", "one"), "and stays kept");
  check(folder_take_in(1, "one", 3) && has("incoming/000001.pgm", NULL), "what is kept does not come in again");

  FILE *part = fopen("incoming/000002.part", "wb");
  check(part != NULL && fputs("a long remainder", part) >= 0 && fclose(part) == 0, "somebody died while writing");
  check(folder_take_in(2, "two", 3) && has("incoming/000002.pgm", "two"), "the remainder is overwritten");
  check(folder_delete(2) && has("incoming/000002.pgm", NULL), "a picture is deleted");
  check(folder_delete(2), "and stays deleted");

  errno = 0;
  check(!folder_keep(3) && errno == ENOENT, "what never came in cannot be kept");
  check(!folder_open("/dev/null") && errno == ENOTDIR, "a file is no folder");
}

static void test_done(void) {
  done set = {0};
  check(!done_has(&set, 0) && !done_has(&set, UINT32_MAX), "nothing is in an empty set");
  check(done_add(&set, 0) && done_add(&set, 8191) && done_add(&set, 8192), "numbers are added");
  check(done_has(&set, 0) && done_has(&set, 8191) && done_has(&set, 8192), "and are there");
  check(!done_has(&set, 1) && !done_has(&set, 8190) && !done_has(&set, 8193) && !done_has(&set, 9000000), "not others");
  done_free(&set);
  check(!done_has(&set, 0), "a freed set is empty");
}

int main(int count, char **arguments) {
  if (count != 2 || chdir(arguments[1]) != 0) {
    fprintf(stderr, "usage: test FOLDER\n");
    return 2;
  }
  test_folder();
  test_done();
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
