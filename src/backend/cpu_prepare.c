/* Weights from a checked model into the layout of the gemm kernel in use: once, in parallel, immutable afterwards.
 * A quantized model is used where it lies; only its convolutions, which compute in float, are packed.
 * Two passes over the same table of roles: the first adds up the memory, the second packs, so the arena has the right
 * size and nothing is copied twice.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"

typedef struct packing {
    am_prepared *p;           /* arena base NULL while only adding up */
    const am_weights *source; /* one of the two */
    const am_quantized *quantized;
    am_pool *pool;
    float **worker_rows; /* [n_threads] */
    size_t worker_rows_len;
    size_t n_bytes;
    _Atomic bool not_finite; /* a weight was NaN or infinite */
} packing;

static void *take(packing *k, size_t n_bytes) {
    k->n_bytes += am_arena_cost(n_bytes);
    return k->p->arena.base ? am_arena_take(&k->p->arena, n_bytes) : NULL;
}

static void check_finite(packing *k, const float *x, size_t n) {
    float sum = 0; /* x - x is 0 for a finite x, else NaN */
    for (size_t i = 0; i < n; i++) sum += x[i] - x[i];
    if (sum != 0) atomic_store(&k->not_finite, true);
}

/* A vector or a small matrix as plain f32. */
static const float *take_plain(packing *k, const am_weight *w) {
    size_t n = (size_t)(w->n_rows * w->n_cols);
    float *dst = take(k, n * sizeof *dst);
    if (!dst) return NULL;
    am_weight_read(w, 0, w->n_rows, dst);
    check_finite(k, dst, n);
    return dst;
}

static cpu_norm take_norm(packing *k, const am_norm_weights *w) {
    return (cpu_norm){ take_plain(k, &w->gamma), take_plain(k, &w->beta) };
}

typedef struct pack_job {
    packing *k;
    const am_weight *w;
    cpu_linear *dst;
    int n_taps; /* 3 for a convolution, whose columns change from [in][tap] to [tap][in]; else 1 */
    int panels_a_task;
} pack_job;

static void reorder_taps(float *row, float *spare, int n_in, int n_taps) {
    for (int in = 0; in < n_in; in++)
        for (int tap = 0; tap < n_taps; tap++) spare[tap * n_in + in] = row[in * n_taps + tap];
    memcpy(row, spare, (size_t)n_in * n_taps * sizeof *row);
}

static void pack_task(void *arg, int task, int worker) {
    const pack_job *job = arg;
    cpu_linear *dst = job->dst;
    int nr = job->k->p->kernels.gemm.nr;
    int row0 = task * job->panels_a_task * nr;
    int n = dst->n - row0 < job->panels_a_task * nr ? dst->n - row0 : job->panels_a_task * nr;
    float *rows = job->k->worker_rows[worker];
    am_weight_read(job->w, row0, n, rows);
    check_finite(job->k, rows, (size_t)n * dst->k);
    if (job->n_taps > 1)
        for (int i = 0; i < n; i++)
            reorder_taps(rows + (size_t)i * dst->k, rows + (size_t)n * dst->k, dst->k / job->n_taps, job->n_taps);
    size_t at = (size_t)row0 * dst->k;
    if (dst->type == CPU_F16) am_gemm_pack_f16((uint16_t *)dst->w + at, rows, dst->k, n, dst->k, nr);
    else am_gemm_pack_f32((float *)dst->w + at, rows, dst->k, n, dst->k, nr);
}

enum { PANELS_A_TASK = 8 };

static cpu_linear take_matrix(packing *k, const am_weight *w, const float *bias, int n_taps) {
    cpu_linear linear = {
        .b = bias, .n = (int)w->n_rows, .k = (int)w->n_cols, .type = am_weight_is_f16(w) ? CPU_F16 : CPU_F32
    };
    int nr = k->p->kernels.gemm.nr, n_panels = (linear.n + nr - 1) / nr;
    linear.w = take(k, (size_t)n_panels * nr * linear.k * (linear.type == CPU_F16 ? 2 : 4));
    size_t rows_len = (size_t)(PANELS_A_TASK * nr + 1) * linear.k;
    if (rows_len > k->worker_rows_len) k->worker_rows_len = rows_len;
    if (!linear.w) return linear;
    pack_job job = { k, w, &linear, n_taps, PANELS_A_TASK };
    am_pool_run(k->pool, pack_task, &job, (n_panels + PANELS_A_TASK - 1) / PANELS_A_TASK);
    if (k->source) am_weight_release_pages(k->source, w);
    return linear;
}

/* Rows of the quantized model that stay float. */
static cpu_linear take_rows(packing *k, const am_plain_rows *rows, const float *bias, int n_taps) {
    am_weight w = { .n_parts = 1, .n_rows = rows->n, .n_cols = rows->k };
    w.part[0] = (am_tensor){ rows->is_f16 ? AM_DTYPE_F16 : AM_DTYPE_F32, rows->n, rows->k, rows->data, NULL };
    return take_matrix(k, &w, bias, n_taps);
}

static cpu_linear take_linear(packing *k, const am_linear_weights *w) {
    return take_matrix(k, &w->w, take_plain(k, &w->b), 1);
}

static void take_encoder(packing *k) {
    am_prepared *p = k->p;
    const am_weights *w = k->source;
    p->conv1 = take_matrix(k, &w->conv1.w, take_plain(k, &w->conv1.b), 3);
    p->conv2 = take_matrix(k, &w->conv2.w, take_plain(k, &w->conv2.b), 3);
    p->audio_positions = take_plain(k, &w->audio_positions);
    for (int i = 0; i < p->dims.n_audio_layer; i++) {
        const am_encoder_layer_weights *from = &w->encoder[i];
        p->encoder[i] = (cpu_encoder_layer){
            .attn_norm = take_norm(k, &from->attn_norm),
            .mlp_norm = take_norm(k, &from->mlp_norm),
            .qkv = take_linear(k, &from->qkv),
            .attn_out = take_linear(k, &from->attn_out),
            .fc1 = take_linear(k, &from->fc1),
            .fc2 = take_linear(k, &from->fc2),
        };
    }
    p->encoder_norm = take_norm(k, &w->encoder_norm);
}

static void take_decoder(packing *k) {
    am_prepared *p = k->p;
    const am_weights *w = k->source;
    p->token_embedding = take_matrix(k, &w->token_embedding, NULL, 1);
    p->text_positions = take_plain(k, &w->text_positions);
    for (int i = 0; i < p->dims.n_text_layer; i++) {
        const am_decoder_layer_weights *from = &w->decoder[i];
        p->decoder[i] = (cpu_decoder_layer){
            .attn_norm = take_norm(k, &from->attn_norm),
            .cross_norm = take_norm(k, &from->cross_norm),
            .mlp_norm = take_norm(k, &from->mlp_norm),
            .qkv = take_linear(k, &from->qkv),
            .attn_out = take_linear(k, &from->attn_out),
            .cross_q = take_linear(k, &from->cross_q),
            .cross_kv = take_linear(k, &from->cross_kv),
            .cross_out = take_linear(k, &from->cross_out),
            .fc1 = take_linear(k, &from->fc1),
            .fc2 = take_linear(k, &from->fc2),
        };
    }
    p->decoder_norm = take_norm(k, &w->decoder_norm);
}

static cpu_linear use(const am_s8_matrix *m) {
    return (cpu_linear){ m->w, m->bias, m->scale, m->sum, m->n, m->k, CPU_S8 };
}

static void use_encoder(packing *k) {
    am_prepared *p = k->p;
    const am_quantized *q = k->quantized;
    p->conv1 = take_rows(k, &q->conv1, q->conv1_bias, 3);
    p->conv2 = take_rows(k, &q->conv2, q->conv2_bias, 3);
    p->audio_positions = q->audio_positions;
    for (int i = 0; i < p->dims.n_audio_layer; i++) {
        const am_quantized_encoder_layer *from = &q->encoder[i];
        p->encoder[i] = (cpu_encoder_layer){
            .attn_norm = from->attn_norm,
            .mlp_norm = from->mlp_norm,
            .qkv = use(&from->qkv),
            .attn_out = use(&from->attn_out),
            .fc1 = use(&from->fc1),
            .fc2 = use(&from->fc2),
        };
    }
    p->encoder_norm = q->encoder_norm;
}

static void use_decoder(packing *k) {
    am_prepared *p = k->p;
    const am_quantized *q = k->quantized;
    p->token_embedding = use(&q->token_embedding);
    p->token_rows = q->token_rows;
    p->text_positions = q->text_positions;
    for (int i = 0; i < p->dims.n_text_layer; i++) {
        const am_quantized_decoder_layer *from = &q->decoder[i];
        p->decoder[i] = (cpu_decoder_layer){
            .attn_norm = from->attn_norm,
            .cross_norm = from->cross_norm,
            .mlp_norm = from->mlp_norm,
            .qkv = use(&from->qkv),
            .attn_out = use(&from->attn_out),
            .cross_q = use(&from->cross_q),
            .cross_kv = use(&from->cross_kv),
            .cross_out = use(&from->cross_out),
            .fc1 = use(&from->fc1),
            .fc2 = use(&from->fc2),
        };
    }
    p->decoder_norm = q->decoder_norm;
}

/* The tables of layers come from the arena; while only adding up, p has them already. */
static void take_all(packing *k) {
    am_prepared *p = k->p;
    void *encoder = take(k, (size_t)p->dims.n_audio_layer * sizeof *p->encoder);
    void *decoder = take(k, (size_t)p->dims.n_text_layer * sizeof *p->decoder);
    if (encoder) p->encoder = encoder;
    if (decoder) p->decoder = decoder;
    if (k->quantized) {
        use_encoder(k);
        use_decoder(k);
    } else {
        take_encoder(k);
        take_decoder(k);
    }
}

/* First pass: the tables of layers are scratch, only sizes are learnt. */
static am_status add_up(packing *k, am_error *err) {
    am_prepared *p = k->p;
    p->encoder = calloc((size_t)p->dims.n_audio_layer, sizeof *p->encoder);
    p->decoder = calloc((size_t)p->dims.n_text_layer, sizeof *p->decoder);
    am_status status = AM_OK;
    if (p->encoder && p->decoder) take_all(k);
    else
        status = am_fail_nomem(err, "the model's tables of layers",
                               (size_t)p->dims.n_audio_layer * sizeof *p->encoder +
                                   (size_t)p->dims.n_text_layer * sizeof *p->decoder);
    free(p->encoder);
    free(p->decoder);
    p->encoder = NULL;
    p->decoder = NULL;
    return status;
}

static void free_worker_rows(packing *k) {
    if (k->worker_rows)
        for (int i = 0; i < am_pool_n_threads(k->pool); i++) am_aligned_free(k->worker_rows[i]);
    free(k->worker_rows);
}

static am_status take_worker_rows(packing *k, am_error *err) {
    int n = am_pool_n_threads(k->pool);
    k->worker_rows = calloc((size_t)n, sizeof *k->worker_rows);
    if (!k->worker_rows) return am_fail_nomem(err, "packing weights", (size_t)n * sizeof *k->worker_rows);
    for (int i = 0; i < n; i++) {
        k->worker_rows[i] = am_aligned_alloc(k->worker_rows_len * sizeof(float));
        if (!k->worker_rows[i]) return am_fail_nomem(err, "packing weights", k->worker_rows_len * sizeof(float));
    }
    return AM_OK;
}

am_status am_cpu_prepare(am_prepared **prepared, const am_prepare_config *cfg, am_error *err) {
    *prepared = NULL;
    am_prepared *p = calloc(1, sizeof *p);
    if (!p) return am_fail_nomem(err, "the model", sizeof *p);
    p->dims = cfg->quantized ? cfg->quantized->dims : cfg->weights->dims;
    p->type = cfg->quantized ? CPU_S8 : CPU_F32;
    am_kernels_init(&p->kernels, cfg->cpu_flags);
    packing k = { .p = p, .source = cfg->weights, .quantized = cfg->quantized, .pool = cfg->pool };
    am_status status = am_mel_open(&p->mel, p->dims.n_mels, err);
    if (status == AM_OK) status = add_up(&k, err);
    if (status == AM_OK) status = take_worker_rows(&k, err);
    if (status == AM_OK) status = am_arena_open(&p->arena, k.n_bytes, "the model's weights", err);
    if (status == AM_OK) {
        k.n_bytes = 0;
        take_all(&k);
        if (atomic_load(&k.not_finite))
            status =
                am_fail(err, AM_E_MODEL, "the model's weights hold numbers that are not finite: its file is damaged");
    }
    p->n_bytes = p->arena.cap + (cfg->quantized ? cfg->quantized->n_bytes : 0);
    free_worker_rows(&k);
    if (status != AM_OK) am_cpu_release(&p);
    *prepared = p;
    return status;
}

void am_cpu_release(am_prepared **prepared) {
    am_prepared *p = *prepared;
    if (!p) return;
    am_arena_close(&p->arena);
    am_mel_close(&p->mel);
    free(p);
    *prepared = NULL;
}
