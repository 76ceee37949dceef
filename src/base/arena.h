/* One block of memory handed out front to back and given back whole.  Sized up front; takes no lock and never grows.
 * Every piece is 64-byte aligned (a cache line, an AVX-512 vector).
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_ARENA_H
#define AM_BASE_ARENA_H

#include "base/error.h"

typedef struct am_arena {
    void *block; /* what was allocated; base is its first aligned byte */
    char *base;
    size_t cap, used;
} am_arena;

#define AM_ALIGN 64
#define AM_ROUND_UP(x, to) (((x) + (to)-1) / (to) * (to))

/* Bytes a piece of `n_bytes` takes from an arena. */
static inline size_t am_arena_cost(size_t n_bytes) {
    size_t cost = AM_ROUND_UP(n_bytes, AM_ALIGN);
#ifdef AM_REDZONES
    cost += AM_ALIGN;
#endif
    return cost;
}

am_status am_arena_open(am_arena *a, size_t cap, const char *what, am_error *err);
void am_arena_close(am_arena *a);

/* A zeroed piece, or NULL when the arena was sized too small (an error of ours: callers assert). */
void *am_arena_take(am_arena *a, size_t n_bytes);

/* Aligned memory outside any arena; am_aligned_free() takes it back.  Contents are undefined.  NULL when out of memory. */
void *am_aligned_alloc(size_t n_bytes);
void am_aligned_free(void *p);

#endif
