/* See sequence.h.  SPDX-License-Identifier: MIT */
#include "engine/sequence.h"

#include <string.h>

enum { SLOT = 0 }; /* the only one */

am_status am_sequence_open(am_sequence *s, am_engine *engine, bool use_previous, am_error *err) {
    *s = (am_sequence){ .engine = engine, .use_previous = use_previous };
    return am_passage_open(&s->passage, &engine->model->dims, err);
}

void am_sequence_close(am_sequence *s) {
    am_passage_close(&s->passage);
}

/* The next window continues this text.  Text that failed the thresholds would only be continued as badly. */
static void remember(am_sequence *s, int n_tokens, bool is_good) {
    am_engine *e = s->engine;
    if (!s->use_previous || !is_good) {
        e->options.n_previous = 0;
        return;
    }
    const int32_t *tokens = s->passage.result.tokens;
    int most = AM_MAX_PREVIOUS(&e->model->dims);
    int n_new = n_tokens < most ? n_tokens : most;
    int n_old = e->options.n_previous < most - n_new ? e->options.n_previous : most - n_new;
    memmove(e->previous, e->previous + e->options.n_previous - n_old, (size_t)n_old * sizeof *e->previous);
    memcpy(e->previous + n_old, tokens + n_tokens - n_new, (size_t)n_new * sizeof *e->previous);
    e->options.n_previous = n_old + n_new;
}

static am_status decode(am_sequence *s) {
    am_engine *e = s->engine;
    am_status status = am_engine_detect_language(e, SLOT);
    if (status != AM_OK) return status;
    am_decoder_start(&e->decoder, SLOT, &e->options, &s->passage.result);
    while (status == AM_OK && am_decoder_is_running(&e->decoder, SLOT)) {
        if (atomic_load(&e->cancelled)) return am_fail(&e->error, AM_E_CANCELLED, "cancelled");
        status = am_decoder_step(&e->decoder, &e->error);
    }
    return status;
}

/* Turn what was decoded into segments and move on to where the next window begins. */
static am_status take_result(am_sequence *s) {
    am_engine *e = s->engine;
    bool is_silence, is_good;
    am_status status = am_passage_judge(&s->passage, e->model, e->window.seek, am_window_frames(&e->window), &e->text,
                                        &is_silence, &is_good, &e->error);
    if (status != AM_OK) return status;
    if (!is_silence) remember(s, am_passage_cut(&s->passage, e->model).n_done, is_good);
    am_window_advance(&e->window, s->passage.n_frames);
    return AM_OK;
}

am_status am_sequence_next(am_sequence *s, am_passage **passage) {
    am_engine *e = s->engine;
    *passage = &s->passage;
    if (atomic_load(&e->cancelled)) return am_fail(&e->error, AM_E_CANCELLED, "cancelled");
    if (!am_window_ready(&e->window)) return e->window.finished ? AM_E_END : AM_E_AGAIN;
    int n_samples = am_window_samples(&e->window);
    if (am_window_is_silent(e->window.pcm, n_samples)) {
        am_passage_set_silent(&s->passage, e->window.seek, (n_samples + AM_HOP - 1) / AM_HOP);
        am_window_advance(&e->window, s->passage.n_frames);
        return AM_OK;
    }
    e->encoding.pcm = e->window.pcm;
    e->encoding.n_samples = n_samples;
    e->encoding.slot = SLOT;
    am_encoding_run(&e->encoding);
    if (e->encoding.status != AM_OK) {
        e->error = e->encoding.error;
        return e->encoding.status;
    }
    am_status status = decode(s);
    return status == AM_OK ? take_result(s) : status;
}
