/* Windows' texts in the making, side by side: a prompt in, tokens out.  A step takes every running text one token
 * further in one call of the backend, so that weights are read once for all of them.  Texts know nothing of each other:
 * a window gives the same tokens alone and in any company.  Greedy for now; search strategies share the prompt and the
 * rules.
 *
 * Threads: one caller.  All memory is taken when the decoder opens.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_DECODER_H
#define AM_ENGINE_DECODER_H

#include "engine/loaded_model.h"
#include "engine/logit_rules.h"

/* Most tokens a window may sample, and most of the text before it: both half of the text context (224 of 448). */
#define AM_MAX_SAMPLED(dims) ((dims)->n_text_ctx / 2)
#define AM_MAX_PREVIOUS(dims) ((dims)->n_text_ctx / 2 - 1)

typedef struct am_decode_options {
    const int32_t *previous; /* tokens of the text before, newest last */
    int n_previous;
    int language; /* index, ignored by English-only models */
    am_task task;
    bool timestamps;
    int end_not_before; /* step of 0.02 s: speech is heard later than this, so the text may not end before; 0: unknown */
} am_decode_options;

typedef struct am_decode_result {
    int32_t *tokens; /* [AM_MAX_SAMPLED], the caller's memory; end of text not included */
    int n_tokens;
    float avg_logprob, no_speech_prob, temperature;
    bool is_damaged; /* the model computed numbers that are not finite; the rest means nothing */
} am_decode_result;

/* One window's text, in the slot that holds its audio. */
typedef struct am_text {
    am_decode_result *result; /* NULL: nothing runs in this slot */
    am_logit_rules rules;
    int32_t *prompt; /* [n_text_ctx] */
    int n_prompt;
    int start;         /* position of <|startoftranscript|>: the probability of silence is read there */
    int n_fed;         /* positions that are in the slot's cache */
    int most;          /* tokens that may be sampled */
    bool is_caught_up; /* in this step: the logits of its last row say which token comes next */
    bool is_done;
    double sum_logprob;
    int n_willing;          /* tokens when the model wanted to end and was not let, or -1 */
    double willing_logprob; /* their sum, with the end's */
    double tail_logprob;    /* of what came after */
} am_text;

typedef struct am_decoder {
    const am_model *model;
    am_pool *pool;
    am_backend *backend;
    int n_slots, n_running;
    am_text *texts;  /* [n_slots] */
    int32_t *prompt; /* [n_slots, n_text_ctx] */
    am_decode_row rows[AM_DECODE_MAX_ROWS];
    const am_decode_row *judged[AM_DECODE_MAX_ROWS]; /* those of them with logits */
    int n_rows, n_judged;
} am_decoder;

am_status am_decoder_open(am_decoder *d, const am_model *model, am_pool *pool, am_backend *backend, int n_slots,
                          am_error *err);
void am_decoder_close(am_decoder *d);

/* Probabilities of all languages for the audio in `slot`, where nothing runs; out[n_languages]. */
am_status am_decoder_languages(am_decoder *d, int slot, float *out, am_error *err);

/* Begin the text of the audio in `slot`.  `result` is the decoder's until am_decoder_is_running() says no. */
void am_decoder_start(am_decoder *d, int slot, const am_decode_options *options, am_decode_result *result);
bool am_decoder_is_running(const am_decoder *d, int slot);

/* One token further.  After a failure, which is a backend's, nothing runs any more. */
am_status am_decoder_step(am_decoder *d, am_error *err);

#endif
