/* Which tokens may come next.  Rules set the logits of forbidden tokens to minus infinity, in place.
 * Source: openai/whisper decoding.py (SuppressBlank, SuppressTokens, ApplyTimestampRules).
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_LOGIT_RULES_H
#define AM_ENGINE_LOGIT_RULES_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "text/vocabulary.h"

typedef struct am_logit_rules {
    const am_kernels *kernels;
    const am_specials *specials;
    const int32_t *suppress; /* tokens never allowed */
    int n_suppress;
    int n_vocab;
    const int32_t *suppress_first; /* tokens not allowed as the first one: the blank and the end */
    int n_suppress_first;
    bool timestamps;           /* segments carry times; else timestamp tokens are never allowed */
    int max_initial_timestamp; /* in steps of 0.02 s: the first segment begins no later */
    int end_not_before;        /* in the same steps: the text does not end with a timestamp before this one */
} am_logit_rules;

/* tokens[n]: what was sampled in this window so far. */
void am_logit_rules_apply(const am_logit_rules *r, const int32_t *tokens, int n, float *logits);

/* The text may not end here: it stands at a timestamp, and speech goes on behind it. */
bool am_logit_rules_go_on(const am_logit_rules *r, const int32_t *tokens, int n);

/* log(sum(exp(x))); minus infinity when all are. */
float am_log_sum_exp(const am_kernels *k, const float *x, int n);

#endif
