#include "descriptor.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

int64_t ee_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t ee_deadline(int64_t timeout_ms) {
  if (timeout_ms < 0) return EE_NEVER;
  int64_t now = ee_now_ms();
  /* One more: the clock is read in whole milliseconds, and a wait must not be shorter than was asked for. */
  return timeout_ms == 0 ? now : timeout_ms < EE_NEVER - now ? now + timeout_ms + 1 : EE_NEVER;
}

int ee_wait_ms(int64_t deadline) {
  static const int64_t longest = 60 * 60 * 1000;
  if (deadline == EE_NEVER) return -1;
  int64_t left = deadline - ee_now_ms();
  return left < 0 ? 0 : (int)(left < longest ? left : longest);
}

bool ee_non_blocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
         fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

bool ee_pipe(int ends[2]) {
  if (pipe(ends) != 0) return false;
  if (ee_non_blocking(ends[0]) && ee_non_blocking(ends[1])) return true;
  close(ends[0]);
  close(ends[1]);
  return false;
}
