/* The seam between the engine and whatever computes: about ten coarse operations on windows and rows.  The engine
 * decides what to compute; a backend decides how.  A window is 30 s of audio: 480,000 samples, 3,000 mel frames.
 *
 * Two objects: `am_prepared` is the model's weights in the backend's own layout, immutable and shared; `am_backend` is
 * one session's working memory: activations, and key/value caches for `n_slots` windows.  All memory of a backend is
 * taken when it is opened.
 *
 * Threads: one caller at a time on the audio side (mel, encode, cross_kv) and one on the text side (decode, rescore);
 * the two sides may run at the same time as long as they work on different slots.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BACKEND_BACKEND_H
#define AM_BACKEND_BACKEND_H

#include "base/error.h"
#include "base/pool.h"
#include "model/quantized.h"

typedef struct am_prepared am_prepared;
typedef struct am_backend am_backend;

/* What to prepare: exactly one of the two.  `quantized` is used where it lies and must outlive what was prepared. */
typedef struct am_prepare_config {
    const am_weights *weights;     /* computes in f32 */
    const am_quantized *quantized; /* computes in INT8 */
    unsigned cpu_flags;
    am_pool *pool; /* borrowed during the call */
} am_prepare_config;

/* One token to run through the decoder.  Rows of one slot lie next to each other. */
typedef struct am_decode_row {
    int slot; /* whose caches */
    int32_t token;
    int position;      /* 0 .. n_text_ctx-1; rows of one slot come in rising order and leave no gap in its cache */
    bool wants_logits; /* else only the cache entry is wanted */
    float *logits; /* out: [n_vocab] if wanted, the backend's memory, the caller's to change until the next decode */
} am_decode_row;

typedef struct am_backend_counters {
    uint64_t n_windows; /* encoded */
    uint64_t n_decode_rows;
    double mel_sec, encode_sec, cross_sec, decode_sec; /* wall time */
} am_backend_counters;

/* Operations a backend has itself; the others go to the CPU. */
enum { AM_CAP_MEL = 1, AM_CAP_ENCODE = 2, AM_CAP_CROSS_KV = 4, AM_CAP_DECODE = 8 };

typedef struct am_backend_ops {
    const char *name;
    unsigned caps;
    am_status (*prepare)(am_prepared **p, const am_prepare_config *cfg, am_error *err);
    void (*release)(am_prepared **p);
    uint64_t (*prepared_bytes)(const am_prepared *p);
    am_status (*open)(am_backend **b, const am_prepared *p, am_pool *pool, int n_slots, am_error *err);
    void (*close)(am_backend **b);
    /* mel[n_mels, 3000] of pcm[n_samples], n_samples <= 480,000; what is missing to 30 s counts as silence. */
    am_status (*mel)(am_backend *b, const float *pcm, int n_samples, float *mel, am_error *err);
    /* out[n_audio_ctx, n_audio_state] */
    am_status (*encode)(am_backend *b, const float *mel, float *out, am_error *err);
    /* Cross-attention keys and values of encoded audio into `slot`; forgets the slot's text. */
    am_status (*cross_kv)(am_backend *b, const float *encoded, int slot, am_error *err);
    /* Run rows of any slots together; at most am_decode_max_logits(n_slots) of them want logits.  Every row's result is
     * the same as if it ran alone. */
    am_status (*decode)(am_backend *b, am_decode_row *rows, int n_rows, am_error *err);
    /* Logits may be approximate (INT8).  Replace those of n tokens of a row of the latest decode by exact ones.
     * Any number of threads at once, on different rows. */
    void (*rescore)(const am_backend *b, const am_decode_row *row, const int32_t *tokens, int n);
    void (*counters)(const am_backend *b, am_backend_counters *out);
} am_backend_ops;

/* Most rows one decode call takes, and most of them that want logits: two for each slot (where the transcript starts and
 * where the prompt ends). */
#define AM_DECODE_MAX_ROWS 64
static inline int am_decode_max_logits(int n_slots) {
    return 2 * n_slots < AM_DECODE_MAX_ROWS ? 2 * n_slots : AM_DECODE_MAX_ROWS;
}

extern const am_backend_ops am_backend_cpu;

#endif
