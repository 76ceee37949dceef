/* The audio encoder on the CPU.
 *
 * Between two attentions every step of a layer concerns one row at a time, so a block of rows goes through all of them in
 * one task, in one worker's cache: the end of a layer, and the queries, keys and values of the next.  The convolutions
 * are such steps too: a block of output rows needs a few more frames than it has rows, and computes them itself.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

#include <string.h>

typedef struct encoder_job {
    am_backend *b;
    const float *mel; /* [n_mels, 3000] */
    float *out;       /* [n_audio_ctx, n_state] */
    int layer;        /* whose attention is done; -1: none yet */
    int blocks_a_head;
} encoder_job;

/* A block of rows on its way: where it lies and who works on it. */
typedef struct row_block {
    am_backend *b;
    const cpu_scratch *s;
    int worker, row0, m;
    cpu_rows x; /* [m, n_state] in b->x */
} row_block;

static cpu_operand operand(const row_block *block, const cpu_linear *l, cpu_rows x) {
    ptrdiff_t ldq = AM_ROUND_UP(l->k, AM_ALIGN) + AM_ALIGN;
    return am_cpu_operand(block->b->model, l->type, x, block->m, l->k,
                          (cpu_bytes){ block->s->q, ldq, block->s->q_scale });
}

static void multiply(const row_block *block, const cpu_linear *l, cpu_rows x, cpu_rows y, cpu_finish finish) {
    cpu_operand left = operand(block, l, x);
    am_cpu_multiply(block->b, block->worker, l, &left, y, finish);
}

static cpu_rows normalize(const row_block *block, const cpu_norm *norm) {
    int n = block->b->model->dims.n_audio_state;
    cpu_rows y = { block->s->norm, n };
    block->b->model->kernels.layernorm_f32(y.data, block->x.data, norm->gamma, norm->beta, block->m, n);
    return y;
}

/* Frames first .. first+n-1 of the mel spectrogram as rows; those outside are silence to the convolution: zero. */
static void gather_frames(const float *mel, int n_mels, int first, int n, float *rows) {
    for (int i = 0; i < n; i++) {
        int t = first + i;
        float *row = rows + (size_t)i * n_mels;
        if (t < 0 || t >= AM_WINDOW_FRAMES) memset(row, 0, (size_t)n_mels * sizeof *row);
        else
            for (int band = 0; band < n_mels; band++) row[band] = mel[(size_t)band * AM_WINDOW_FRAMES + t];
    }
}

/* conv1, GELU, conv2 of stride 2, GELU, + positions.  A kernel of width 3 over time-major rows reads three neighbouring
 * rows, which is one row of 3 * channels floats: rows that overlap, nothing is copied. */
static void convolve(const row_block *block, const float *mel) {
    const am_prepared *p = block->b->model;
    int n_mels = p->dims.n_mels, n = p->dims.n_audio_state;
    int first = 2 * block->row0 - 1, n_middle = 2 * block->m + 1; /* rows of conv1 that conv2 reads */
    gather_frames(mel, n_mels, first - 1, n_middle + 2, block->s->frames);
    cpu_rows middle = { block->s->wide, n };
    cpu_operand frames = { .x = { block->s->frames, n_mels }, .m = n_middle };
    am_cpu_multiply(block->b, block->worker, &p->conv1, &frames, middle, CPU_GELU);
    if (first < 0) memset(middle.data, 0, (size_t)n * sizeof *middle.data);
    cpu_operand pairs = { .x = { middle.data, 2 * n }, .m = block->m };
    am_cpu_multiply(block->b, block->worker, &p->conv2, &pairs, block->x, CPU_GELU);
    const float *positions = p->audio_positions + (ptrdiff_t)block->row0 * n;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)block->m * n; i++) block->x.data[i] += positions[i];
}

/* Keys and values of the block's positions, all heads side by side. */
static void put_heads(const row_block *block, const cpu_kv *kv, cpu_rows k, cpu_rows v) {
    for (int head = 0; head < kv->n_head; head++, k.data += kv->head_dim, v.data += kv->head_dim)
        am_cpu_kv_put(block->b, block->worker, kv, head, block->row0, block->m, k, v);
}

static void begin_layer(const row_block *block, const cpu_encoder_layer *layer) {
    am_backend *b = block->b;
    int n = b->model->dims.n_audio_state;
    cpu_rows qkv = { block->s->wide, 3 * n + PAD };
    multiply(block, &layer->qkv, normalize(block, &layer->attn_norm), qkv, CPU_STORE);
    for (int i = 0; i < block->m; i++)
        memcpy(b->query + (ptrdiff_t)(block->row0 + i) * n, cpu_row(qkv, i).data, (size_t)n * sizeof *b->query);
    put_heads(block, &b->encoder_kv, (cpu_rows){ qkv.data + n, qkv.ld }, (cpu_rows){ qkv.data + 2 * n, qkv.ld });
}

static void end_layer(const row_block *block, const cpu_encoder_layer *layer) {
    int n = block->b->model->dims.n_audio_state;
    cpu_rows attended = { block->b->attended + (ptrdiff_t)block->row0 * n, n },
             middle = { block->s->wide, 4 * n + PAD };
    multiply(block, &layer->attn_out, attended, block->x, CPU_ADD);
    multiply(block, &layer->fc1, normalize(block, &layer->mlp_norm), middle, CPU_GELU);
    multiply(block, &layer->fc2, middle, block->x, CPU_ADD);
}

static void rows_task(void *arg, int task, int worker) {
    const encoder_job *job = arg;
    am_backend *b = job->b;
    const am_prepared *p = b->model;
    int n = p->dims.n_audio_state, row0 = task * b->block_rows, left = p->dims.n_audio_ctx - row0;
    row_block block = { b,
                        &b->scratch[worker],
                        worker,
                        row0,
                        left < b->block_rows ? left : b->block_rows,
                        { b->x + (ptrdiff_t)row0 * n, n } };
    if (job->layer < 0) convolve(&block, job->mel);
    else end_layer(&block, &p->encoder[job->layer]);
    if (job->layer + 1 < p->dims.n_audio_layer) begin_layer(&block, &p->encoder[job->layer + 1]);
    else
        p->kernels.layernorm_f32(job->out + (ptrdiff_t)row0 * n, block.x.data, p->encoder_norm.gamma,
                                 p->encoder_norm.beta, block.m, n);
}

static void attention_task(void *arg, int task, int worker) {
    const encoder_job *job = arg;
    am_backend *b = job->b;
    int n = b->model->dims.n_audio_state, n_ctx = b->model->dims.n_audio_ctx;
    int head = task / job->blocks_a_head, row0 = task % job->blocks_a_head * b->attend_rows, left = n_ctx - row0;
    ptrdiff_t at = (ptrdiff_t)row0 * n + head * b->encoder_kv.head_dim;
    am_cpu_attend(b, worker, &b->encoder_kv, head, (cpu_rows){ b->query + at, n },
                  left < b->attend_rows ? left : b->attend_rows, n_ctx, (cpu_rows){ b->attended + at, n });
}

am_status am_cpu_encode(am_backend *b, const float *mel, float *out, am_error *err) {
    const am_dims *d = &b->model->dims;
    int n_blocks = (d->n_audio_ctx + b->block_rows - 1) / b->block_rows;
    encoder_job job = { .b = b, .mel = mel, .out = out, .layer = -1 };
    job.blocks_a_head = (d->n_audio_ctx + b->attend_rows - 1) / b->attend_rows;
    am_pool_run(b->pool, rows_task, &job, n_blocks);
    for (job.layer = 0; job.layer < d->n_audio_layer; job.layer++) {
        am_pool_run(b->pool, attention_task, &job, d->n_audio_head * job.blocks_a_head);
        am_pool_run(b->pool, rows_task, &job, n_blocks);
    }
    return AM_OK;
}

/* ---- What the decoder attends to ----------------------------------------------------------------------------- */

typedef struct cross_job {
    am_backend *b;
    const float *encoded; /* [n_audio_ctx, n_audio_state] */
    const cpu_kv *caches; /* [n_text_layer] */
} cross_job;

static void cross_task(void *arg, int task, int worker) {
    const cross_job *job = arg;
    am_backend *b = job->b;
    const am_prepared *p = b->model;
    int n_in = p->dims.n_audio_state, n = p->dims.n_text_state, row0 = task * b->block_rows;
    int left = p->dims.n_audio_ctx - row0;
    row_block block = { b, &b->scratch[worker], worker, row0, left < b->block_rows ? left : b->block_rows, { 0 } };
    cpu_rows encoded = { (float *)job->encoded + (ptrdiff_t)row0 * n_in, n_in };
    cpu_rows k = { block.s->wide, 2 * n + PAD }, v = { k.data + n, k.ld };
    for (int i = 0; i < p->dims.n_text_layer; i++) {
        multiply(&block, &p->decoder[i].cross_kv, encoded, k, CPU_STORE);
        put_heads(&block, &job->caches[i], k, v);
    }
}

am_status am_cpu_cross_kv(am_backend *b, const float *encoded, int slot, am_error *err) {
    const am_dims *d = &b->model->dims;
    if (slot < 0 || slot >= b->n_slots) return am_fail(err, AM_E_ARG, "slot %d of %d", slot, b->n_slots);
    cross_job job = { b, encoded, b->cross_kv + (ptrdiff_t)slot * d->n_text_layer };
    am_pool_run(b->pool, cross_task, &job, (d->n_audio_ctx + b->block_rows - 1) / b->block_rows);
    return AM_OK;
}
