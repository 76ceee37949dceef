/* The audio encoder on the CPU: two convolutions as matrix products over overlapping rows, then the layers.
 *
 * Attention runs in pieces of m_block queries of one head: scores = Q K^T, softmax, scores V, so the 1500 x 1500 matrix
 * of a head never exists.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

#include <math.h>
#include <string.h>

typedef struct transpose_job {
    const float *mel; /* [n_mels, 3000] */
    float *rows;      /* [3000, n_mels] */
    int n_mels;
} transpose_job;

enum { TRANSPOSE_FRAMES = 100 };

static void transpose_task(void *arg, int task, int worker) {
    const transpose_job *job = arg;
    for (int t = task * TRANSPOSE_FRAMES; t < (task + 1) * TRANSPOSE_FRAMES; t++)
        for (int i = 0; i < job->n_mels; i++)
            job->rows[(size_t)t * job->n_mels + i] = job->mel[i * AM_WINDOW_FRAMES + t];
}

/* mel -> conv1, GELU -> conv2 of stride 2, GELU, + positions -> b->x.  A kernel of width 3 over time-major rows reads
 * three neighbouring rows, which is one row of 3 * channels floats: rows that overlap, nothing is copied. */
static void convolve(am_backend *b, const float *mel) {
    const am_prepared *p = b->model;
    int n_mels = p->dims.n_mels, n = p->dims.n_audio_state;
    transpose_job job = { mel, b->conv_in + n_mels, n_mels };
    am_pool_run(b->pool, transpose_task, &job, AM_WINDOW_FRAMES / TRANSPOSE_FRAMES);
    am_cpu_product(b, &(cpu_product){ .linear = &p->conv1,
                                      .x = b->conv_in,
                                      .ldx = n_mels,
                                      .y = b->conv_mid + n,
                                      .ldy = n,
                                      .m = AM_WINDOW_FRAMES,
                                      .gelu = true });
    am_cpu_product(b, &(cpu_product){ .linear = &p->conv2,
                                      .x = b->conv_mid,
                                      .ldx = 2 * n,
                                      .y = b->x,
                                      .ldy = n,
                                      .residual = p->audio_positions,
                                      .ldr = n,
                                      .m = p->dims.n_audio_ctx,
                                      .gelu = true });
}

typedef struct attention_job {
    am_backend *b;
    const float *qkv; /* [n_ctx, 3 n_state], row stride ld */
    float *out;       /* [n_ctx, n_state] */
    ptrdiff_t ld;
    int n_ctx, n_state, head_dim, blocks_a_head;
} attention_job;

static void pack_head_task(void *arg, int head, int worker) {
    const attention_job *job = arg;
    const am_prepared *p = job->b->model;
    const cpu_kv *kv = &job->b->encoder_kv;
    int hd = job->head_dim, n_ctx = job->n_ctx;
    const float *k = job->qkv + job->n_state + head * hd;
    am_cpu_pack_head(p, k, k + job->n_state, job->ld, n_ctx, hd, kv->keys + head * cpu_keys_len(p, n_ctx, hd),
                     kv->values + head * cpu_values_len(p, n_ctx, hd));
}

static void attention_task(void *arg, int task, int worker) {
    const attention_job *job = arg;
    am_backend *b = job->b;
    const am_prepared *p = b->model;
    const am_gemm_desc *gemm = &p->kernels.gemm;
    int head = task / job->blocks_a_head, hd = job->head_dim, n_ctx = job->n_ctx;
    int row0 = task % job->blocks_a_head * gemm->m_block;
    int m = n_ctx - row0 < gemm->m_block ? n_ctx - row0 : gemm->m_block;
    ptrdiff_t ld_scores = n_ctx + PAD;
    float *scores = b->scores + (size_t)worker * gemm->m_block * ld_scores;
    gemm->f32(&(am_gemm_args){ .x = job->qkv + row0 * job->ld + head * hd,
                               .ldx = job->ld,
                               .w = b->encoder_kv.keys + head * cpu_keys_len(p, n_ctx, hd),
                               .panel_stride = (ptrdiff_t)hd * gemm->nr,
                               .y = scores,
                               .ldy = ld_scores,
                               .m = m,
                               .n = n_ctx,
                               .k = hd });
    p->kernels.softmax_f32(scores, ld_scores, m, n_ctx, 1.0f / sqrtf((float)hd));
    gemm->f32(&(am_gemm_args){ .x = scores,
                               .ldx = ld_scores,
                               .w = b->encoder_kv.values + head * cpu_values_len(p, n_ctx, hd),
                               .panel_stride = (ptrdiff_t)n_ctx * gemm->nr,
                               .y = job->out + (ptrdiff_t)row0 * job->n_state + head * hd,
                               .ldy = job->n_state,
                               .m = m,
                               .n = hd,
                               .k = n_ctx });
}

static void attend(am_backend *b, ptrdiff_t ld) {
    const am_prepared *p = b->model;
    int m_block = p->kernels.gemm.m_block, n_head = p->dims.n_audio_head;
    attention_job job = { .b = b,
                          .qkv = b->wide,
                          .out = b->norm,
                          .ld = ld,
                          .n_ctx = p->dims.n_audio_ctx,
                          .n_state = p->dims.n_audio_state,
                          .head_dim = p->dims.n_audio_state / n_head,
                          .blocks_a_head = (p->dims.n_audio_ctx + m_block - 1) / m_block };
    am_pool_run(b->pool, pack_head_task, &job, n_head);
    am_pool_run(b->pool, attention_task, &job, n_head * job.blocks_a_head);
}

static void run_layer(am_backend *b, const cpu_encoder_layer *layer) {
    int m = b->model->dims.n_audio_ctx, n = b->model->dims.n_audio_state;
    cpu_rows x = { b->x, n }, norm = { b->norm, n }, qkv = { b->wide, 3 * n + PAD }, middle = { b->wide, 4 * n + PAD };
    am_cpu_norm(b, norm.data, x.data, &layer->attn_norm, m, n);
    am_cpu_linear(b, &layer->qkv, norm, qkv, m);
    attend(b, qkv.ld);
    am_cpu_linear_add(b, &layer->attn_out, norm, x, m);
    am_cpu_norm(b, norm.data, x.data, &layer->mlp_norm, m, n);
    am_cpu_linear_gelu(b, &layer->fc1, norm, middle, m);
    am_cpu_linear_add(b, &layer->fc2, middle, x, m);
}

am_status am_cpu_encode(am_backend *b, const float *mel, float *out, am_error *err) {
    const am_prepared *p = b->model;
    convolve(b, mel);
    for (int i = 0; i < p->dims.n_audio_layer; i++) run_layer(b, &p->encoder[i]);
    am_cpu_norm(b, out, b->x, &p->encoder_norm, p->dims.n_audio_ctx, p->dims.n_audio_state);
    return AM_OK;
}
