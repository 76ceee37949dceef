/* Looking at every byte of a container once, chunk by chunk on all threads: its sum, and while it is in the processor's
 * cache whether its numbers are numbers.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "model/container_format.h"

typedef struct chunk {
    const am_section *section;
    uint64_t at; /* in the section */
    uint64_t sum;
    bool is_bad; /* holds what is no number */
} chunk;

typedef struct checking {
    const am_mapping *file;
    chunk *chunks;
} checking;

/* In these three the highest bit of `bad` tells: adding 1 to an exponent of all ones runs over into the sign. */
static bool has_bad_f32(const unsigned char *bytes, size_t n, uint32_t sign) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, bytes + 4 * i, 4);
        bad |= ((bits & 0x7fffffff) + 0x00800000) | (bits & sign);
    }
    return bad >> 31;
}

static bool has_bad_f16(const unsigned char *bytes, size_t n) {
    uint16_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, bytes + 2 * i, 2);
        bad |= (uint16_t)((bits & 0x7fff) + 0x0400);
    }
    return bad >> 15;
}

static bool has_bad_number(am_slot_type type, const unsigned char *bytes, size_t n_bytes) {
    switch (type) {
    case AM_SLOT_F32: return has_bad_f32(bytes, n_bytes / 4, 0);
    case AM_SLOT_SCALES: return has_bad_f32(bytes, n_bytes / 4, 0x80000000);
    case AM_SLOT_F16: return has_bad_f16(bytes, n_bytes / 2);
    default: return false;
    }
}

static uint64_t padded_bytes(const am_section *s) {
    return AM_ROUND_UP(s->slot.n_bytes, AM_CONTAINER_ALIGN);
}

static void check_chunk(void *arg, int task, int worker) {
    const checking *k = arg;
    chunk *c = &k->chunks[task];
    const am_slot *slot = &c->section->slot;
    uint64_t n = padded_bytes(c->section) - c->at, n_used = slot->n_bytes - c->at;
    if (n > AM_CHUNK_BYTES) n = AM_CHUNK_BYTES;
    if (n_used > AM_CHUNK_BYTES) n_used = AM_CHUNK_BYTES;
    const unsigned char *bytes = k->file->data + c->section->offset + c->at;
    c->sum = am_chunk_checksum(bytes, (size_t)n);
    c->is_bad = has_bad_number(slot->type, bytes, (size_t)n_used);
}

/* `c` is the section's first chunk; *after the first one behind it. */
static am_status compare(const checking *k, const am_section *s, const chunk *c, const chunk **after, am_error *err) {
    uint64_t sum = padded_bytes(s);
    bool is_bad = false;
    for (uint64_t at = 0; at < s->slot.n_bytes; at += AM_CHUNK_BYTES, c++) {
        sum = am_checksum_step(sum, c->sum);
        is_bad |= c->is_bad;
    }
    *after = c;
    sum ^= sum >> 32;
    if (sum != s->checksum)
        return am_fail(err, AM_E_MODEL,
                       "%s: section %s (%llu bytes at offset %llu) is damaged: its checksum is %016llx, the table has "
                       "%016llx",
                       k->file->shown, s->slot.name, (unsigned long long)s->slot.n_bytes, (unsigned long long)s->offset,
                       (unsigned long long)sum, (unsigned long long)s->checksum);
    if (is_bad)
        return am_fail(err, AM_E_MODEL, "%s: section %s (%llu x %llu at offset %llu) holds numbers that are %s",
                       k->file->shown, s->slot.name, (unsigned long long)s->slot.n_rows,
                       (unsigned long long)s->slot.n_cols, (unsigned long long)s->offset,
                       s->slot.type == AM_SLOT_SCALES ? "negative or not finite" : "not finite");
    return AM_OK;
}

am_status am_sections_check(const am_mapping *file, const am_section *sections, size_t n_sections, am_pool *pool,
                            am_error *err) {
    size_t n_chunks = 0;
    for (size_t i = 0; i < n_sections; i++)
        n_chunks += (size_t)((sections[i].slot.n_bytes + AM_CHUNK_BYTES - 1) / AM_CHUNK_BYTES);
    checking k = { file, calloc(n_chunks ? n_chunks : 1, sizeof *k.chunks) };
    if (!k.chunks) return am_fail_nomem(err, "checking a container", n_chunks * sizeof *k.chunks);
    chunk *c = k.chunks;
    for (size_t i = 0; i < n_sections; i++)
        for (uint64_t at = 0; at < sections[i].slot.n_bytes; at += AM_CHUNK_BYTES)
            *c++ = (chunk){ .section = &sections[i], .at = at };
    am_pool_run(pool, check_chunk, &k, (int)n_chunks);
    am_status status = AM_OK;
    const chunk *next = k.chunks;
    for (size_t i = 0; i < n_sections && status == AM_OK; i++) status = compare(&k, &sections[i], next, &next, err);
    free(k.chunks);
    return status;
}
