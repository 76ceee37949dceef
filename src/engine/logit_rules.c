/* See logit_rules.h.  SPDX-License-Identifier: MIT */
#include "engine/logit_rules.h"

#include <math.h>

static void forbid(float *logits, int from, int to) {
    for (int i = from; i < to; i++) logits[i] = -INFINITY;
}

static void suppress(float *logits, int n_vocab, const int32_t *tokens, int n) {
    for (int i = 0; i < n; i++)
        if (tokens[i] >= 0 && tokens[i] < n_vocab) logits[tokens[i]] = -INFINITY;
}

float am_log_sum_exp(const am_kernels *k, const float *x, int n) {
    if (n <= 0) return -INFINITY;
    float top = x[k->max_f32(x, n)];
    return top == -INFINITY ? top : top + logf(k->sum_exp_f32(x, n, top));
}

bool am_logit_rules_go_on(const am_logit_rules *r, const int32_t *tokens, int n) {
    int step = n > 0 ? tokens[n - 1] - r->specials->first_timestamp : -1;
    return step >= 0 && step < r->end_not_before;
}

/* Timestamps come in pairs (end of one segment, start of the next), rise, and open the window. */
static void order_timestamps(const am_logit_rules *r, const int32_t *tokens, int n, float *logits) {
    int first = r->specials->first_timestamp, end_of_text = r->specials->end_of_text;
    bool last_is_time = n >= 1 && tokens[n - 1] >= first;
    bool before_is_time = n < 2 || tokens[n - 2] >= first;
    if (last_is_time && before_is_time) forbid(logits, first, r->n_vocab); /* a pair is closed: text must follow */
    else if (last_is_time) forbid(logits, 0, end_of_text); /* a segment ended: no text before its pair */

    if (am_logit_rules_go_on(r, tokens, n)) logits[end_of_text] = -INFINITY;

    int latest = -1;
    for (int i = n - 1; i >= 0 && latest < 0; i--)
        if (tokens[i] >= first) latest = tokens[i];
    if (latest >= 0) {
        /* The second of a pair may repeat the first; any other timestamp must be later, so segments are not empty. */
        bool may_repeat = last_is_time && !before_is_time;
        forbid(logits, first, may_repeat ? latest : latest + 1);
    }
    if (n == 0) {
        forbid(logits, 0, first);
        if (r->max_initial_timestamp >= 0 && first + r->max_initial_timestamp + 1 < r->n_vocab)
            forbid(logits, first + r->max_initial_timestamp + 1, r->n_vocab);
    }
}

/* Where all timestamps together are likelier than the likeliest text, the model means a timestamp. */
static void prefer_timestamps(const am_logit_rules *r, float *logits) {
    int first = r->specials->first_timestamp;
    float best_text = logits[r->kernels->max_f32(logits, first)];
    if (am_log_sum_exp(r->kernels, logits + first, r->n_vocab - first) > best_text) forbid(logits, 0, first);
}

void am_logit_rules_apply(const am_logit_rules *r, const int32_t *tokens, int n, float *logits) {
    const am_specials *s = r->specials;
    suppress(logits, r->n_vocab, r->suppress, r->n_suppress);
    logits[s->no_timestamps] = -INFINITY;
    if (n == 0) suppress(logits, r->n_vocab, r->suppress_first, r->n_suppress_first);
    if (!r->timestamps) {
        forbid(logits, s->first_timestamp, r->n_vocab);
        return;
    }
    order_timestamps(r, tokens, n, logits);
    if (n > 0) prefer_timestamps(r, logits); /* the first token is a timestamp anyway */
}
