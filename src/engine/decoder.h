/* One window's text: prompt in, tokens out.  Greedy for now; search strategies share the prompt and the rules.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_DECODER_H
#define AM_ENGINE_DECODER_H

#include <stdatomic.h>

#include "engine/loaded_model.h"
#include "engine/logit_rules.h"

/* Most tokens a window may sample, and most of the text before it: both half of the text context (224 of 448). */
#define AM_MAX_SAMPLED(dims) ((dims)->n_text_ctx / 2)
#define AM_MAX_PREVIOUS(dims) ((dims)->n_text_ctx / 2 - 1)

typedef struct am_decoder {
    const am_model *model;
    am_backend *backend;
    am_logit_rules rules;
    float *logits;   /* [n_vocab] of the latest row that wanted them; the backend's */
    int32_t *prompt; /* [n_text_ctx] */
    _Atomic bool *cancelled;
} am_decoder;

typedef struct am_decode_options {
    const int32_t *previous; /* tokens of the text before, newest last */
    int n_previous;
    int language; /* index, ignored by English-only models */
    am_task task;
    bool timestamps;
} am_decode_options;

typedef struct am_decode_result {
    int32_t *tokens; /* [AM_MAX_SAMPLED], the caller's memory; end of text not included */
    int n_tokens;
    float avg_logprob, no_speech_prob, temperature;
} am_decode_result;

am_status am_decoder_open(am_decoder *d, const am_model *model, am_backend *backend, _Atomic bool *cancelled,
                          am_error *err);
void am_decoder_close(am_decoder *d);

/* Probabilities of all languages for the audio in `slot`; out[n_languages]. */
am_status am_decoder_languages(am_decoder *d, int slot, float *out, am_error *err);

/* Decode the audio in `slot`.  Returns AM_OK, AM_E_CANCELLED or a backend's failure. */
am_status am_decoder_run(am_decoder *d, int slot, const am_decode_options *options, am_decode_result *result,
                         am_error *err);

#endif
