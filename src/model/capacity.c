/* See capacity.h.  Dimensions are checked against AM_DIMS_MAX_* when a file is read, so the largest sum, of a session
 * with 2^31 slots, is the only one that could overflow: counts of slots are multiplied last, and saturate.
 *
 * SPDX-License-Identifier: MIT */
#include "model/capacity.h"

#include <stdio.h>

#include "base/memory.h"

/* Bytes of a weight or of a number in a cache.  Weights that compute in f32 are kept in half of that where it loses
 * nothing, as it does for every published model. */
enum { BYTES_F32 = 4, BYTES_F16 = 2, BYTES_S8 = 1 };

static uint64_t times(uint64_t a, uint64_t b) {
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t plus(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Matrices only; vectors are below a thousandth. */
uint64_t am_capacity_of_model(const am_dims *d, bool is_int8) {
    uint64_t a = (uint64_t)d->n_audio_state, t = (uint64_t)d->n_text_state;
    uint64_t convolutions = 3 * a * ((uint64_t)d->n_mels + a);
    /* Attention has four matrices, the feed-forward part two of four times the width; the decoder attends twice. */
    uint64_t encoder = (uint64_t)d->n_audio_layer * 12 * a * a;
    uint64_t decoder = (uint64_t)d->n_text_layer * (14 * t * t + 2 * t * a);
    uint64_t embedding = (uint64_t)d->n_vocab * t;
    uint64_t positions = (uint64_t)d->n_audio_ctx * a + (uint64_t)d->n_text_ctx * t;
    uint64_t layers = (encoder + decoder + embedding) * (is_int8 ? BYTES_S8 : BYTES_F16);
    /* INT8 keeps the embedding exact as well. */
    if (is_int8) layers += embedding * BYTES_F16;
    return layers + convolutions * BYTES_F16 + positions * BYTES_F32;
}

uint64_t am_capacity_of_session(const am_dims *d, bool is_int8, int n_slots, int n_threads) {
    uint64_t a = (uint64_t)d->n_audio_state, t = (uint64_t)d->n_text_state, audio_ctx = (uint64_t)d->n_audio_ctx;
    uint64_t cache_bytes = is_int8 ? BYTES_S8 : BYTES_F32;
    uint64_t slots = n_slots > 0 ? (uint64_t)n_slots : 1, threads = n_threads > 0 ? (uint64_t)n_threads : 1;
    /* Mel in, activations, attention in and out, and keys and values of one layer. */
    uint64_t encoder = (uint64_t)AM_WINDOW_FRAMES * (uint64_t)d->n_mels * BYTES_F32 + 3 * audio_ctx * a * BYTES_F32 +
                       2 * audio_ctx * a * cache_bytes;
    /* Keys and values of every layer, of the text so far and of the window. */
    uint64_t slot = 2 * (uint64_t)d->n_text_layer * ((uint64_t)d->n_text_ctx + audio_ctx) * t * cache_bytes;
    uint64_t logits = (uint64_t)d->n_vocab * BYTES_F32; /* at least of one row */
    /* A worker takes at least this many rows at a time, as they are and in the widest layer. */
    enum { SCRATCH_ROWS = 32 };
    uint64_t scratch = SCRATCH_ROWS * 5 * (a > t ? a : t) * BYTES_F32;
    return plus(plus(encoder + logits, times(scratch, threads)), times(slot, slots));
}

/* "2,934" */
static const char *with_commas(char out[32], uint64_t n) {
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *o = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) *o++ = ',';
        *o++ = digits[i];
    }
    *o = '\0';
    return out;
}

enum { MB = 1000000 };

/* Rounded apart, so that the sentence never says that a number does not fit in the same number. */
static const char *megabytes_up(char out[32], uint64_t n) {
    return with_commas(out, n / MB + (n % MB != 0));
}

static const char *megabytes_down(char out[32], uint64_t n) {
    return with_commas(out, n / MB);
}

am_status am_capacity_check_model_in(uint64_t available, const am_dims *d, bool is_int8, am_error *err) {
    char need_mb[32], available_mb[32];
    uint64_t need = am_capacity_of_model(d, is_int8);
    if (need <= available) return AM_OK;
    return am_fail(err, AM_E_NOMEM, "a model of %s MB does not fit in the %s MB this process may take",
                   megabytes_up(need_mb, need), megabytes_down(available_mb, available));
}

am_status am_capacity_check_session_in(uint64_t available, const am_dims *d, bool is_int8, int n_slots, int n_threads,
                                       am_error *err) {
    char need_mb[32], available_mb[32];
    uint64_t need = am_capacity_of_session(d, is_int8, n_slots, n_threads);
    if (need <= available) return AM_OK;
    return am_fail(
        err, AM_E_NOMEM, "a session of %s MB (%d window%s at once) does not fit in the %s MB this process may take",
        megabytes_up(need_mb, need), n_slots, n_slots == 1 ? "" : "s", megabytes_down(available_mb, available));
}

am_status am_capacity_check_model(const am_dims *d, bool is_int8, am_error *err) {
    return am_capacity_check_model_in(am_memory_available(), d, is_int8, err);
}

am_status am_capacity_check_session(const am_dims *d, bool is_int8, int n_slots, int n_threads, am_error *err) {
    return am_capacity_check_session_in(am_memory_available(), d, is_int8, n_slots, n_threads, err);
}
