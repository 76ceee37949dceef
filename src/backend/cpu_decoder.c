/* The text decoder on the CPU: rows of any slots run through the layers together, so weights are read once for all.
 * Every row attends to its own slot's caches; since no product depends on what else is in the batch, neither does this.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

/* Rows that follow each other in one slot. */
typedef struct slot_run {
    int first, n, slot;
} slot_run;

typedef struct decode_job {
    am_backend *b;
    const am_decode_row *rows;
    int n_rows, n_runs, layer;
    slot_run runs[AM_DECODE_MAX_ROWS];
} decode_job;

static float element(const am_plain_rows *rows, int row, int i) {
    size_t at = (size_t)row * rows->k + i;
    return rows->is_f16 ? am_half_to_float(((const uint16_t *)rows->data)[at]) : ((const float *)rows->data)[at];
}

/* The token's embedding plus the position's.  In f32 it is gathered from the packed output projection. */
static void embed(const am_prepared *p, const am_decode_row *row, float *x) {
    const cpu_linear *e = &p->token_embedding;
    int nr = p->kernels.gemm.nr;
    size_t at = (size_t)(row->token / nr) * nr * e->k + row->token % nr;
    const float *position = p->text_positions + (size_t)row->position * e->k;
    for (int i = 0; i < e->k; i++) {
        float value;
        if (e->type == CPU_S8) value = element(&p->token_rows, row->token, i);
        else if (e->type == CPU_F16) value = am_half_to_float(((const uint16_t *)e->w)[at + (size_t)i * nr]);
        else value = ((const float *)e->w)[at + (size_t)i * nr];
        x[i] = value + position[i];
    }
}

static cpu_kv *kv_of(cpu_kv *caches, const am_prepared *p, int slot, int layer) {
    return &caches[slot * p->dims.n_text_layer + layer];
}

static cpu_rows wide_rows(const am_backend *b) {
    return (cpu_rows){ b->row_wide, 4 * b->model->dims.n_text_state + PAD };
}

/* One head of one run: the new keys and values, then every row over the text up to itself. */
static void self_attention_task(void *arg, int task, int worker) {
    const decode_job *job = arg;
    am_backend *b = job->b;
    const slot_run *run = &job->runs[task / b->model->dims.n_text_head];
    const cpu_kv *kv = kv_of(b->self_kv, b->model, run->slot, job->layer);
    int head = task % kv->n_head, n = b->model->dims.n_text_state, at = head * kv->head_dim;
    for (int r = run->first; r < run->first + run->n; r++) {
        float *qkv = cpu_row(wide_rows(b), r).data + at;
        int position = job->rows[r].position;
        am_cpu_kv_put(b, worker, kv, head, position, 1, (cpu_rows){ qkv + n, 0 }, (cpu_rows){ qkv + 2 * n, 0 });
        am_cpu_attend(b, worker, kv, head, (cpu_rows){ qkv, 0 }, 1, position + 1,
                      (cpu_rows){ b->row_attn + (ptrdiff_t)r * n + at, n });
    }
}

/* One head of one run over the audio. */
static void cross_attention_task(void *arg, int task, int worker) {
    const decode_job *job = arg;
    am_backend *b = job->b;
    const am_dims *d = &b->model->dims;
    const slot_run *run = &job->runs[task / d->n_text_head];
    const cpu_kv *kv = kv_of(b->cross_kv, b->model, run->slot, job->layer);
    int head = task % kv->n_head, at = head * kv->head_dim, n = d->n_text_state;
    cpu_rows q = cpu_row(wide_rows(b), run->first), out = { b->row_attn + (ptrdiff_t)run->first * n, n };
    for (int r = 0; r < run->n; r += b->attend_rows) {
        int m = run->n - r < b->attend_rows ? run->n - r : b->attend_rows;
        am_cpu_attend(b, worker, kv, head, (cpu_rows){ cpu_row(q, r).data + at, q.ld }, m, d->n_audio_ctx,
                      (cpu_rows){ cpu_row(out, r).data + at, n });
    }
}

static void multiply(const decode_job *job, const cpu_linear *l, cpu_rows x, cpu_rows y, cpu_finish finish) {
    am_backend *b = job->b;
    cpu_bytes bytes = { b->row_q, AM_ROUND_UP(l->k, AM_ALIGN) + AM_ALIGN, b->row_q_scale };
    cpu_operand operand = am_cpu_fine_operand(b->model, l->type, x, job->n_rows, l->k, bytes, b->row_rest);
    am_cpu_multiply_split(b, l, &operand, y, finish);
}

static cpu_rows normalize(const decode_job *job, const cpu_norm *norm) {
    am_backend *b = job->b;
    int n = b->model->dims.n_text_state;
    b->model->kernels.layernorm_f32(b->row_norm, b->row_x, norm->gamma, norm->beta, job->n_rows, n);
    return (cpu_rows){ b->row_norm, n };
}

static void run_layer(decode_job *job, const cpu_decoder_layer *layer) {
    am_backend *b = job->b;
    int n = b->model->dims.n_text_state, n_tasks = job->n_runs * b->model->dims.n_text_head;
    cpu_rows x = { b->row_x, n }, wide = wide_rows(b), attended = { b->row_attn, n };

    multiply(job, &layer->qkv, normalize(job, &layer->attn_norm), wide, CPU_STORE);
    am_pool_run(b->pool, self_attention_task, job, n_tasks);
    multiply(job, &layer->attn_out, attended, x, CPU_ADD);

    multiply(job, &layer->cross_q, normalize(job, &layer->cross_norm), wide, CPU_STORE);
    am_pool_run(b->pool, cross_attention_task, job, n_tasks);
    multiply(job, &layer->cross_out, attended, x, CPU_ADD);

    multiply(job, &layer->fc1, normalize(job, &layer->mlp_norm), wide, CPU_GELU);
    multiply(job, &layer->fc2, wide, x, CPU_ADD);
}

/* The output projection for the rows that want logits; their final activations stay in row_norm, in the same order. */
static void project(decode_job *job, am_decode_row *rows) {
    am_backend *b = job->b;
    const am_prepared *p = b->model;
    int n = p->dims.n_text_state, n_vocab = p->dims.n_vocab, m = 0;
    for (int r = 0; r < job->n_rows; r++) {
        if (!rows[r].wants_logits) continue;
        p->kernels.layernorm_f32(b->row_norm + (ptrdiff_t)m * n, b->row_x + (ptrdiff_t)r * n, p->decoder_norm.gamma,
                                 p->decoder_norm.beta, 1, n);
        rows[r].logits = b->logits + (size_t)n_vocab * m++;
    }
    if (m == 0) return;
    job->n_rows = m;
    multiply(job, &p->token_embedding, (cpu_rows){ b->row_norm, n }, (cpu_rows){ b->logits, n_vocab }, CPU_STORE);
}

void am_cpu_rescore(const am_backend *b, const am_decode_row *row, const int32_t *tokens, int n) {
    const am_prepared *p = b->model;
    if (p->token_embedding.type != CPU_S8) return;
    int n_state = p->dims.n_text_state;
    const float *x = b->row_norm + (row->logits - b->logits) / p->dims.n_vocab * n_state;
    const am_plain_rows *rows = &p->token_rows;
    am_dot_fn *dot = rows->is_f16 ? p->kernels.dot_f32f16 : p->kernels.dot_f32f32;
    for (int i = 0; i < n; i++) {
        size_t at = (size_t)tokens[i] * n_state * (rows->is_f16 ? 2 : 4);
        row->logits[tokens[i]] = dot(x, (const char *)rows->data + at, n_state);
    }
}

static am_status check_rows(const am_backend *b, const am_decode_row *rows, int n_rows, am_error *err) {
    const am_dims *d = &b->model->dims;
    if (n_rows < 1 || n_rows > AM_DECODE_MAX_ROWS)
        return am_fail(err, AM_E_ARG, "decode takes 1 to %d rows, not %d", AM_DECODE_MAX_ROWS, n_rows);
    for (int r = 0; r < n_rows; r++)
        if (rows[r].slot < 0 || rows[r].slot >= b->n_slots || rows[r].token < 0 || rows[r].token >= d->n_vocab ||
            rows[r].position < 0 || rows[r].position >= d->n_text_ctx)
            return am_fail(err, AM_E_ARG, "decode row %d: slot %d of %d, token %d of %d, position %d of %d", r,
                           rows[r].slot, b->n_slots, (int)rows[r].token, d->n_vocab, rows[r].position, d->n_text_ctx);
    int n_logits = 0, most = am_decode_max_logits(b->n_slots);
    for (int r = 0; r < n_rows; r++) n_logits += rows[r].wants_logits;
    if (n_logits > most) return am_fail(err, AM_E_ARG, "logits of %d rows; at most %d are possible", n_logits, most);
    return AM_OK;
}

static void find_runs(decode_job *job) {
    for (int r = 0; r < job->n_rows; r++) {
        if (job->n_runs > 0 && job->runs[job->n_runs - 1].slot == job->rows[r].slot) job->runs[job->n_runs - 1].n++;
        else job->runs[job->n_runs++] = (slot_run){ r, 1, job->rows[r].slot };
    }
}

am_status am_cpu_decode(am_backend *b, am_decode_row *rows, int n_rows, am_error *err) {
    const am_prepared *p = b->model;
    am_status status = check_rows(b, rows, n_rows, err);
    if (status != AM_OK) return status;
    decode_job job = { .b = b, .rows = rows, .n_rows = n_rows };
    find_runs(&job);
    for (int r = 0; r < n_rows; r++) embed(p, &rows[r], b->row_x + (ptrdiff_t)r * p->dims.n_text_state);
    for (job.layer = 0; job.layer < p->dims.n_text_layer; job.layer++) run_layer(&job, &p->decoder[job.layer]);
    project(&job, rows);
    return AM_OK;
}
