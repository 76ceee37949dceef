/* See guard.h.  SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "support/guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

am_guard am_guard_open(size_t n_bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (n_bytes + page - 1) / page * page;
    am_guard g = { .map_len = body + page };
    g.map = mmap(NULL, g.map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect((char *)g.map + body, page, PROT_NONE) != 0) abort();
    memset(g.map, 0xA5, body);
    g.data = (char *)g.map + body - n_bytes;
    return g;
}

void am_guard_close(am_guard *g) {
    munmap(g->map, g->map_len);
    *g = (am_guard){ 0 };
}

unsigned am_random_next(am_random *r) {
    r->state = r->state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(r->state >> 33);
}

float am_random_float(am_random *r, float low, float high) {
    return low + (high - low) * ((float)am_random_next(r) / 2147483648.0f);
}
