/* See choice.h.
 *
 * Three passes over the logits: the greatest, those near it, the sum.  The pass that gathers looks at a block first and
 * at its tokens only where one of them qualifies: nearly all blocks are done with one vectorised comparison.
 *
 * SPDX-License-Identifier: MIT */
#include "engine/choice.h"

#include "engine/logit_rules.h"

enum { BLOCK = 64 };

typedef struct candidates {
    int32_t token[AM_CHOICE_CANDIDATES];
    int n, worst;  /* worst: index of the least likely, once the list is full */
    float atleast; /* a token less likely than this is none */
} candidates;

static void find_worst(candidates *c, const float *logits) {
    c->worst = 0;
    for (int i = 1; i < c->n; i++)
        if (logits[c->token[i]] < logits[c->token[c->worst]]) c->worst = i;
    c->atleast = logits[c->token[c->worst]];
}

/* Tokens come in rising order, so of equals the first stay. */
static void add(candidates *c, const float *logits, int32_t token) {
    if (c->n < AM_CHOICE_CANDIDATES) {
        c->token[c->n++] = token;
        if (c->n == AM_CHOICE_CANDIDATES) find_worst(c, logits);
    } else if (logits[token] > c->atleast) {
        c->token[c->worst] = token;
        find_worst(c, logits);
    }
}

static int count_atleast(const float *x, float least) {
    int n = 0;
    for (int i = 0; i < BLOCK; i++) n += x[i] >= least;
    return n;
}

static void gather(candidates *c, const float *logits, int n_vocab) {
    for (int at = 0; at < n_vocab; at += BLOCK) {
        int end = at + BLOCK < n_vocab ? at + BLOCK : n_vocab;
        if (end - at == BLOCK && count_atleast(logits + at, c->atleast) == 0) continue;
        for (int i = at; i < end; i++)
            if (logits[i] >= c->atleast) add(c, logits, i);
    }
}

am_choice am_choose(const am_kernels *k, const am_backend_ops *ops, const am_backend *b, const am_decode_row *row,
                    int n_vocab) {
    const float *logits = row->logits;
    int32_t best = k->max_f32(logits, n_vocab);
    candidates c = { .atleast = logits[best] - AM_CHOICE_MARGIN };
    gather(&c, logits, n_vocab);
    if (c.n > 1) ops->rescore(b, row, c.token, c.n);
    for (int i = 0; i < c.n; i++) {
        float better = logits[c.token[i]] - logits[best];
        if (better > 0 || (better == 0 && c.token[i] < best)) best = c.token[i];
    }
    return (am_choice){ best, logits[best] - am_log_sum_exp(k, logits, n_vocab) };
}
