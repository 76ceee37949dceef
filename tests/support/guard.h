/* Memory that ends at (or begins after) a page nobody may touch: one element too far is a crash, not luck.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_GUARD_H
#define AM_TEST_GUARD_H

#include <stddef.h>

typedef struct am_guard {
    void *data; /* n_bytes that end right before a PROT_NONE page */
    void *map;
    size_t map_len;
} am_guard;

/* The bytes are all 0xA5.  Stops the test program when the system has no memory. */
am_guard am_guard_open(size_t n_bytes);
void am_guard_close(am_guard *g);

/* A small reproducible random generator: the same numbers on every machine. */
typedef struct am_random {
    unsigned long long state;
} am_random;
unsigned am_random_next(am_random *r);
float am_random_float(am_random *r, float low, float high);

#endif
