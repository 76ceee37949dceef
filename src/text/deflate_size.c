/* See deflate_size.h.  Walks through zlib's deflate at level 6 without writing a bit: the same hash chains and lazy
 * matching (RFC 1951 leaves both to the writer, so the size depends on zlib's own choices), the same ends of blocks,
 * the same Huffman lengths, and then adds up what would have been written.
 *
 * The text fits zlib's window whole, so nothing ever slides.  Work memory is about 135 KB of stack.
 *
 * SPDX-License-Identifier: MIT */
#include "text/deflate_size.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "text/huffman.h"

/* zlib's parameters for level 6, window 32768 and memory level 8. */
enum {
    MIN_MATCH = 3,
    MAX_MATCH = 258,
    GOOD_LENGTH = 8,   /* with a match this long in hand, look through a quarter of the chain only */
    MAX_LAZY = 16,     /* with a match this long in hand, do not look for a better one */
    NICE_LENGTH = 128, /* a match this long ends the search */
    MAX_CHAIN = 128,
    TOO_FAR = 4096,       /* a match of 3 from further away costs more than its letters */
    MAX_DISTANCE = 32506, /* the window less the look-ahead zlib wants to have, 262 */
    HASH_SIZE = 1 << 15,
    MAX_SYMBOLS = 16383, /* a block ends when its buffer of symbols is full */
    END_OF_BLOCK = 256,
};

typedef struct deflate {
    const unsigned char *text;
    uint32_t len;
    uint32_t block_start;
    uint32_t n_symbols;
    size_t n_bits; /* written so far, behind zlib's header */
    uint16_t literal_freq[AM_N_LITERALS], distance_freq[AM_N_DISTANCES];
    uint16_t head[HASH_SIZE]; /* latest position with a hash; 0 is none, as in zlib, so position 0 is never found */
    uint16_t prev[AM_DEFLATE_MAX];
} deflate;

static void begin_block(deflate *d, uint32_t at) {
    memset(d->literal_freq, 0, sizeof d->literal_freq);
    memset(d->distance_freq, 0, sizeof d->distance_freq);
    d->literal_freq[END_OF_BLOCK] = 1;
    d->n_symbols = 0;
    d->block_start = at;
}

/* Add the cheapest of the three kinds of block for text[block_start..end).  zlib compares whole bytes. */
static void end_block(deflate *d, uint32_t end) {
    size_t dynamic, fixed, stored = end - d->block_start;
    am_huffman_block_bits(d->literal_freq, d->distance_freq, &dynamic, &fixed);
    size_t dynamic_bytes = (dynamic + 3 + 7) / 8, fixed_bytes = (fixed + 3 + 7) / 8;
    bool use_fixed = fixed_bytes <= dynamic_bytes;
    if (stored + 4 <= (use_fixed ? fixed_bytes : dynamic_bytes))
        d->n_bits = (d->n_bits + 3 + 7) / 8 * 8 + 8 * (stored + 4);
    else d->n_bits += 3 + (use_fixed ? fixed : dynamic);
    begin_block(d, end);
}

/* The code of a match length (0..28, counted from the first one) or of a distance less one (0..29): codes come in
 * groups of `1 << group_bits` of equal width, each group twice as wide as the one before. */
static unsigned code_of(unsigned value, unsigned group_bits) {
    unsigned extra = 0;
    while (value >> extra >= 2u << group_bits) extra++;
    return (extra << group_bits) + (value >> extra);
}

static unsigned length_code(unsigned length) {
    return length == MAX_MATCH ? 28 : code_of(length - MIN_MATCH, 2);
}

static void count_literal(deflate *d, uint32_t at) {
    d->literal_freq[d->text[at]]++;
    d->n_symbols++;
}

static void count_match(deflate *d, unsigned length, uint32_t distance) {
    d->literal_freq[END_OF_BLOCK + 1 + length_code(length)]++;
    d->distance_freq[code_of(distance - 1, 1)]++;
    d->n_symbols++;
}

/* Enter the three bytes at a position into the chains; returns the position that had their hash before, 0 for none. */
static uint32_t insert(deflate *d, uint32_t at) {
    if (at + MIN_MATCH > d->len) return 0;
    const unsigned char *s = d->text + at;
    unsigned hash = ((unsigned)s[0] << 10 ^ (unsigned)s[1] << 5 ^ s[2]) & (HASH_SIZE - 1);
    uint32_t before = d->head[hash];
    d->prev[at] = (uint16_t)before;
    d->head[hash] = (uint16_t)at;
    return before;
}

static unsigned common_len(const unsigned char *a, const unsigned char *b, unsigned max) {
    unsigned n = 0;
    while (n < max && a[n] == b[n]) n++;
    return n;
}

/* The longest match for `at` in the chain from `candidate` that is longer than `best`; sets *start and returns its
 * length, or returns `best`. */
static unsigned longest_match(const deflate *d, uint32_t at, uint32_t candidate, unsigned best, uint32_t *start) {
    unsigned ahead = d->len - at, max = ahead < MAX_MATCH ? ahead : MAX_MATCH;
    unsigned nice = ahead < NICE_LENGTH ? ahead : NICE_LENGTH;
    unsigned chain = best >= GOOD_LENGTH ? MAX_CHAIN / 4 : MAX_CHAIN;
    uint32_t limit = at > MAX_DISTANCE ? at - MAX_DISTANCE : 0;
    if (best >= ahead) return best;
    do {
        const unsigned char *s = d->text + at, *m = d->text + candidate;
        if (m[best] != s[best]) continue;
        unsigned length = common_len(s, m, max);
        if (length <= best) continue;
        best = length;
        *start = candidate;
        if (length >= nice) break;
    } while ((candidate = d->prev[candidate]) > limit && --chain);
    return best;
}

/* The match at `at`, given one of length `before` in hand from the position before.  Returns its length and *start; a
 * length below MIN_MATCH is none. */
static unsigned find_match(const deflate *d, uint32_t at, uint32_t candidate, unsigned before, uint32_t *start) {
    if (candidate == 0 || before >= MAX_LAZY || at - candidate > MAX_DISTANCE) return MIN_MATCH - 1;
    unsigned length = longest_match(d, at, candidate, before, start);
    if (length == MIN_MATCH && at - *start > TOO_FAR) return MIN_MATCH - 1;
    return length;
}

/* Lazy matching: a match is taken only when the next position has no longer one; else its first byte is a literal. */
static void run(deflate *d) {
    unsigned length = MIN_MATCH - 1;
    uint32_t start = 0, at = 0;
    bool literal_waits = false;
    while (at < d->len) {
        unsigned before = length;
        uint32_t before_start = start, candidate = insert(d, at);
        length = find_match(d, at, candidate, before, &start);
        if (before >= MIN_MATCH && length <= before) {
            count_match(d, before, at - 1 - before_start);
            for (uint32_t end = at - 1 + before; ++at < end;) insert(d, at);
            literal_waits = false;
            length = MIN_MATCH - 1;
            if (d->n_symbols == MAX_SYMBOLS) end_block(d, at);
            continue;
        }
        if (literal_waits) {
            count_literal(d, at - 1);
            if (d->n_symbols == MAX_SYMBOLS) end_block(d, at);
        }
        literal_waits = true;
        at++;
    }
    if (literal_waits) count_literal(d, at - 1);
    end_block(d, at);
}

size_t am_deflate_size(const char *text, size_t len) {
    deflate d;
    memset(d.head, 0, sizeof d.head);
    d.text = (const unsigned char *)text;
    d.len = (uint32_t)(len < AM_DEFLATE_MAX ? len : AM_DEFLATE_MAX);
    d.n_bits = 0;
    begin_block(&d, 0);
    run(&d);
    return 2 + (d.n_bits + 7) / 8 + 4;
}

float am_compression_ratio(const char *text, size_t len) {
    if (len == 0) return 0;
    if (len > AM_DEFLATE_MAX) len = AM_DEFLATE_MAX;
    return (float)((double)len / (double)am_deflate_size(text, len));
}
