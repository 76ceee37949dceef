/* The text decoder on the CPU: rows of any slots run through the layers together, so weights are read once for all.
 * Every row attends to its own slot's caches; since the gemm kernel gives a row the same bits in any batch, so does this.
 *
 * SPDX-License-Identifier: MIT */
#include "backend/cpu_internal.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

typedef struct decode_job {
    am_backend *b;
    const am_decode_row *rows;
    int n_rows;
    int layer;
    int n_ctx; /* cross-attention: keys */
} decode_job;

/* Row t of the token embedding, gathered from the packed output projection, plus the position. */
static void embed(const am_prepared *p, const am_decode_row *row, float *x) {
    const cpu_linear *e = &p->token_embedding;
    int nr = p->kernels.gemm.nr;
    size_t at = (size_t)(row->token / nr) * nr * e->k + row->token % nr;
    const float *position = p->text_positions + (size_t)row->position * e->k;
    for (int i = 0; i < e->k; i++) {
        float value = e->is_f16 ? am_half_to_float(((const uint16_t *)e->w)[at + (size_t)i * nr])
                                : ((const float *)e->w)[at + (size_t)i * nr];
        x[i] = value + position[i];
    }
}

static cpu_kv *kv_of(cpu_kv *caches, const am_prepared *p, int slot, int layer) {
    return &caches[slot * p->dims.n_text_layer + layer];
}

/* Put the row's new key and value of every head into its slot's cache. */
static void append_kv(am_backend *b, const am_decode_row *row, int layer, const float *k, const float *v) {
    const am_prepared *p = b->model;
    int nr = p->kernels.gemm.nr, n_head = p->dims.n_text_head, hd = p->dims.n_text_state / n_head,
        n_ctx = p->dims.n_text_ctx;
    cpu_kv *kv = kv_of(b->self_kv, p, row->slot, layer);
    for (int head = 0; head < n_head; head++) {
        float *keys =
            kv->keys + head * cpu_keys_len(p, n_ctx, hd) + (size_t)(row->position / nr) * nr * hd + row->position % nr;
        float *values = kv->values + head * cpu_values_len(p, n_ctx, hd) + (size_t)row->position * nr;
        for (int i = 0; i < hd; i++) {
            keys[i * nr] = k[head * hd + i];
            values[(size_t)(i / nr) * n_ctx * nr + i % nr] = v[head * hd + i];
        }
    }
}

/* m queries of one head against n cached positions. */
static void attend(am_backend *b, const float *q, ptrdiff_t ldq, int m, const cpu_kv *kv, int head, int n_head, int n,
                   int capacity, float *out, ptrdiff_t ldo, float *scores) {
    const am_prepared *p = b->model;
    const am_gemm_desc *gemm = &p->kernels.gemm;
    int hd = p->dims.n_text_state / n_head;
    ptrdiff_t ld_scores = n;
    gemm->f32(&(am_gemm_args){ .x = q + head * hd,
                               .ldx = ldq,
                               .w = kv->keys + head * cpu_keys_len(p, capacity, hd),
                               .panel_stride = (ptrdiff_t)hd * gemm->nr,
                               .y = scores,
                               .ldy = ld_scores,
                               .m = m,
                               .n = n,
                               .k = hd });
    p->kernels.softmax_f32(scores, ld_scores, m, n, 1.0f / sqrtf((float)hd));
    gemm->f32(&(am_gemm_args){ .x = scores,
                               .ldx = ld_scores,
                               .w = kv->values + head * cpu_values_len(p, capacity, hd),
                               .panel_stride = (ptrdiff_t)capacity * gemm->nr,
                               .y = out + head * hd,
                               .ldy = ldo,
                               .m = m,
                               .n = hd,
                               .k = n });
}

static float *row_scores(am_backend *b, int worker) {
    const am_dims *d = &b->model->dims;
    size_t n_ctx = (size_t)(d->n_audio_ctx > d->n_text_ctx ? d->n_audio_ctx : d->n_text_ctx);
    return b->row_scores + (size_t)worker * AM_DECODE_MAX_ROWS * n_ctx;
}

/* One head of one row over the text so far. */
static void self_attention_task(void *arg, int task, int worker) {
    const decode_job *job = arg;
    am_backend *b = job->b;
    const am_dims *d = &b->model->dims;
    int r = task / d->n_text_head, n = d->n_text_state;
    const am_decode_row *row = &job->rows[r];
    attend(b, b->row_wide + r * (ptrdiff_t)(4 * n + PAD), 0, 1, kv_of(b->self_kv, b->model, row->slot, job->layer),
           task % d->n_text_head, d->n_text_head, row->position + 1, d->n_text_ctx, b->row_attn + (ptrdiff_t)r * n, n,
           row_scores(b, worker));
}

/* Rows that follow each other in one slot meet its audio together. */
static int run_length(const am_decode_row *rows, int n_rows, int first) {
    int n = 1;
    while (first + n < n_rows && rows[first + n].slot == rows[first].slot) n++;
    return n;
}

static void cross_attention_task(void *arg, int head, int worker) {
    const decode_job *job = arg;
    am_backend *b = job->b;
    const am_dims *d = &b->model->dims;
    int n = d->n_text_state;
    for (int r = 0; r < job->n_rows;) {
        int m = run_length(job->rows, job->n_rows, r);
        attend(b, b->row_wide + r * (ptrdiff_t)(4 * n + PAD), 4 * n + PAD, m,
               kv_of(b->cross_kv, b->model, job->rows[r].slot, job->layer), head, d->n_text_head, d->n_audio_ctx,
               d->n_audio_ctx, b->row_attn + (ptrdiff_t)r * n, n, row_scores(b, worker));
        r += m;
    }
}

static void self_attention(am_backend *b, const cpu_decoder_layer *layer, decode_job *job) {
    const am_dims *d = &b->model->dims;
    int m = job->n_rows, n = d->n_text_state;
    cpu_rows x = { b->row_x, n }, norm = { b->row_norm, n }, qkv = { b->row_wide, 4 * n + PAD },
             out = { b->row_attn, n };
    am_cpu_norm(b, norm.data, x.data, &layer->attn_norm, m, n);
    am_cpu_linear(b, &layer->qkv, norm, qkv, m);
    for (int r = 0; r < m; r++)
        append_kv(b, &job->rows[r], job->layer, qkv.data + r * qkv.ld + n, qkv.data + r * qkv.ld + 2 * n);
    am_pool_run(b->pool, self_attention_task, job, m * d->n_text_head);
    am_cpu_linear_add(b, &layer->attn_out, out, x, m);
}

static void cross_attention(am_backend *b, const cpu_decoder_layer *layer, decode_job *job) {
    const am_dims *d = &b->model->dims;
    int m = job->n_rows, n = d->n_text_state;
    cpu_rows x = { b->row_x, n }, norm = { b->row_norm, n }, q = { b->row_wide, 4 * n + PAD }, out = { b->row_attn, n };
    am_cpu_norm(b, norm.data, x.data, &layer->cross_norm, m, n);
    am_cpu_linear(b, &layer->cross_q, norm, q, m);
    am_pool_run(b->pool, cross_attention_task, job, d->n_text_head);
    am_cpu_linear_add(b, &layer->cross_out, out, x, m);
}

static void mlp(am_backend *b, const cpu_decoder_layer *layer, int m) {
    int n = b->model->dims.n_text_state;
    cpu_rows x = { b->row_x, n }, norm = { b->row_norm, n }, middle = { b->row_wide, 4 * n + PAD };
    am_cpu_norm(b, norm.data, x.data, &layer->mlp_norm, m, n);
    am_cpu_linear_gelu(b, &layer->fc1, norm, middle, m);
    am_cpu_linear_add(b, &layer->fc2, middle, x, m);
}

/* The output projection for the rows that want logits. */
static void project(am_backend *b, am_decode_row *rows, int n_rows) {
    const am_prepared *p = b->model;
    int n = p->dims.n_text_state, n_vocab = p->dims.n_vocab, m = 0;
    for (int r = 0; r < n_rows; r++) {
        if (!rows[r].wants_logits) continue;
        p->kernels.layernorm_f32(b->row_norm + (ptrdiff_t)m * n, b->row_x + (ptrdiff_t)r * n, p->decoder_norm.gamma,
                                 p->decoder_norm.beta, 1, n);
        rows[r].logits = b->logits + (size_t)n_vocab * m++;
    }
    if (m == 0) return;
    am_cpu_product(
        b, &(cpu_product){
               .linear = &p->token_embedding, .x = b->row_norm, .ldx = n, .y = b->logits, .ldy = n_vocab, .m = m });
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

am_status am_cpu_decode(am_backend *b, am_decode_row *rows, int n_rows, am_error *err) {
    const am_prepared *p = b->model;
    am_status status = check_rows(b, rows, n_rows, err);
    if (status != AM_OK) return status;
    decode_job job = { .b = b, .rows = rows, .n_rows = n_rows };
    for (int r = 0; r < n_rows; r++) embed(p, &rows[r], b->row_x + (ptrdiff_t)r * p->dims.n_text_state);
    for (job.layer = 0; job.layer < p->dims.n_text_layer; job.layer++) {
        const cpu_decoder_layer *layer = &p->decoder[job.layer];
        self_attention(b, layer, &job);
        cross_attention(b, layer, &job);
        mlp(b, layer, n_rows);
    }
    project(b, rows, n_rows);
    return AM_OK;
}

typedef struct cross_job {
    am_backend *b;
    const float *kv; /* [n_audio_ctx, 2 n_state + PAD] */
    cpu_kv *dst;
} cross_job;

static void cross_pack_task(void *arg, int head, int worker) {
    const cross_job *job = arg;
    const am_prepared *p = job->b->model;
    const am_dims *d = &p->dims;
    int n = d->n_text_state, hd = n / d->n_text_head, n_ctx = d->n_audio_ctx;
    am_cpu_pack_head(p, job->kv + head * hd, job->kv + n + head * hd, 2 * n + PAD, n_ctx, hd,
                     job->dst->keys + head * cpu_keys_len(p, n_ctx, hd),
                     job->dst->values + head * cpu_values_len(p, n_ctx, hd));
}

am_status am_cpu_cross_kv(am_backend *b, const float *encoded, int slot, am_error *err) {
    const am_prepared *p = b->model;
    const am_dims *d = &p->dims;
    if (slot < 0 || slot >= b->n_slots) return am_fail(err, AM_E_ARG, "slot %d of %d", slot, b->n_slots);
    for (int i = 0; i < d->n_text_layer; i++) {
        am_cpu_product(b, &(cpu_product){ .linear = &p->decoder[i].cross_kv,
                                          .x = encoded,
                                          .ldx = d->n_audio_state,
                                          .y = b->wide,
                                          .ldy = 2 * d->n_text_state + PAD,
                                          .m = d->n_audio_ctx });
        cross_job job = { b, b->wide, kv_of(b->cross_kv, p, slot, i) };
        am_pool_run(b->pool, cross_pack_task, &job, d->n_text_head);
    }
    return AM_OK;
}
