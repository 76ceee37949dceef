/* See huffman.h.  Any optimal code would give the same number of bits for the symbols, but not the same lengths, and
 * the lengths have to be described too; so ties are broken as zlib does (by depth, then by the order of its heap), and
 * codes longer than the limit are shortened as zlib does.
 *
 * SPDX-License-Identifier: MIT */
#include "text/huffman.h"

#include <stdbool.h>
#include <string.h>

enum {
    MAX_NODES = 2 * AM_N_LITERALS, /* leaves and inner nodes, one spare: the heap counts from 1 */
    N_LENGTH_CODES = 19,
    MAX_BITS = 15,
    MAX_LENGTH_BITS = 7,
    REPEAT_LENGTH = 16, /* the length before, 3..6 times */
    REPEAT_ZERO_3 = 17, /* 0, 3..10 times */
    REPEAT_ZERO_11 = 18 /* 0, 11..138 times */
};

/* One alphabet: how many symbols, how long codes may be, extra bits of a symbol, its length in the fixed code. */
typedef struct alphabet {
    int n_symbols, max_bits;
    unsigned (*extra)(unsigned symbol);
    unsigned (*fixed)(unsigned symbol);
} alphabet;

static unsigned literal_extra(unsigned symbol) {
    return symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4;
}

static unsigned literal_fixed(unsigned symbol) {
    return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

static unsigned distance_extra(unsigned symbol) {
    return symbol < 4 ? 0 : (symbol - 2) / 2;
}

static unsigned distance_fixed(unsigned symbol) {
    return 5;
}

static unsigned length_extra(unsigned symbol) {
    return symbol < REPEAT_LENGTH ? 0 : symbol == REPEAT_LENGTH ? 2 : symbol == REPEAT_ZERO_3 ? 3 : 7;
}

static const alphabet literals = { AM_N_LITERALS, MAX_BITS, literal_extra, literal_fixed };
static const alphabet distances = { AM_N_DISTANCES, MAX_BITS, distance_extra, distance_fixed };
static const alphabet lengths = { N_LENGTH_CODES, MAX_LENGTH_BITS, length_extra, distance_fixed };

typedef struct tree {
    uint16_t freq[MAX_NODES], dad[MAX_NODES];
    uint8_t len[MAX_NODES]; /* of the code; of unused symbols 0 */
    uint8_t depth[MAX_NODES];
    uint16_t heap[MAX_NODES]; /* heap[1..n_heap] to build the tree; heap[heap_max..] the nodes taken, rarest last */
    int n_heap, heap_max;
    int max_code; /* largest symbol that is used */
} tree;

static bool rarer(const tree *t, int a, int b) {
    return t->freq[a] < t->freq[b] || (t->freq[a] == t->freq[b] && t->depth[a] <= t->depth[b]);
}

static void sift_down(tree *t, int at) {
    uint16_t node = t->heap[at];
    for (int child; (child = 2 * at) <= t->n_heap; at = child) {
        if (child < t->n_heap && rarer(t, t->heap[child + 1], t->heap[child])) child++;
        if (rarer(t, node, t->heap[child])) break;
        t->heap[at] = t->heap[child];
    }
    t->heap[at] = node;
}

/* Leaves into the heap.  A code needs two symbols; zlib adds the lowest ones where the text has fewer. */
static void add_leaves(tree *t, const alphabet *a, const uint16_t *freq) {
    t->n_heap = 0;
    t->max_code = -1;
    memset(t->depth, 0, sizeof t->depth);
    for (int i = 0; i < a->n_symbols; i++) {
        t->freq[i] = freq[i];
        t->len[i] = 0;
        if (freq[i]) t->heap[++t->n_heap] = (uint16_t)(t->max_code = i);
    }
    while (t->n_heap < 2) {
        int symbol = t->max_code < 2 ? ++t->max_code : 0;
        t->freq[symbol] = 1;
        t->heap[++t->n_heap] = (uint16_t)symbol;
    }
}

/* Join the two rarest nodes until one is left.  Both leave their mark in heap[heap_max..]. */
static void join(tree *t, int first_inner) {
    int node = first_inner;
    t->heap_max = MAX_NODES;
    for (int i = t->n_heap / 2; i >= 1; i--) sift_down(t, i);
    do {
        uint16_t a = t->heap[1];
        t->heap[1] = t->heap[t->n_heap--];
        sift_down(t, 1);
        uint16_t b = t->heap[1];
        t->heap[--t->heap_max] = a;
        t->heap[--t->heap_max] = b;
        t->freq[node] = (uint16_t)(t->freq[a] + t->freq[b]);
        t->depth[node] = (uint8_t)((t->depth[a] > t->depth[b] ? t->depth[a] : t->depth[b]) + 1);
        t->dad[a] = t->dad[b] = (uint16_t)node;
        t->heap[1] = (uint16_t)node++;
        sift_down(t, 1);
    } while (t->n_heap >= 2);
    t->heap[--t->heap_max] = t->heap[1];
}

/* Make room for `overflow` codes that were cut to max_bits: each step splits the longest shorter code in two. */
static void shorten(tree *t, int max_bits, int overflow, uint16_t count[MAX_BITS + 1]) {
    for (; overflow > 0; overflow -= 2) {
        int bits = max_bits - 1;
        while (!count[bits]) bits--;
        count[bits]--;
        count[bits + 1] += 2;
        count[max_bits]--;
    }
    int at = MAX_NODES;
    for (int bits = max_bits; bits; bits--)
        for (int n = count[bits]; n;) {
            int node = t->heap[--at];
            if (node > t->max_code) continue;
            t->len[node] = (uint8_t)bits;
            n--;
        }
}

/* Code lengths from the root down. */
static void set_lengths(tree *t, int max_bits) {
    uint16_t count[MAX_BITS + 1] = { 0 };
    int overflow = 0;
    t->len[t->heap[t->heap_max]] = 0;
    for (int i = t->heap_max + 1; i < MAX_NODES; i++) {
        int node = t->heap[i], bits = t->len[t->dad[node]] + 1;
        if (bits > max_bits) {
            bits = max_bits;
            overflow++;
        }
        t->len[node] = (uint8_t)bits;
        if (node <= t->max_code) count[bits]++;
    }
    if (overflow) shorten(t, max_bits, overflow, count);
}

/* Build the code for the counts; adds what the counted symbols cost with it and with the fixed code. */
static void build(tree *t, const alphabet *a, const uint16_t *freq, size_t *dynamic, size_t *fixed) {
    add_leaves(t, a, freq);
    join(t, a->n_symbols);
    set_lengths(t, a->max_bits);
    for (int i = 0; i < a->n_symbols; i++) {
        *dynamic += (size_t)freq[i] * (t->len[i] + a->extra((unsigned)i));
        *fixed += (size_t)freq[i] * (a->fixed((unsigned)i) + a->extra((unsigned)i));
    }
}

/* Count the codes that describe the lengths of a tree, as runs. */
static void count_lengths(const tree *t, uint16_t freq[N_LENGTH_CODES]) {
    int before = -1;
    for (int i = 0, run; i <= t->max_code; i += run) {
        int len = t->len[i], max = len == 0 ? 138 : len == before ? 6 : 7, min = len && len != before ? 4 : 3;
        for (run = 1; run < max && i + run <= t->max_code && t->len[i + run] == len;) run++;
        if (run < min) {
            freq[len] += (uint16_t)run;
        } else if (len) {
            if (len != before) freq[len]++;
            freq[REPEAT_LENGTH]++;
        } else {
            freq[run <= 10 ? REPEAT_ZERO_3 : REPEAT_ZERO_11]++;
        }
        before = len;
    }
}

void am_huffman_block_bits(const uint16_t literal_freq[AM_N_LITERALS], const uint16_t distance_freq[AM_N_DISTANCES],
                           size_t *dynamic, size_t *fixed) {
    /* The order in which lengths of length codes are written; those at the end that are 0 are left out. */
    static const uint8_t order[N_LENGTH_CODES] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    tree t;
    uint16_t length_freq[N_LENGTH_CODES] = { 0 };
    size_t unused = 0;
    *dynamic = *fixed = 0;
    build(&t, &literals, literal_freq, dynamic, fixed);
    count_lengths(&t, length_freq);
    build(&t, &distances, distance_freq, dynamic, fixed);
    count_lengths(&t, length_freq);
    build(&t, &lengths, length_freq, dynamic, &unused);
    int last = N_LENGTH_CODES - 1;
    while (last >= 3 && t.len[order[last]] == 0) last--;
    *dynamic += 5 + 5 + 4 + 3 * (size_t)(last + 1);
}
