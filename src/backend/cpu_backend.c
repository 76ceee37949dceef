/* The CPU backend: every operation of the seam, on the kernels of this machine.
 * This file owns a session's working memory and the two primitives the layers are made of: a product and a norm, split
 * over the pool by outputs.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Primitives -------------------------------------------------------------------------------------------- */

typedef struct product_job {
    am_backend *b;
    const cpu_product *product;
    int row_blocks, panels_a_task;
} product_job;

static void product_task(void *arg, int task, int worker) {
    const product_job *job = arg;
    const cpu_product *p = job->product;
    const am_gemm_desc *gemm = &job->b->model->kernels.gemm;
    const cpu_linear *linear = p->linear;
    int row0 = task % job->row_blocks * gemm->m_block;
    int panel0 = task / job->row_blocks * job->panels_a_task, column0 = panel0 * gemm->nr;
    int width = job->panels_a_task * gemm->nr;
    size_t panel_bytes = (size_t)gemm->nr * linear->k * (linear->is_f16 ? 2 : 4);
    am_gemm_args args = {
        .x = p->x + row0 * p->ldx,
        .ldx = p->ldx,
        .y = p->y + row0 * p->ldy + column0,
        .ldy = p->ldy,
        .residual = p->residual ? p->residual + row0 * p->ldr + column0 : NULL,
        .ldr = p->ldr,
        .w = (const char *)linear->w + panel0 * panel_bytes,
        .panel_stride = (ptrdiff_t)gemm->nr * linear->k,
        .bias = linear->b ? linear->b + column0 : NULL,
        .scratch = job->b->scratch + worker * job->b->scratch_len,
        .m = p->m - row0 < gemm->m_block ? p->m - row0 : gemm->m_block,
        .n = linear->n - column0 < width ? linear->n - column0 : width,
        .k = linear->k,
        .gelu = p->gelu,
    };
    (linear->is_f16 ? gemm->f16 : gemm->f32)(&args);
}

/* Tasks of about this many multiply-adds: some tens of microseconds, large against the cost of handing one out. */
#define TASK_MACS 1500000

void am_cpu_product(am_backend *b, const cpu_product *product) {
    const am_gemm_desc *gemm = &b->model->kernels.gemm;
    const cpu_linear *linear = product->linear;
    product_job job = { b, product, (product->m + gemm->m_block - 1) / gemm->m_block, 0 };
    int n_panels = cpu_panels(b->model, linear->n);
    int rows = product->m < gemm->m_block ? product->m : gemm->m_block;
    int64_t panel_macs = (int64_t)rows * linear->k * gemm->nr;
    int64_t panels = TASK_MACS / panel_macs / 12 * 12; /* few rows take up to 4 or 3 panels at once */
    if (panels < 12) panels = 12;
    if (rows == gemm->m_block) panels = (n_panels + 3) / 4;
    job.panels_a_task = panels < n_panels ? (int)panels : n_panels;
    am_pool_run(b->pool, product_task, &job, job.row_blocks * ((n_panels + job.panels_a_task - 1) / job.panels_a_task));
}

static cpu_product product_of(const cpu_linear *linear, cpu_rows x, cpu_rows y, int m) {
    return (cpu_product){ .linear = linear, .x = x.data, .ldx = x.ld, .y = y.data, .ldy = y.ld, .m = m };
}

void am_cpu_linear(am_backend *b, const cpu_linear *linear, cpu_rows x, cpu_rows y, int m) {
    cpu_product product = product_of(linear, x, y, m);
    am_cpu_product(b, &product);
}

void am_cpu_linear_gelu(am_backend *b, const cpu_linear *linear, cpu_rows x, cpu_rows y, int m) {
    cpu_product product = product_of(linear, x, y, m);
    product.gelu = true;
    am_cpu_product(b, &product);
}

void am_cpu_linear_add(am_backend *b, const cpu_linear *linear, cpu_rows x, cpu_rows y, int m) {
    cpu_product product = product_of(linear, x, y, m);
    product.residual = y.data;
    product.ldr = y.ld;
    am_cpu_product(b, &product);
}

typedef struct norm_job {
    const am_prepared *model;
    float *y;
    const float *x;
    const cpu_norm *norm;
    int m, n;
} norm_job;

enum { NORM_ROWS = 64 };

static void norm_task(void *arg, int task, int worker) {
    const norm_job *job = arg;
    int row0 = task * NORM_ROWS, m = job->m - row0 < NORM_ROWS ? job->m - row0 : NORM_ROWS;
    ptrdiff_t at = (ptrdiff_t)row0 * job->n;
    job->model->kernels.layernorm_f32(job->y + at, job->x + at, job->norm->gamma, job->norm->beta, m, job->n);
}

void am_cpu_norm(am_backend *b, float *y, const float *x, const cpu_norm *norm, int m, int n) {
    norm_job job = { b->model, y, x, norm, m, n };
    am_pool_run(b->pool, norm_task, &job, (m + NORM_ROWS - 1) / NORM_ROWS);
}

void am_cpu_pack_head(const am_prepared *p, const float *k, const float *v, ptrdiff_t ld, int n_ctx, int head_dim,
                      float *keys, float *values) {
    int nr = p->kernels.gemm.nr;
    am_gemm_pack_f32(keys, k, ld, n_ctx, head_dim, nr);
    for (int d0 = 0; d0 < head_dim; d0 += nr)
        for (int t = 0; t < n_ctx; t++)
            for (int j = 0; j < nr; j++) *values++ = d0 + j < head_dim ? v[t * ld + d0 + j] : 0.0f;
}

/* ---- Working memory ---------------------------------------------------------------------------------------- */

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Either only count (arena not open) or take. */
static float *take(am_backend *b, size_t *n_bytes, size_t n_floats) {
    *n_bytes += am_arena_cost(n_floats * sizeof(float));
    return b->arena.base ? am_arena_take(&b->arena, n_floats * sizeof(float)) : NULL;
}

static void take_caches(am_backend *b, size_t *n_bytes) {
    const am_prepared *p = b->model;
    const am_dims *d = &p->dims;
    int hd = d->n_text_state / d->n_text_head;
    for (int i = 0; i < b->n_slots * d->n_text_layer; i++) {
        b->self_kv[i].keys = take(b, n_bytes, d->n_text_head * cpu_keys_len(p, d->n_text_ctx, hd));
        b->self_kv[i].values = take(b, n_bytes, d->n_text_head * cpu_values_len(p, d->n_text_ctx, hd));
        b->cross_kv[i].keys = take(b, n_bytes, d->n_text_head * cpu_keys_len(p, d->n_audio_ctx, hd));
        b->cross_kv[i].values = take(b, n_bytes, d->n_text_head * cpu_values_len(p, d->n_audio_ctx, hd));
    }
}

static size_t take_memory(am_backend *b) {
    const am_prepared *p = b->model;
    const am_dims *d = &p->dims;
    size_t n_bytes = 0, n_ctx = (size_t)d->n_audio_ctx, n = (size_t)d->n_audio_state, nt = (size_t)d->n_text_state;
    size_t n_threads = (size_t)am_pool_n_threads(b->pool), rows = AM_DECODE_MAX_ROWS;
    int hd = d->n_audio_state / d->n_audio_head;
    b->conv_in = take(b, &n_bytes, (size_t)(AM_WINDOW_FRAMES + 2) * d->n_mels);
    b->conv_mid = take(b, &n_bytes, (size_t)(AM_WINDOW_FRAMES + 2) * n);
    b->x = take(b, &n_bytes, n_ctx * n);
    b->norm = take(b, &n_bytes, n_ctx * n);
    b->wide = take(b, &n_bytes, n_ctx * (max_size(4 * n, 2 * nt) + PAD));
    b->encoder_kv.keys = take(b, &n_bytes, d->n_audio_head * cpu_keys_len(p, d->n_audio_ctx, hd));
    b->encoder_kv.values = take(b, &n_bytes, d->n_audio_head * cpu_values_len(p, d->n_audio_ctx, hd));
    b->row_x = take(b, &n_bytes, rows * nt);
    b->row_norm = take(b, &n_bytes, rows * nt);
    b->row_attn = take(b, &n_bytes, rows * nt);
    b->row_wide = take(b, &n_bytes, rows * (4 * nt + PAD));
    b->row_scores = take(b, &n_bytes, n_threads * rows * max_size(n_ctx, (size_t)d->n_text_ctx));
    b->logits = take(b, &n_bytes, (size_t)am_decode_max_logits(b->n_slots) * d->n_vocab);
    b->scratch_len = max_size(3 * max_size(n, (size_t)d->n_mels), 4 * max_size(n, nt)) * p->kernels.gemm.nr;
    b->scratch = take(b, &n_bytes, n_threads * b->scratch_len);
    b->scores = take(b, &n_bytes, n_threads * p->kernels.gemm.m_block * (n_ctx + PAD));
    take_caches(b, &n_bytes);
    return n_bytes;
}

static void cpu_close(am_backend **backend) {
    am_backend *b = *backend;
    if (!b) return;
    am_arena_close(&b->arena);
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
    size_t n_kv = (size_t)n_slots * p->dims.n_text_layer;
    b->self_kv = calloc(n_kv, sizeof *b->self_kv);
    b->cross_kv = calloc(n_kv, sizeof *b->cross_kv);
    am_status status = b->self_kv && b->cross_kv ? AM_OK : am_fail_nomem(err, "a session", n_kv * sizeof *b->self_kv);
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

/* f32 logits are exact. */
static void cpu_rescore(const am_backend *b, const am_decode_row *row, const int32_t *tokens, int n) {
}

static void cpu_counters(const am_backend *b, am_backend_counters *out) {
    *out = b->counters;
}

static uint64_t cpu_prepared_bytes(const am_prepared *p) {
    return p->arena.cap;
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
    .rescore = cpu_rescore,
    .counters = cpu_counters,
};
