/* See decoder.h.
 *
 * Prompt: [<|startofprev|> text before] <|startoftranscript|> <|language|> <|task|> [<|notimestamps|>]
 *
 * SPDX-License-Identifier: MIT */
#include "engine/decoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/choice.h"

/* Below this average the tail of a text is not believed: Whisper's own threshold for a window. */
#define UNWILLING_LOGPROB (-1.0)

am_status am_decoder_open(am_decoder *d, const am_model *model, am_pool *pool, am_backend *backend, int n_slots,
                          am_error *err) {
    size_t n_text_ctx = (size_t)model->dims.n_text_ctx, n_prompt = (size_t)n_slots * n_text_ctx;
    *d = (am_decoder){ .model = model, .pool = pool, .backend = backend, .n_slots = n_slots };
    d->texts = calloc((size_t)n_slots, sizeof *d->texts);
    d->prompt = malloc(n_prompt * sizeof *d->prompt);
    if (!d->texts || !d->prompt) {
        am_decoder_close(d);
        return am_fail_nomem(err, "the decoder", n_prompt * sizeof *d->prompt);
    }
    for (int i = 0; i < n_slots; i++) {
        d->texts[i].prompt = d->prompt + (size_t)i * n_text_ctx;
        d->texts[i].rules = (am_logit_rules){
            .kernels = &model->kernels,
            .specials = am_vocabulary_specials(model->vocabulary),
            .suppress = model->suppress,
            .n_suppress = model->n_suppress,
            .n_vocab = model->dims.n_vocab,
            .suppress_first = model->suppress_first,
            .n_suppress_first = model->n_suppress_first,
            .max_initial_timestamp = 50, /* 1.0 s */
        };
    }
    return AM_OK;
}

void am_decoder_close(am_decoder *d) {
    free(d->prompt);
    free(d->texts);
    *d = (am_decoder){ 0 };
}

am_status am_decoder_languages(am_decoder *d, int slot, float *out, am_error *err) {
    const am_specials *s = am_vocabulary_specials(d->model->vocabulary);
    am_decode_row row = { .slot = slot, .token = s->start_of_transcript, .wants_logits = true };
    am_status status = d->model->ops->decode(d->backend, &row, 1, err);
    if (status != AM_OK) return status;
    const float *logits = row.logits + s->first_language;
    float total = am_log_sum_exp(&d->model->kernels, logits, s->n_languages);
    for (int i = 0; i < s->n_languages; i++) out[i] = expf(logits[i] - total);
    return AM_OK;
}

/* ---- Beginning ---------------------------------------------------------------------------------------------- */

static void build_prompt(const am_decoder *d, am_text *t, const am_decode_options *o) {
    const am_specials *s = t->rules.specials;
    int n = 0, n_previous = o->n_previous, most = AM_MAX_PREVIOUS(&d->model->dims);
    if (n_previous > most) n_previous = most;
    if (n_previous > 0) {
        t->prompt[n++] = s->start_of_previous;
        memcpy(t->prompt + n, o->previous + o->n_previous - n_previous, (size_t)n_previous * sizeof *t->prompt);
        n += n_previous;
    }
    t->start = n;
    t->prompt[n++] = s->start_of_transcript;
    if (s->multilingual) {
        t->prompt[n++] = s->first_language + o->language;
        t->prompt[n++] = o->task == AM_TASK_TRANSLATE ? s->translate : s->transcribe;
    }
    if (!o->timestamps) t->prompt[n++] = s->no_timestamps;
    t->n_prompt = n;
}

void am_decoder_start(am_decoder *d, int slot, const am_decode_options *options, am_decode_result *result) {
    const am_dims *dims = &d->model->dims;
    am_text *t = &d->texts[slot];
    build_prompt(d, t, options);
    int room = dims->n_text_ctx - t->n_prompt;
    t->most = room < AM_MAX_SAMPLED(dims) ? room : AM_MAX_SAMPLED(dims);
    t->rules.timestamps = options->timestamps;
    t->rules.end_not_before = options->end_not_before;
    t->n_willing = -1;
    t->n_fed = 0;
    t->sum_logprob = 0;
    t->is_done = false;
    *result = (am_decode_result){ .tokens = result->tokens };
    t->result = result;
    d->n_running++;
}

bool am_decoder_is_running(const am_decoder *d, int slot) {
    return d->texts[slot].result != NULL;
}

/* ---- One step ----------------------------------------------------------------------------------------------- */

static int n_known(const am_text *t) {
    return t->n_prompt + t->result->n_tokens;
}

/* Rows for what the slot's cache lacks, as many as there is room for: a long prompt goes in pieces. */
static void add_rows(am_decoder *d, int slot) {
    am_text *t = &d->texts[slot];
    int end = n_known(t), most_judged = am_decode_max_logits(d->n_slots);
    for (; t->n_fed < end && d->n_rows < AM_DECODE_MAX_ROWS; t->n_fed++) {
        int at = t->n_fed;
        int32_t token = at < t->n_prompt ? t->prompt[at] : t->result->tokens[at - t->n_prompt];
        bool wants_logits = at == t->start || at == end - 1;
        if (wants_logits && d->n_judged == most_judged) break;
        if (wants_logits) d->judged[d->n_judged++] = &d->rows[d->n_rows];
        d->rows[d->n_rows++] =
            (am_decode_row){ .slot = slot, .token = token, .position = at, .wants_logits = wants_logits };
    }
    t->is_caught_up = t->n_fed == end;
}

/* Texts that are under way come first: they have one row each, and what room they leave is for prompts. */
static void gather_rows(am_decoder *d) {
    d->n_rows = d->n_judged = 0;
    for (int beginning = 0; beginning < 2; beginning++)
        for (int slot = 0; slot < d->n_slots; slot++) {
            const am_text *t = &d->texts[slot];
            if (t->result && (n_known(t) - t->n_fed > 1) == beginning) add_rows(d, slot);
        }
}

/* Text that came because the end was forbidden, and without conviction, is none: what is heard there is no speech. */
static void drop_unwilling(am_text *t) {
    am_decode_result *r = t->result;
    int n_tail = r->n_tokens - t->n_willing;
    if (t->n_willing < 0 || t->tail_logprob >= UNWILLING_LOGPROB * n_tail) return;
    r->n_tokens = t->n_willing;
    t->sum_logprob = t->willing_logprob;
}

static void choose_token(const am_decoder *d, am_text *t, const am_decode_row *row) {
    am_decode_result *r = t->result;
    int32_t end_of_text = t->rules.specials->end_of_text;
    float end_logit = row->logits[end_of_text];
    am_logit_rules_apply(&t->rules, r->tokens, r->n_tokens, row->logits);
    am_choice choice = am_choose(&d->model->kernels, d->model->ops, d->backend, row, t->rules.n_vocab);
    bool goes_on = am_logit_rules_go_on(&t->rules, r->tokens, r->n_tokens) && end_logit > row->logits[choice.token];
    if (goes_on && t->n_willing < 0) {
        t->n_willing = r->n_tokens;
        t->willing_logprob = t->sum_logprob + choice.logprob + (end_logit - row->logits[choice.token]);
        t->tail_logprob = 0;
    }
    t->tail_logprob += choice.logprob;
    t->sum_logprob += choice.logprob;
    bool is_end = choice.token == end_of_text;
    if (!is_end) r->tokens[r->n_tokens++] = choice.token;
    t->is_done = is_end || r->n_tokens == t->most;
    if (t->is_done) drop_unwilling(t);
    r->avg_logprob = (float)(t->sum_logprob / (r->n_tokens + 1));
}

/* What a row's logits say.  Two rows of one text may be judged at once (where the transcript starts, where the prompt
 * ends): they write different things. */
static void judge_task(void *arg, int task, int worker) {
    const am_decoder *d = arg;
    const am_decode_row *row = d->judged[task];
    am_text *t = &d->texts[row->slot];
    if (row->position == t->start) {
        const am_logit_rules *rules = &t->rules;
        float total = am_log_sum_exp(rules->kernels, row->logits, rules->n_vocab);
        t->result->no_speech_prob = expf(row->logits[rules->specials->no_speech] - total);
    }
    if (t->is_caught_up && row->position == t->n_fed - 1) choose_token(d, t, row);
}

/* Let go of the texts that are done. */
static void settle(am_decoder *d) {
    for (int i = 0; i < d->n_judged; i++) {
        am_text *t = &d->texts[d->judged[i]->slot];
        if (!t->result) continue;
        t->result->is_damaged = !isfinite(t->result->no_speech_prob);
        if (!t->is_done && !t->result->is_damaged) continue;
        t->result = NULL;
        d->n_running--;
    }
}

am_status am_decoder_step(am_decoder *d, am_error *err) {
    if (d->n_running == 0) return AM_OK;
    gather_rows(d);
    am_status status = d->model->ops->decode(d->backend, d->rows, d->n_rows, err);
    if (status == AM_OK) {
        am_pool_run(d->pool, judge_task, d, d->n_judged);
        settle(d);
        return AM_OK;
    }
    for (int slot = 0; slot < d->n_slots; slot++) d->texts[slot].result = NULL;
    d->n_running = 0;
    return status;
}
