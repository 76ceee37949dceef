/* Which token comes next: the likeliest.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_CHOICE_H
#define AM_ENGINE_CHOICE_H

#include "backend/backend.h"
#include "kernels/kernels.h"

/* INT8 logits are off by less than half of this, so the token whose exact logit is the greatest is among those whose
 * approximate logit is less than this below the greatest. */
#define AM_CHOICE_MARGIN 1.0f
/* Most tokens that are computed exactly: only a row that hears nothing has more so near to each other. */
#define AM_CHOICE_CANDIDATES 64

typedef struct am_choice {
    int32_t token;
    float logprob; /* of it, among all tokens whose logit is not minus infinity */
} am_choice;

/* The token with the greatest exact logit, the first of equals.  row->logits [n_vocab], with what the rules forbid at
 * minus infinity; the likeliest are made exact in place. */
am_choice am_choose(const am_kernels *k, const am_backend_ops *ops, const am_backend *b, const am_decode_row *row,
                    int n_vocab);

#endif
