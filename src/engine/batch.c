/* See batch.h.  SPDX-License-Identifier: MIT */
#include "engine/batch.h"

#include <stdlib.h>
#include <string.h>

/* Windows done wait for an earlier one that takes longer.  Room for as many as decode, twice: what waits is small. */
enum { RING_PER_BATCH = 3 };

am_status am_batch_open(am_batch *b, am_engine *engine, int n_batch, am_error *err) {
    *b = (am_batch){ .engine = engine, .n_batch = n_batch, .n_slots = am_batch_slots(n_batch) };
    int n_ring = RING_PER_BATCH * n_batch;
    b->ring = calloc((size_t)n_ring, sizeof *b->ring);
    b->pcm = malloc(AM_WINDOW_SAMPLES * sizeof *b->pcm);
    am_status status = b->ring && b->pcm ? AM_OK : am_fail_nomem(err, "a batch", AM_WINDOW_SAMPLES * sizeof *b->pcm);
    for (; status == AM_OK && b->n_ring < n_ring; b->n_ring++)
        if ((status = am_passage_open(&b->ring[b->n_ring].passage, &engine->model->dims, err)) != AM_OK) break;
    return status;
}

void am_batch_close(am_batch *b) {
    if (b->encoding) am_pool_wait(b->engine->pool);
    for (int i = 0; i < b->n_ring; i++) am_passage_close(&b->ring[i].passage);
    free(b->ring);
    free(b->pcm);
    *b = (am_batch){ 0 };
}

am_status am_batch_feed(am_batch *b, const float *pcm, size_t n_samples) {
    am_status status = am_window_feed(&b->engine->window, pcm, n_samples);
    if (status == AM_E_AGAIN) b->feeder_waits = true;
    return status;
}

static am_flight *flight(am_batch *b, int i) {
    return &b->ring[(b->first + i) % b->n_ring];
}

static void set_failed(am_batch *b, am_flight *f, am_status status, const am_error *error) {
    f->stage = AM_FAILED;
    f->error = *error;
    f->error.status = status;
    b->is_failing = true;
}

/* ---- Encoding ----------------------------------------------------------------------------------------------- */

/* Cut the next window off the buffer, silence in front of it aside.  False when that needs more samples. */
static bool find_window(am_batch *b, int *n_samples) {
    am_window *w = &b->engine->window;
    while (am_window_can_be_cut(w)) {
        bool goes_on = w->len > AM_WINDOW_SAMPLES;
        *n_samples = am_window_samples(w);
        int n_skipped = am_cutter_skip(&b->cutter, w->pcm, *n_samples);
        if (n_skipped > 0) {
            am_window_advance(w, n_skipped);
            b->feeder_waits = false;
            continue;
        }
        if (goes_on) *n_samples = am_cutter_end(&b->cutter, w->pcm) * AM_HOP;
        return true;
    }
    return false;
}

static int free_slot(const am_batch *b) {
    for (int i = 0; i < b->n_slots; i++)
        if (!b->slot_taken[i]) return i;
    return -1;
}

/* Begin with the next window, when there is one and a place for it. */
static void start_encoding(am_batch *b) {
    am_engine *e = b->engine;
    am_window *w = &e->window;
    int slot, n_samples;
    if (b->encoding || b->is_failing || b->n_flights == b->n_ring || (slot = free_slot(b)) < 0) return;
    if (!find_window(b, &n_samples)) return;
    am_flight *f = flight(b, b->n_flights++);
    f->seek = w->seek;
    f->n_frames = n_samples / AM_HOP;
    if (am_window_is_silent(w->pcm, n_samples)) {
        am_passage_set_silent(&f->passage, f->seek, f->n_frames);
        f->stage = AM_DONE;
    } else {
        f->last_sound = am_cutter_last_sound(&b->cutter, w->pcm, n_samples);
        memcpy(b->pcm, w->pcm, (size_t)n_samples * sizeof *b->pcm);
        b->slot_taken[slot] = true;
        f->stage = AM_ENCODING;
        f->slot = slot;
        b->encoding = f;
        e->encoding.pcm = b->pcm;
        e->encoding.n_samples = n_samples;
        e->encoding.slot = slot;
    }
    am_window_advance(w, (n_samples + AM_HOP - 1) / AM_HOP);
    b->feeder_waits = false;
    if (b->encoding) am_pool_start(e->pool, am_encoding_run, &e->encoding);
}

static void take_encoded(am_batch *b) {
    am_engine *e = b->engine;
    am_flight *f = b->encoding;
    if (!f || !am_pool_is_idle(e->pool)) return;
    b->encoding = NULL;
    f->stage = AM_ENCODED;
    if (e->encoding.status == AM_OK) return;
    b->slot_taken[f->slot] = false;
    set_failed(b, f, e->encoding.status, &e->encoding.error);
}

/* ---- Decoding ----------------------------------------------------------------------------------------------- */

static void start_decoding(am_batch *b) {
    am_engine *e = b->engine;
    for (int i = 0; i < b->n_flights && e->decoder.n_running < b->n_batch; i++) {
        am_flight *f = flight(b, i);
        if (f->stage == AM_FAILED) return;
        if (f->stage != AM_ENCODED) continue;
        am_status status = am_engine_detect_language(e, f->slot);
        if (status != AM_OK) {
            set_failed(b, f, status, &e->error);
            return;
        }
        e->options.end_not_before = f->last_sound / 2;
        am_decoder_start(&e->decoder, f->slot, &e->options, &f->passage.result);
        f->stage = AM_DECODING;
    }
}

static void take_decoded(am_batch *b, am_flight *f) {
    am_engine *e = b->engine;
    bool is_silence, is_good;
    b->slot_taken[f->slot] = false;
    f->stage = AM_DONE;
    am_status status =
        am_passage_judge(&f->passage, e->model, f->seek, f->n_frames, &e->text, &is_silence, &is_good, &e->error);
    if (status != AM_OK) set_failed(b, f, status, &e->error);
    else if (!is_silence) am_passage_cut_whole(&f->passage, e->model);
}

static void step(am_batch *b) {
    am_engine *e = b->engine;
    am_status status = am_decoder_step(&e->decoder, &e->error);
    for (int i = 0; i < b->n_flights; i++) {
        am_flight *f = flight(b, i);
        if (f->stage != AM_DECODING) continue;
        if (status != AM_OK) set_failed(b, f, status, &e->error);
        else if (!am_decoder_is_running(&e->decoder, f->slot)) take_decoded(b, f);
    }
}

/* ---- The flow ----------------------------------------------------------------------------------------------- */

static void take_back(am_batch *b) {
    if (!b->handed_out) return;
    b->handed_out = false;
    b->first = (b->first + 1) % b->n_ring;
    b->n_flights--;
}

am_status am_batch_next(am_batch *b, am_passage **passage) {
    am_engine *e = b->engine;
    take_back(b);
    for (;;) {
        take_encoded(b);
        start_encoding(b);
        am_flight *earliest = b->n_flights > 0 ? flight(b, 0) : NULL;
        if (earliest && earliest->stage == AM_DONE) {
            b->handed_out = true;
            *passage = &earliest->passage;
            return AM_OK;
        }
        if (earliest && earliest->stage == AM_FAILED) {
            e->error = earliest->error;
            return e->error.status;
        }
        if (atomic_load(&e->cancelled)) return am_fail(&e->error, AM_E_CANCELLED, "cancelled");
        if (!e->window.finished && !b->feeder_waits) return AM_E_AGAIN;
        if (!earliest) return AM_E_END;
        start_decoding(b);
        if (b->encoding && e->decoder.n_running < b->n_batch) am_pool_wait(e->pool);
        else step(b);
    }
}
