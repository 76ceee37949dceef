/* A session: samples in, segments out.  This file checks what comes from outside and hands out segments; the windows in
 * between are the work of sequence.c or batch.c.  All memory is taken when the session opens, but for the text of
 * segments.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/versioned.h"
#include "engine/batch.h"
#include "engine/sequence.h"

struct am_session {
    am_engine engine;
    bool is_batch;
    am_sequence sequence;
    am_batch batch;
    am_passage *passage; /* the window whose segments are being handed out, or NULL */
    am_segment segment;
    am_status failed; /* a failure that ended the session */
    double start_sec;
    int64_t next_id;
    _Atomic int64_t done_frames;
};

/* ---- Opening ------------------------------------------------------------------------------------------------ */

static am_status check_config(const am_session_config *cfg, am_error *err) {
    if (cfg->task != AM_TASK_TRANSCRIBE && cfg->task != AM_TASK_TRANSLATE)
        return am_fail(err, AM_E_ARG, "unknown task %d", (int)cfg->task);
    if (cfg->device && strcmp(cfg->device, "auto") != 0 && strcmp(cfg->device, "cpu") != 0)
        return am_fail(err, AM_E_ARG, "unknown device \"%s\"; known are auto and cpu", cfg->device);
    if (!isfinite(cfg->start_sec)) return am_fail(err, AM_E_ARG, "the start time is not a finite number");
    if (cfg->n_batch < 0 || cfg->n_batch > AM_BATCH_MAX)
        return am_fail(err, AM_E_ARG, "a batch of %d windows asked for; 0 to %d are possible", cfg->n_batch,
                       AM_BATCH_MAX);
    return AM_OK;
}

am_status am_session_open(am_session **session, const am_model *model, const am_session_config *user_cfg,
                          am_error *err) {
    if (!session) return am_fail(err, AM_E_ARG, "am_session_open: session is NULL");
    *session = NULL;
    am_error_clear(err);
    am_session_config cfg;
    if (!model || !am_versioned_read(&cfg, sizeof cfg, user_cfg))
        return am_fail(err, AM_E_ARG, "am_session_open: no model or no configuration is given");
    am_status status = check_config(&cfg, err);
    if (status != AM_OK) return status;
    am_session *s = calloc(1, sizeof *s);
    if (!s) return am_fail_nomem(err, "a session", sizeof *s);
    s->start_sec = cfg.start_sec;
    s->is_batch = cfg.n_batch >= 2;
    status = am_engine_open(&s->engine, model, &cfg, s->is_batch ? am_batch_slots(cfg.n_batch) : 1, err);
    if (status == AM_OK)
        status = s->is_batch ? am_batch_open(&s->batch, &s->engine, cfg.n_batch, err)
                             : am_sequence_open(&s->sequence, &s->engine, !cfg.no_previous_text, err);
    if (status != AM_OK) am_session_close(&s);
    *session = s;
    return status;
}

void am_session_close(am_session **session) {
    if (!session || !*session) return;
    am_session *s = *session;
    am_batch_close(&s->batch);
    am_sequence_close(&s->sequence);
    am_engine_close(&s->engine);
    free(s);
    *session = NULL;
}

/* ---- Samples in --------------------------------------------------------------------------------------------- */

am_status am_session_feed(am_session *s, const float *pcm, size_t n_samples) {
    if (!s) return AM_E_ARG;
    am_error *err = &s->engine.error;
    if (!pcm && n_samples) return am_fail(err, AM_E_ARG, "no samples are given");
    if (s->engine.window.finished) return am_fail(err, AM_E_STATE, "samples were fed after the end was declared");
    if (n_samples > AM_FEED_MAX)
        return am_fail(err, AM_E_ARG, "%zu samples at once; at most %d are taken", n_samples, AM_FEED_MAX);
    for (size_t i = 0; i < n_samples; i++)
        if (!isfinite(pcm[i])) return am_fail(err, AM_E_ARG, "sample %zu is not a finite number", i);
    return s->is_batch ? am_batch_feed(&s->batch, pcm, n_samples) : am_window_feed(&s->engine.window, pcm, n_samples);
}

am_status am_session_finish(am_session *s) {
    if (!s) return AM_E_ARG;
    s->engine.window.finished = true;
    return AM_OK;
}

void am_session_cancel(am_session *s) {
    if (!s) return;
    atomic_store(&s->engine.cancelled, true);
}

/* ---- Segments out ------------------------------------------------------------------------------------------- */

/* What a passage does not know of its segment. */
static void complete(am_session *s, am_segment *segment) {
    segment->id = s->next_id++;
    segment->start += s->start_sec;
    segment->end += s->start_sec;
    segment->language = am_language_code(s->engine.options.language);
}

am_status am_session_next(am_session *s, const am_segment **segment) {
    if (!segment) return AM_E_ARG;
    *segment = NULL;
    if (!s) return AM_E_ARG;
    if (s->failed != AM_OK) return s->failed;
    am_engine *e = &s->engine;
    for (;;) {
        am_status status = AM_E_END;
        if (s->passage) status = am_passage_next(s->passage, e->model, &e->text, &s->segment, &e->error);
        if (status == AM_OK) {
            complete(s, &s->segment);
            *segment = &s->segment;
            return AM_OK;
        }
        if (status != AM_E_END) return s->failed = status;
        if (s->passage) atomic_store(&s->done_frames, s->passage->seek + s->passage->n_frames);
        s->passage = NULL;
        status = s->is_batch ? am_batch_next(&s->batch, &s->passage) : am_sequence_next(&s->sequence, &s->passage);
        if (status == AM_OK) continue;
        s->passage = NULL;
        if (status == AM_E_END) atomic_store(&s->done_frames, e->window.seek);
        if (status != AM_E_END && status != AM_E_AGAIN) s->failed = status;
        return status;
    }
}

double am_session_position(const am_session *s) {
    if (!s) return 0;
    return s->start_sec + 0.01 * (double)atomic_load(&s->done_frames);
}

const am_error *am_session_error(const am_session *s) {
    static const am_error none = { AM_E_ARG, "there is no session" };
    return s ? &s->engine.error : &none;
}

am_status am_session_languages(const am_session *s, am_language_prob *out, size_t cap, size_t *n) {
    if (!s || !n || (!out && cap)) return AM_E_ARG;
    *n = 0;
    if (!s->engine.languages_known) return AM_OK;
    const float *probs = s->engine.language_probs;
    bool taken[AM_N_LANGUAGES] = { false };
    while (*n < cap && *n < AM_N_LANGUAGES) {
        int best = -1;
        for (int i = 0; i < AM_N_LANGUAGES; i++)
            if (!taken[i] && probs[i] > 0 && (best < 0 || probs[i] > probs[best])) best = i;
        if (best < 0) break;
        taken[best] = true;
        out[(*n)++] = (am_language_prob){ am_language_code(best), probs[best] };
    }
    return AM_OK;
}
