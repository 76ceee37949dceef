/* How much memory this process may still take, so that work which cannot fit is refused with a sentence before it starts
 * instead of being killed in the middle.
 *
 * An answer that errs must err upward: memory the system would give up under pressure (file pages, free swap) counts as
 * available, and whatever cannot be read sets no limit.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_MEMORY_H
#define AM_BASE_MEMORY_H

#include <stdint.h>

#define AM_MEMORY_UNKNOWN UINT64_MAX

/* The least of what the machine has left, what the memory control groups (version 2 and 1) this process is in have left,
 * and its resource limits on address space and data less what it uses.  AM_MEMORY_UNKNOWN when nothing says.
 * Allocates nothing.  Any thread. */
uint64_t am_memory_available(void);

/* The same for a machine whose /proc and /sys lie below `root`, with these resource limits (AM_MEMORY_UNKNOWN: none). */
uint64_t am_memory_available_below(const char *root, uint64_t limit_as, uint64_t limit_data);

#endif
