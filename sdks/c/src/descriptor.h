/* Time and file descriptors. */
#ifndef EE_DESCRIPTOR_H
#define EE_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

/* The end of time: a deadline that does not come. */
#define EE_NEVER INT64_MAX

/* Milliseconds on a clock that only goes forward. */
int64_t ee_now_ms(void);

/* When a call with this time-out must end. */
int64_t ee_deadline(int64_t timeout_ms);

/* What poll() takes to wait until then: at least 0, -1 for ever, at most an hour. */
int ee_wait_ms(int64_t deadline);

/* A pipe whose ends do not block and are closed on exec. */
bool ee_pipe(int ends[2]);

/* Makes a descriptor non-blocking and closed on exec. */
bool ee_non_blocking(int descriptor);

#endif
