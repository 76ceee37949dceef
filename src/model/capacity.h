/* Whether a model or a session fits into the memory this process may still take: refused before work starts, with the
 * numbers, rather than killed in the middle of it.
 *
 * Estimates are low on purpose.  They leave out padding, scratch and whatever depends on the kernel in use; what is just
 * too large is left to the allocator.  Every window of a batch counts, although a short recording may not need them all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_MODEL_CAPACITY_H
#define AM_MODEL_CAPACITY_H

#include <stdbool.h>

#include "base/error.h"
#include "model/weights.h"

/* At least this many bytes does it take to hold the model's weights in memory, or a session on it. */
uint64_t am_capacity_of_model(const am_dims *d, bool is_int8);
uint64_t am_capacity_of_session(const am_dims *d, bool is_int8, int n_slots, int n_threads);

/* Before the weights are packed.  Not for a container that is mapped: its pages need no memory of their own.
 * Returns AM_OK or AM_E_NOMEM. */
am_status am_capacity_check_model(const am_dims *d, bool is_int8, am_error *err);
/* Before the session's memory is taken.  Returns AM_OK or AM_E_NOMEM. */
am_status am_capacity_check_session(const am_dims *d, bool is_int8, int n_slots, int n_threads, am_error *err);

/* The same against a given number of bytes. */
am_status am_capacity_check_model_in(uint64_t available, const am_dims *d, bool is_int8, am_error *err);
am_status am_capacity_check_session_in(uint64_t available, const am_dims *d, bool is_int8, int n_slots, int n_threads,
                                       am_error *err);

#endif
