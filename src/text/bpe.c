/* See bpe.h.  A piece is a chain of parts, at first its bytes.  A heap holds the neighbours that could be joined; an
 * entry that a join has made wrong is recognised when it comes up, not searched for.  The simple way, scanning for the
 * lowest pair after every join, is quadratic, and a text without spaces is one piece.
 *
 * SPDX-License-Identifier: MIT */
#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

/* Slots of the table: a power of two, at most half full. */
static size_t table_size(int n_tokens) {
    size_t size = 16;
    while (size < 2 * (size_t)n_tokens) size *= 2;
    return size;
}

/* FNV-1a, its high bits folded down because the table takes the low ones. */
static size_t hash(const char *bytes, size_t len) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return (size_t)(h ^ h >> 29);
}

static size_t token_len(const am_bpe *b, uint32_t token) {
    return b->offset[token + 1] - b->offset[token];
}

/* The slot that holds these bytes, or the empty one where they would go. */
static uint32_t *slot_of(const am_bpe *b, const char *bytes, size_t len) {
    for (size_t i = hash(bytes, len);; i++) {
        uint32_t *slot = &b->slots[i & b->mask];
        if (!*slot) return slot;
        uint32_t token = *slot - 1;
        if (token_len(b, token) == len && memcmp(b->bytes + b->offset[token], bytes, len) == 0) return slot;
    }
}

am_status am_bpe_open(am_bpe *b, int n_tokens, const uint32_t *offset, const char *bytes, am_error *err) {
    size_t size = table_size(n_tokens);
    *b = (am_bpe){ .offset = offset, .bytes = bytes, .mask = size - 1 };
    b->slots = calloc(size, sizeof *b->slots);
    if (!b->slots) return am_fail_nomem(err, "the table of tokens", size * sizeof *b->slots);
    for (uint32_t token = 0; token < (uint32_t)n_tokens; token++) {
        size_t len = token_len(b, token);
        if (len == 0 || len > AM_BPE_MAX_TOKEN) continue;
        uint32_t *slot = slot_of(b, bytes + offset[token], len);
        if (!*slot) *slot = token + 1;
    }
    return AM_OK;
}

void am_bpe_close(am_bpe *b) {
    free(b->slots);
    *b = (am_bpe){ 0 };
}

int32_t am_bpe_find(const am_bpe *b, const char *bytes, size_t len) {
    if (len == 0 || len > AM_BPE_MAX_TOKEN) return -1;
    return (int32_t)*slot_of(b, bytes, len) - 1;
}

/* Two neighbours that make a token: from start to end. */
typedef struct pair {
    uint32_t rank, start, end;
} pair;

/* The parts of a piece, by the position where each begins. */
typedef struct part {
    uint32_t end;    /* where it ends and the next begins; 0: swallowed by an earlier part */
    uint32_t before; /* where the part before it begins */
} part;

typedef struct merger {
    const am_bpe *bpe;
    const char *piece;
    uint32_t len;
    part *parts; /* [len] */
    pair *heap;  /* [3 * len]: each join takes one entry and adds at most two */
    size_t n_heap;
} merger;

static bool before(pair a, pair b) {
    return a.rank != b.rank ? a.rank < b.rank : a.start < b.start;
}

static void heap_push(merger *m, pair p) {
    size_t i = m->n_heap++;
    for (; i > 0 && before(p, m->heap[(i - 1) / 2]); i = (i - 1) / 2) m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = p;
}

static pair heap_pop(merger *m) {
    pair top = m->heap[0], last = m->heap[--m->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < m->n_heap; i = child) {
        if (child + 1 < m->n_heap && before(m->heap[child + 1], m->heap[child])) child++;
        if (!before(m->heap[child], last)) break;
        m->heap[i] = m->heap[child];
    }
    m->heap[i] = last;
    return top;
}

/* Offer the part at `start` and the one behind it. */
static void offer(merger *m, uint32_t start) {
    uint32_t middle = m->parts[start].end;
    if (middle == m->len) return;
    uint32_t end = m->parts[middle].end;
    int32_t token = am_bpe_find(m->bpe, m->piece + start, end - start);
    if (token >= 0) heap_push(m, (pair){ (uint32_t)token, start, end });
}

static void merge(merger *m) {
    for (uint32_t i = 0; i < m->len; i++) m->parts[i] = (part){ .end = i + 1, .before = i ? i - 1 : 0 };
    for (uint32_t i = 0; i < m->len; i++) offer(m, i);
    while (m->n_heap) {
        pair p = heap_pop(m);
        uint32_t middle = m->parts[p.start].end;
        /* Parts only grow, so the same start and the same end are the same two parts. */
        if (middle == 0 || middle >= p.end || m->parts[middle].end != p.end) continue;
        m->parts[p.start].end = p.end;
        m->parts[middle].end = 0;
        if (p.end < m->len) m->parts[p.end].before = p.start;
        offer(m, p.start);
        if (p.start > 0) offer(m, m->parts[p.start].before);
    }
}

static void put(am_bpe_out *out, int32_t token) {
    if (out->n < out->cap) out->tokens[out->n] = token;
    out->n++;
}

static void merge_and_put(merger *m, am_bpe_out *out) {
    merge(m);
    for (uint32_t i = 0; i < m->len; i = m->parts[i].end) {
        int32_t token = am_bpe_find(m->bpe, m->piece + i, m->parts[i].end - i);
        if (token >= 0) put(out, token);
    }
}

am_status am_bpe_encode(const am_bpe *b, const char *piece, size_t len, am_bpe_out *out) {
    enum { SHORT = 64 };
    int32_t whole = am_bpe_find(b, piece, len);
    if (whole >= 0) {
        put(out, whole);
        return AM_OK;
    }
    if (len > AM_BPE_MAX_PIECE) return AM_E_LIMIT;
    merger m = { .bpe = b, .piece = piece, .len = (uint32_t)len };
    if (len <= SHORT) {
        part parts[SHORT];
        pair heap[3 * SHORT];
        m.parts = parts;
        m.heap = heap;
        merge_and_put(&m, out);
        return AM_OK;
    }
    m.parts = malloc(len * sizeof *m.parts);
    m.heap = malloc(3 * len * sizeof *m.heap);
    if (m.parts && m.heap) merge_and_put(&m, out);
    am_status status = m.parts && m.heap ? AM_OK : AM_E_NOMEM;
    free(m.heap);
    free(m.parts);
    return status;
}
