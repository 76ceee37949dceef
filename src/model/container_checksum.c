/* The checksum of containers: eight independent chains over 64-bit words, a multiplication per word.  Every step is
 * invertible in both arguments, so one changed word always changes the sum, and the chains depend on order, so moved
 * blocks do as well.  It guards against damage, not against people: who can write the file can write its sums.
 *
 * SPDX-License-Identifier: MIT */
#include "model/container_format.h"

/* Eight members, not an array: compilers keep these in registers at every level of optimisation. */
typedef struct lanes {
    uint64_t a, b, c, d, e, f, g, h;
} lanes;

/* Containers are used only where the machine has the file's byte order. */
static inline uint64_t word(const unsigned char *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

static inline void add_block(lanes *l, const unsigned char *p) {
    l->a = am_checksum_step(l->a, word(p));
    l->b = am_checksum_step(l->b, word(p + 8));
    l->c = am_checksum_step(l->c, word(p + 16));
    l->d = am_checksum_step(l->d, word(p + 24));
    l->e = am_checksum_step(l->e, word(p + 32));
    l->f = am_checksum_step(l->f, word(p + 40));
    l->g = am_checksum_step(l->g, word(p + 48));
    l->h = am_checksum_step(l->h, word(p + 56));
}

uint64_t am_chunk_checksum(const void *bytes, size_t n_bytes) {
    const unsigned char *p = bytes, *end = p + n_bytes / 64 * 64;
    lanes l = { 1, 2, 3, 4, 5, 6, 7, 8 };
    for (; p < end; p += 64) add_block(&l, p);
    if (n_bytes % 64) {
        unsigned char last[64] = { 0 };
        memcpy(last, p, n_bytes % 64);
        add_block(&l, last);
    }
    const uint64_t parts[] = { l.a, l.b, l.c, l.d, l.e, l.f, l.g, l.h };
    return am_section_checksum(parts, 8, AM_ROUND_UP((uint64_t)n_bytes, 64));
}

uint64_t am_section_checksum(const uint64_t *parts, size_t n_parts, uint64_t n_bytes) {
    uint64_t sum = n_bytes;
    for (size_t i = 0; i < n_parts; i++) sum = am_checksum_step(sum, parts[i]);
    return sum ^ sum >> 32;
}
