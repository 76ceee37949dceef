/* See arena.h.  Under AddressSanitizer a poisoned line lies between any two pieces, so that running from one into the
 * next is caught although both belong to one allocation.
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef AM_REDZONES
#include <sanitizer/asan_interface.h>
#endif

void *am_aligned_alloc(size_t n_bytes) {
    if (n_bytes > SIZE_MAX - AM_ALIGN) return NULL;
    return aligned_alloc(AM_ALIGN, AM_ROUND_UP(n_bytes ? n_bytes : 1, AM_ALIGN));
}

void am_aligned_free(void *p) {
    free(p);
}

/* Ask for huge pages: who reads much memory once depends on the processor's prefetching, which ends where a page ends. */
static void want_huge_pages(char *block, size_t n_bytes) {
#ifdef MADV_HUGEPAGE
    enum { HUGE = 2 << 20 };
    uintptr_t first = AM_ROUND_UP((uintptr_t)block, HUGE), end = ((uintptr_t)block + n_bytes) / HUGE * HUGE;
    if (first < end) madvise((void *)first, end - first, MADV_HUGEPAGE); /* only a wish */
#endif
}

am_status am_arena_open(am_arena *a, size_t cap, const char *what, am_error *err) {
    *a = (am_arena){ 0 };
    /* calloc, not aligned_alloc and memset: huge pages, or small ones, that nobody touches then cost no memory. */
    a->block = cap <= SIZE_MAX - AM_ALIGN ? calloc(1, cap + AM_ALIGN) : NULL;
    if (!a->block) return am_fail_nomem(err, what, cap);
    want_huge_pages(a->block, cap + AM_ALIGN);
    a->base = (char *)AM_ROUND_UP((uintptr_t)a->block, AM_ALIGN);
    a->cap = cap;
#ifdef AM_REDZONES
    __asan_poison_memory_region(a->base, cap);
#endif
    return AM_OK;
}

void am_arena_close(am_arena *a) {
#ifdef AM_REDZONES
    if (a->base) __asan_unpoison_memory_region(a->base, a->cap);
#endif
    free(a->block);
    *a = (am_arena){ 0 };
}

void *am_arena_take(am_arena *a, size_t n_bytes) {
    size_t cost = am_arena_cost(n_bytes);
    if (cost > a->cap - a->used) return NULL;
    void *p = a->base + a->used;
    a->used += cost;
#ifdef AM_REDZONES
    __asan_unpoison_memory_region(p, n_bytes);
#endif
    return p;
}
