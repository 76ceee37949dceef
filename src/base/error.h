/* Status and sentence: the one way failures travel.  A function fills the am_error it was given at the place that
 * knows the numbers and returns the status; callers only pass both on.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_ERROR_H
#define AM_BASE_ERROR_H

#include <stdbool.h>

#include "amanuensis.h"

#define AM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Set *err (may be NULL) and return `status`, so that `return am_fail(err, AM_E_X, "...")` is the whole idiom. */
am_status am_fail(am_error *err, am_status status, const char *fmt, ...) AM_PRINTF(3, 4);

/* The sentence for a failed allocation of `n_bytes` for `what`. */
am_status am_fail_nomem(am_error *err, const char *what, size_t n_bytes);

void am_error_clear(am_error *err);

/* Send a formatted line to the logger; silent when it has no function. */
void am_log(const am_logger *logger, am_log_level level, const char *fmt, ...) AM_PRINTF(3, 4);

#endif
