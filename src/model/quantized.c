/* Checked weights become INT8: rows are read as f32, quantized and put into panels, a block of rows per task.  Nothing
 * is held twice: the arena has the right size from the start, and the file's pages go as soon as they are used.
 *
 * The panel layout is that of gemm_s8s8 (kernels.h); this folder does not know kernels, a test holds the two together.
 *
 * SPDX-License-Identifier: MIT */
#include "model/quantized.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/half.h"
#include "model/slots.h"

enum { ROWS_A_TASK = 4 * AM_S8_PANEL };

typedef struct making {
    am_quantized *q;
    const am_weights *source;
    am_pool *pool;
    size_t n_bytes;      /* of the arena */
    size_t widest;       /* columns of the widest matrix */
    float **worker_rows; /* [n_threads][ROWS_A_TASK * widest], and as many bytes behind */
    _Atomic bool not_finite;
} making;

/* ---- memory ------------------------------------------------------------------------------------------------- */

static am_status add_up(void *arg, const am_slot *slot) {
    making *m = arg;
    m->n_bytes += am_arena_cost(slot->n_bytes);
    if (slot->n_rows > 1 && slot->n_cols > m->widest) m->widest = slot->n_cols;
    return AM_OK;
}

static am_status take(void *arg, const am_slot *slot) {
    making *m = arg;
    am_quantized_owner *owner = m->q->owner;
    void *array = am_arena_take(&owner->arena, slot->n_bytes);
    assert(array);
    am_slot_set(slot, array);
    return AM_OK;
}

static void free_worker_rows(making *m) {
    if (m->worker_rows)
        for (int i = 0; i < am_pool_n_threads(m->pool); i++) am_aligned_free(m->worker_rows[i]);
    free(m->worker_rows);
}

static am_status take_worker_rows(making *m, am_error *err) {
    int n = am_pool_n_threads(m->pool);
    size_t n_bytes = ROWS_A_TASK * m->widest * (sizeof(float) + 1);
    m->worker_rows = calloc((size_t)n, sizeof *m->worker_rows);
    if (!m->worker_rows) return am_fail_nomem(err, "quantizing weights", (size_t)n * sizeof *m->worker_rows);
    for (int i = 0; i < n; i++) {
        m->worker_rows[i] = am_aligned_alloc(n_bytes);
        if (!m->worker_rows[i]) return am_fail_nomem(err, "quantizing weights", n_bytes);
    }
    return AM_OK;
}

/* The arrays of q are constant for everybody else. */
static void *writable(const void *array) {
    return (void *)(uintptr_t)array;
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

static void check_finite(making *m, const float *x, size_t n) {
    float sum = 0; /* x - x is 0 for a finite x, else NaN */
    for (size_t i = 0; i < n; i++) sum += x[i] - x[i];
    if (sum != 0) atomic_store(&m->not_finite, true);
}

static float largest_magnitude(const float *x, int n) {
    int32_t top = 0; /* without their signs, floats are ordered like the integers of the same bits */
    for (int i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffff;
        top = bits > top ? bits : top;
    }
    float magnitude;
    memcpy(&magnitude, &top, sizeof magnitude);
    return magnitude;
}

/* For |x| < 2^22, to nearest even: in x + 1.5 * 2^23 the last place is worth 1, so the adder rounds and the low bits
 * are the integer.  rintf() does the same one number at a time. */
static inline int32_t round_to_even(float x) {
    const float shift = 0x1.8p23f;
    float sum = x + shift;
    int32_t bits, zero;
    memcpy(&bits, &sum, sizeof bits);
    memcpy(&zero, &shift, sizeof zero);
    return bits - zero;
}

/* Returns the scale.  A row whose largest number is below 2^-120 is no signal and would overflow 127 / top. */
static float quantize_row(int8_t *q, const float *x, int n) {
    float top = largest_magnitude(x, n), to_q = 127.0f / top;
    if (!(top > 0x1p-120f && top < INFINITY)) {
        memset(q, 0, (size_t)n);
        return 0;
    }
    for (int i = 0; i < n; i++) q[i] = (int8_t)round_to_even(x[i] * to_q);
    return top / 127.0f;
}

/* One panel: n <= 16 rows of q [n, k] as [ceil(k/4)][16][4].  dst is zeroed already. */
static void pack_panel(int8_t *dst, int32_t *sums, const int8_t *q, int n, int k) {
    for (int lane = 0; lane < n; lane++, q += k) {
        int8_t *to = dst + lane * AM_S8_GROUP;
        int32_t sum = 0;
        for (int i = 0; i < k; i++) sum += q[i];
        int i = 0;
        for (; i + AM_S8_GROUP <= k; i += AM_S8_GROUP, to += AM_S8_PANEL * AM_S8_GROUP) memcpy(to, q + i, AM_S8_GROUP);
        for (int at = i; at < k; at++) to[at - i] = q[at];
        sums[lane] = sum;
    }
}

static void put_rows(const am_plain_rows *rows, int64_t row0, const float *x, int n) {
    size_t n_numbers = (size_t)n * (size_t)rows->k, at = (size_t)row0 * (size_t)rows->k;
    if (!rows->is_f16) {
        memcpy((float *)writable(rows->data) + at, x, n_numbers * sizeof *x);
        return;
    }
    uint16_t *dst = (uint16_t *)writable(rows->data) + at;
    for (size_t i = 0; i < n_numbers; i++) dst[i] = am_half_from_float(x[i]);
}

/* ---- a weight, block by block ------------------------------------------------------------------------------- */

typedef struct block_job {
    making *m;
    const am_weight *w;
    const am_s8_matrix *matrix; /* or NULL */
    const am_plain_rows *rows;  /* or NULL */
} block_job;

static void do_block(void *arg, int task, int worker) {
    const block_job *job = arg;
    int n_rows = (int)job->w->n_rows, k = (int)job->w->n_cols, row0 = task * ROWS_A_TASK;
    int n = n_rows - row0 < ROWS_A_TASK ? n_rows - row0 : ROWS_A_TASK;
    float *x = job->m->worker_rows[worker];
    am_weight_read(job->w, row0, n, x);
    check_finite(job->m, x, (size_t)n * (size_t)k);
    if (job->rows) put_rows(job->rows, row0, x, n);
    if (!job->matrix) return;
    int8_t *q = (int8_t *)(x + ROWS_A_TASK * job->m->widest);
    float *scale = (float *)writable(job->matrix->scale) + row0;
    for (int i = 0; i < n; i++) scale[i] = quantize_row(q + (size_t)i * (size_t)k, x + (size_t)i * (size_t)k, k);
    size_t panel_bytes = (size_t)AM_ROUND_UP(k, AM_S8_GROUP) * AM_S8_PANEL;
    int8_t *panel = (int8_t *)writable(job->matrix->w) + (size_t)(row0 / AM_S8_PANEL) * panel_bytes;
    int32_t *sums = (int32_t *)writable(job->matrix->sum) + row0;
    for (int i = 0; i < n; i += AM_S8_PANEL, panel += panel_bytes)
        pack_panel(panel, sums + i, q + (size_t)i * (size_t)k, n - i < AM_S8_PANEL ? n - i : AM_S8_PANEL, k);
}

static void fill_blocks(making *m, const am_weight *w, const am_s8_matrix *matrix, const am_plain_rows *rows) {
    block_job job = { m, w, matrix, rows };
    am_pool_run(m->pool, do_block, &job, (int)((w->n_rows + ROWS_A_TASK - 1) / ROWS_A_TASK));
    am_weight_release_pages(m->source, w);
}

static void fill_plain(making *m, const float *array, const am_weight *w) {
    float *dst = writable(array);
    am_weight_read(w, 0, w->n_rows, dst);
    check_finite(m, dst, (size_t)(w->n_rows * w->n_cols));
}

static void fill_norm(making *m, const am_plain_norm *norm, const am_norm_weights *w) {
    fill_plain(m, norm->gamma, &w->gamma);
    fill_plain(m, norm->beta, &w->beta);
}

static void fill_linear(making *m, const am_s8_matrix *matrix, const am_linear_weights *w) {
    fill_blocks(m, &w->w, matrix, NULL);
    fill_plain(m, matrix->bias, &w->b);
}

/* ---- the model ---------------------------------------------------------------------------------------------- */

static void fill_encoder(making *m) {
    const am_quantized *q = m->q;
    const am_weights *w = m->source;
    fill_blocks(m, &w->conv1.w, NULL, &q->conv1);
    fill_plain(m, q->conv1_bias, &w->conv1.b);
    fill_blocks(m, &w->conv2.w, NULL, &q->conv2);
    fill_plain(m, q->conv2_bias, &w->conv2.b);
    fill_plain(m, q->audio_positions, &w->audio_positions);
    for (int i = 0; i < q->dims.n_audio_layer; i++) {
        const am_quantized_encoder_layer *to = &q->encoder[i];
        const am_encoder_layer_weights *from = &w->encoder[i];
        fill_norm(m, &to->attn_norm, &from->attn_norm);
        fill_norm(m, &to->mlp_norm, &from->mlp_norm);
        fill_linear(m, &to->qkv, &from->qkv);
        fill_linear(m, &to->attn_out, &from->attn_out);
        fill_linear(m, &to->fc1, &from->fc1);
        fill_linear(m, &to->fc2, &from->fc2);
    }
    fill_norm(m, &q->encoder_norm, &w->encoder_norm);
}

static void fill_decoder(making *m) {
    const am_quantized *q = m->q;
    const am_weights *w = m->source;
    fill_blocks(m, &w->token_embedding, &q->token_embedding, &q->token_rows);
    fill_plain(m, q->text_positions, &w->text_positions);
    for (int i = 0; i < q->dims.n_text_layer; i++) {
        const am_quantized_decoder_layer *to = &q->decoder[i];
        const am_decoder_layer_weights *from = &w->decoder[i];
        fill_norm(m, &to->attn_norm, &from->attn_norm);
        fill_norm(m, &to->cross_norm, &from->cross_norm);
        fill_norm(m, &to->mlp_norm, &from->mlp_norm);
        fill_linear(m, &to->qkv, &from->qkv);
        fill_linear(m, &to->attn_out, &from->attn_out);
        fill_linear(m, &to->cross_q, &from->cross_q);
        fill_linear(m, &to->cross_kv, &from->cross_kv);
        fill_linear(m, &to->cross_out, &from->cross_out);
        fill_linear(m, &to->fc1, &from->fc1);
        fill_linear(m, &to->fc2, &from->fc2);
    }
    fill_norm(m, &q->decoder_norm, &w->decoder_norm);
}

static void copy(const void *array, const void *from, size_t n_bytes) {
    if (n_bytes) memcpy(writable(array), from, n_bytes);
}

static void fill_text(making *m) {
    const am_quantized *q = m->q;
    const am_weights *w = m->source;
    size_t n_offsets = (size_t)w->vocab.n_tokens + 1;
    copy(q->vocab.offset, w->vocab.offset, n_offsets * sizeof *w->vocab.offset);
    copy(q->vocab.bytes, w->vocab.bytes, w->vocab.offset[n_offsets - 1]);
    copy(q->suppress, w->suppress, (size_t)q->n_suppress * sizeof *q->suppress);
    copy(q->suppress_begin, w->suppress_begin, (size_t)q->n_suppress_begin * sizeof *q->suppress_begin);
    copy(q->alignment_heads, w->alignment_heads, (size_t)q->n_alignment_heads * sizeof *q->alignment_heads);
}

static am_status make(making *m, am_error *err) {
    am_quantized *q = m->q;
    const am_weights *w = m->source;
    am_quantized_owner *owner = q->owner;
    q->format = w->format;
    q->conv1.is_f16 = am_weight_is_f16(&w->conv1.w);
    q->conv2.is_f16 = am_weight_is_f16(&w->conv2.w);
    q->token_rows.is_f16 = am_weight_is_f16(&w->token_embedding);
    q->n_suppress = w->n_suppress;
    q->n_suppress_begin = w->n_suppress_begin;
    q->n_alignment_heads = w->n_alignment_heads;
    uint64_t n_vocab_bytes = w->vocab.offset[w->vocab.n_tokens];
    am_slots_walk(q, n_vocab_bytes, add_up, m);
    am_status status = take_worker_rows(m, err);
    if (status == AM_OK) status = am_arena_open(&owner->arena, m->n_bytes, "the model's weights", err);
    if (status != AM_OK) return status;
    q->n_bytes = m->n_bytes;
    am_slots_walk(q, n_vocab_bytes, take, m);
    fill_text(m);
    fill_encoder(m);
    fill_decoder(m);
    if (atomic_load(&m->not_finite))
        return am_fail(err, AM_E_MODEL, "the model's weights hold numbers that are not finite: its file is damaged");
    return AM_OK;
}

am_status am_quantized_make(am_quantized **quantized, const am_weights *w, am_pool *pool, am_error *err) {
    making m = { .source = w, .pool = pool };
    am_status status = am_quantized_new(&m.q, &w->dims, err);
    if (status == AM_OK) status = make(&m, err);
    free_worker_rows(&m);
    if (status != AM_OK) am_quantized_close(&m.q);
    *quantized = m.q;
    return status;
}
