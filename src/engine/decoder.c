/* See decoder.h.
 *
 * Prompt: [<|startofprev|> text before] <|startoftranscript|> <|language|> <|task|> [<|notimestamps|>]
 *
 * SPDX-License-Identifier: MIT */
#include "engine/decoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

am_status am_decoder_open(am_decoder *d, const am_model *model, am_backend *backend, _Atomic bool *cancelled,
                          am_error *err) {
    const am_dims *dims = &model->dims;
    *d = (am_decoder){ .model = model, .backend = backend, .cancelled = cancelled };
    d->rules = (am_logit_rules){
        .specials = am_vocabulary_specials(model->vocabulary),
        .suppress = model->suppress,
        .n_suppress = model->n_suppress,
        .n_vocab = dims->n_vocab,
        .suppress_first = model->suppress_first,
        .n_suppress_first = model->n_suppress_first,
        .max_initial_timestamp = 50, /* 1.0 s */
    };
    d->prompt = malloc((size_t)dims->n_text_ctx * sizeof *d->prompt);
    if (d->prompt) return AM_OK;
    am_decoder_close(d);
    return am_fail_nomem(err, "the decoder", (size_t)dims->n_text_ctx * sizeof *d->prompt);
}

void am_decoder_close(am_decoder *d) {
    free(d->prompt);
    *d = (am_decoder){ 0 };
}

/* Run tokens at positions first.. of the slot; logits of the token number `wanted` (or none: -1) go to d->logits. */
static am_status feed(am_decoder *d, int slot, const int32_t *tokens, int n, int first, int wanted, am_error *err) {
    const am_backend_ops *ops = d->model->ops;
    am_decode_row rows[AM_DECODE_MAX_ROWS];
    for (int at = 0; at < n;) {
        int n_rows = 0;
        for (; n_rows < AM_DECODE_MAX_ROWS && at < n; n_rows++, at++)
            rows[n_rows] = (am_decode_row){ slot, tokens[at], first + at, at == wanted, NULL };
        am_status status = ops->decode(d->backend, rows, n_rows, err);
        if (status != AM_OK) return status;
        for (int i = 0; i < n_rows; i++)
            if (rows[i].wants_logits) d->logits = rows[i].logits;
    }
    return AM_OK;
}

am_status am_decoder_languages(am_decoder *d, int slot, float *out, am_error *err) {
    const am_specials *s = d->rules.specials;
    am_status status = feed(d, slot, &s->start_of_transcript, 1, 0, 0, err);
    if (status != AM_OK) return status;
    const float *logits = d->logits + s->first_language;
    float total = am_log_sum_exp(logits, s->n_languages);
    for (int i = 0; i < s->n_languages; i++) out[i] = expf(logits[i] - total);
    return AM_OK;
}

/* Fills d->prompt; returns its length and where <|startoftranscript|> is. */
static int build_prompt(am_decoder *d, const am_decode_options *o, int *start) {
    const am_specials *s = d->rules.specials;
    int n = 0, n_previous = o->n_previous, most = AM_MAX_PREVIOUS(&d->model->dims);
    if (n_previous > most) n_previous = most;
    if (n_previous > 0) {
        d->prompt[n++] = s->start_of_previous;
        memcpy(d->prompt + n, o->previous + o->n_previous - n_previous, (size_t)n_previous * sizeof *d->prompt);
        n += n_previous;
    }
    *start = n;
    d->prompt[n++] = s->start_of_transcript;
    if (s->multilingual) {
        d->prompt[n++] = s->first_language + o->language;
        d->prompt[n++] = o->task == AM_TASK_TRANSLATE ? s->translate : s->transcribe;
    }
    if (!o->timestamps) d->prompt[n++] = s->no_timestamps;
    return n;
}

/* Run the prompt.  The probability of silence is read where the transcript starts, the first token where it ends. */
static am_status run_prompt(am_decoder *d, int slot, int n_prompt, int start, float *no_speech_prob, am_error *err) {
    const am_specials *s = d->rules.specials;
    am_status status = feed(d, slot, d->prompt, start + 1, 0, start, err);
    if (status != AM_OK) return status;
    *no_speech_prob = expf(d->logits[s->no_speech] - am_log_sum_exp(d->logits, d->rules.n_vocab));
    if (!isfinite(*no_speech_prob))
        return am_fail(err, AM_E_MODEL, "the model computes numbers that are not finite: its file is damaged");
    int n_rest = n_prompt - start - 1;
    if (n_rest == 0) return AM_OK;
    return feed(d, slot, d->prompt + start + 1, n_rest, start + 1, n_rest - 1, err);
}

am_status am_decoder_run(am_decoder *d, int slot, const am_decode_options *options, am_decode_result *result,
                         am_error *err) {
    const am_dims *dims = &d->model->dims;
    int start, n_prompt = build_prompt(d, options, &start);
    int most = dims->n_text_ctx - n_prompt < AM_MAX_SAMPLED(dims) ? dims->n_text_ctx - n_prompt : AM_MAX_SAMPLED(dims);
    double sum_logprob = 0;
    d->rules.timestamps = options->timestamps;
    result->n_tokens = 0;
    result->temperature = 0;
    am_status status = run_prompt(d, slot, n_prompt, start, &result->no_speech_prob, err);
    while (status == AM_OK) {
        if (atomic_load(d->cancelled)) return am_fail(err, AM_E_CANCELLED, "cancelled");
        am_logit_rules_apply(&d->rules, result->tokens, result->n_tokens, d->logits);
        int32_t token = am_arg_max(d->logits, dims->n_vocab);
        sum_logprob += d->logits[token] - am_log_sum_exp(d->logits, dims->n_vocab);
        if (token == d->rules.specials->end_of_text) break;
        result->tokens[result->n_tokens++] = token;
        if (result->n_tokens == most) break;
        status = feed(d, slot, &token, 1, n_prompt + result->n_tokens - 1, 0, err);
    }
    result->avg_logprob = (float)(sum_logprob / (result->n_tokens + 1));
    return status;
}
