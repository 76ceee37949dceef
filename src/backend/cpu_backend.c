/* The CPU backend: every operation of the seam, on the kernels of this machine.  This file owns a session's working
 * memory; the layers are in cpu_encoder.c and cpu_decoder.c.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "backend/cpu_internal.h"

/* ---- Working memory ---------------------------------------------------------------------------------------- */

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Either only count (arena not open) or take. */
static void *take(am_backend *b, size_t *n_bytes, size_t n) {
    *n_bytes += am_arena_cost(n);
    return b->arena.base ? am_arena_take(&b->arena, n) : NULL;
}

static void *take_floats(am_backend *b, size_t *n_bytes, size_t n_floats) {
    return take(b, n_bytes, n_floats * sizeof(float));
}

static void take_cache(am_backend *b, size_t *n_bytes, cpu_kv *kv, int capacity, int n_head, int n_state) {
    int head_dim = n_state / n_head;
    cpu_kv counted;
    char *memory = take(b, n_bytes, am_cpu_kv_take(b->model, &counted, capacity, n_head, head_dim, NULL));
    if (memory) am_cpu_kv_take(b->model, kv, capacity, n_head, head_dim, memory);
}

static void take_caches(am_backend *b, size_t *n_bytes) {
    const am_dims *d = &b->model->dims;
    take_cache(b, n_bytes, &b->encoder_kv, d->n_audio_ctx, d->n_audio_head, d->n_audio_state);
    for (int i = 0; i < b->n_slots * d->n_text_layer; i++) {
        take_cache(b, n_bytes, &b->self_kv[i], d->n_text_ctx, d->n_text_head, d->n_text_state);
        take_cache(b, n_bytes, &b->cross_kv[i], d->n_audio_ctx, d->n_text_head, d->n_text_state);
    }
}

static void take_scratch(am_backend *b, size_t *n_bytes, cpu_scratch *s) {
    const am_prepared *p = b->model;
    const am_dims *d = &p->dims;
    size_t n = max_size((size_t)d->n_audio_state, (size_t)d->n_text_state), rows = (size_t)b->block_rows;
    size_t inputs = max_size(4 * n, 3 * (size_t)d->n_mels),
           n_ctx = max_size((size_t)d->n_audio_ctx, (size_t)d->n_text_ctx);
    int head_dim =
        (int)max_size((size_t)(d->n_audio_state / d->n_audio_head), (size_t)(d->n_text_state / d->n_text_head));
    s->norm = take_floats(b, n_bytes, rows * (n + PAD));
    s->wide = take_floats(b, n_bytes, rows * (4 * n + PAD));
    s->frames = take_floats(b, n_bytes, (2 * rows + 3) * (size_t)d->n_mels);
    size_t most_rows = max_size(rows, (size_t)b->attend_rows);
    s->q = take(b, n_bytes, most_rows * (4 * n + 2 * AM_ALIGN));
    s->q_scale = take_floats(b, n_bytes, most_rows);
    s->gemm = take(b, n_bytes, max_size(inputs * p->kernels.gemm.nr * sizeof(float), AM_GEMM_S8_SCRATCH(inputs)));
    s->attention = take(b, n_bytes, am_cpu_attend_scratch(p, b->attend_rows, (int)n_ctx, head_dim));
}

static size_t take_memory(am_backend *b) {
    const am_dims *d = &b->model->dims;
    size_t n_bytes = 0, audio = (size_t)d->n_audio_ctx * d->n_audio_state, n = (size_t)d->n_text_state;
    size_t rows = AM_DECODE_MAX_ROWS;
    b->x = take_floats(b, &n_bytes, audio);
    b->query = take_floats(b, &n_bytes, audio);
    b->attended = take_floats(b, &n_bytes, audio);
    b->row_x = take_floats(b, &n_bytes, rows * n);
    b->row_norm = take_floats(b, &n_bytes, rows * n);
    b->row_attn = take_floats(b, &n_bytes, rows * n);
    b->row_wide = take_floats(b, &n_bytes, rows * (4 * n + PAD));
    b->row_q = take(b, &n_bytes, 2 * rows * (4 * n + 2 * AM_ALIGN));
    b->row_q_scale = take_floats(b, &n_bytes, 2 * rows);
    b->row_rest = take_floats(b, &n_bytes, 4 * n);
    b->logits = take_floats(b, &n_bytes, (size_t)am_decode_max_logits(b->n_slots) * d->n_vocab);
    for (int i = 0; i < am_pool_n_threads(b->pool); i++) take_scratch(b, &n_bytes, &b->scratch[i]);
    take_caches(b, &n_bytes);
    return n_bytes;
}

static void cpu_close(am_backend **backend) {
    am_backend *b = *backend;
    if (!b) return;
    am_arena_close(&b->arena);
    free(b->scratch);
    free(b->self_kv);
    free(b->cross_kv);
    free(b);
    *backend = NULL;
}

static am_status cpu_open(am_backend **backend, const am_prepared *p, am_pool *pool, int n_slots, am_error *err) {
    *backend = NULL;
    am_backend *b = calloc(1, sizeof *b);
    if (!b) return am_fail_nomem(err, "a session", sizeof *b);
    b->model = p;
    b->pool = pool;
    b->n_slots = n_slots;
    b->block_rows = b->attend_rows = p->type == CPU_S8 ? p->kernels.gemm_s8.m_block : p->kernels.gemm.m_block;
    size_t n_kv = (size_t)n_slots * p->dims.n_text_layer;
    b->scratch = calloc((size_t)am_pool_n_threads(pool), sizeof *b->scratch);
    b->self_kv = calloc(n_kv, sizeof *b->self_kv);
    b->cross_kv = calloc(n_kv, sizeof *b->cross_kv);
    am_status status =
        b->scratch && b->self_kv && b->cross_kv ? AM_OK : am_fail_nomem(err, "a session", n_kv * sizeof *b->self_kv);
    if (status == AM_OK) status = am_arena_open(&b->arena, take_memory(b), "a session's working memory", err);
    if (status == AM_OK) take_memory(b);
    else cpu_close(&b);
    *backend = b;
    return status;
}

/* ---- Operations -------------------------------------------------------------------------------------------- */

static double now_sec(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static am_status cpu_mel(am_backend *b, const float *pcm, int n_samples, float *mel, am_error *err) {
    if (n_samples < 0 || n_samples > AM_WINDOW_SAMPLES)
        return am_fail(err, AM_E_ARG, "a window has at most %d samples, not %d", AM_WINDOW_SAMPLES, n_samples);
    double start = now_sec();
    am_mel_compute(b->model->mel, b->pool, pcm, n_samples, AM_WINDOW_FRAMES, mel);
    b->counters.mel_sec += now_sec() - start;
    return AM_OK;
}

static am_status cpu_encode(am_backend *b, const float *mel, float *out, am_error *err) {
    double start = now_sec();
    am_status status = am_cpu_encode(b, mel, out, err);
    b->counters.n_windows++;
    b->counters.encode_sec += now_sec() - start;
    return status;
}

static am_status cpu_cross_kv(am_backend *b, const float *encoded, int slot, am_error *err) {
    double start = now_sec();
    am_status status = am_cpu_cross_kv(b, encoded, slot, err);
    b->counters.cross_sec += now_sec() - start;
    return status;
}

static am_status cpu_decode(am_backend *b, am_decode_row *rows, int n_rows, am_error *err) {
    double start = now_sec();
    am_status status = am_cpu_decode(b, rows, n_rows, err);
    b->counters.n_decode_rows += (uint64_t)n_rows;
    b->counters.decode_sec += now_sec() - start;
    return status;
}

static void cpu_counters(const am_backend *b, am_backend_counters *out) {
    *out = b->counters;
}

static uint64_t cpu_prepared_bytes(const am_prepared *p) {
    return p->n_bytes;
}

const am_backend_ops am_backend_cpu = {
    .name = "cpu",
    .caps = AM_CAP_MEL | AM_CAP_ENCODE | AM_CAP_CROSS_KV | AM_CAP_DECODE,
    .prepare = am_cpu_prepare,
    .release = am_cpu_release,
    .prepared_bytes = cpu_prepared_bytes,
    .open = cpu_open,
    .close = cpu_close,
    .mel = cpu_mel,
    .encode = cpu_encode,
    .cross_kv = cpu_cross_kv,
    .decode = cpu_decode,
    .rescore = am_cpu_rescore,
    .counters = cpu_counters,
};
