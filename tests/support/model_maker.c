/* Models out of random numbers, and the comparison of two models.  See model_writer.h.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/model_writer.h"

/* ---- making -------------------------------------------------------------------------------------------------- */

typedef struct maker {
    float *numbers;
    size_t used, cap;
    uint32_t state;
} maker;

static uint32_t next_random(maker *m) {
    m->state = m->state * 1664525u + 1013904223u;
    return m->state >> 8;
}

/* Numbers of 7 bits, exact in every float format there is: -63/64 .. 63/64. */
static float next_number(maker *m) {
    return ((float)(next_random(m) % 127) - 63) / 64;
}

static void fill(maker *m, am_weight *w, int64_t n_rows, int64_t n_cols) {
    size_t n = (size_t)(n_rows * n_cols);
    assert_true(n <= m->cap - m->used);
    float *x = m->numbers + m->used;
    m->used += n;
    for (size_t i = 0; i < n; i++) x[i] = next_number(m);
    *w = (am_weight){ .n_parts = 1, .n_rows = n_rows, .n_cols = n_cols };
    w->part[0] = (am_tensor){ .dtype = AM_DTYPE_F32, .n_rows = n_rows, .n_cols = n_cols, .data = x };
}

static void fill_linear(maker *m, am_linear_weights *l, int64_t n_out, int64_t n_in) {
    fill(m, &l->w, n_out, n_in);
    fill(m, &l->b, 1, n_out);
}

static void fill_norm(maker *m, am_norm_weights *n, int64_t n_state) {
    fill(m, &n->gamma, 1, n_state);
    fill(m, &n->beta, 1, n_state);
}

/* The keys of attention have no bias: zeros at `first` on. */
static void clear_bias(am_weight *bias, int64_t first, int64_t n) {
    float *x = (float *)(uintptr_t)bias->part[0].data;
    memset(x + first, 0, (size_t)n * sizeof *x);
}

static void fill_encoder_layer(maker *m, am_encoder_layer_weights *e, int64_t n) {
    fill_norm(m, &e->attn_norm, n);
    fill_linear(m, &e->qkv, 3 * n, n);
    clear_bias(&e->qkv.b, n, n);
    fill_linear(m, &e->attn_out, n, n);
    fill_norm(m, &e->mlp_norm, n);
    fill_linear(m, &e->fc1, 4 * n, n);
    fill_linear(m, &e->fc2, n, 4 * n);
}

static void fill_decoder_layer(maker *m, am_decoder_layer_weights *d, int64_t n, int64_t n_audio) {
    fill_norm(m, &d->attn_norm, n);
    fill_linear(m, &d->qkv, 3 * n, n);
    clear_bias(&d->qkv.b, n, n);
    fill_linear(m, &d->attn_out, n, n);
    fill_norm(m, &d->cross_norm, n);
    fill_linear(m, &d->cross_q, n, n);
    fill_linear(m, &d->cross_kv, 2 * n, n_audio);
    clear_bias(&d->cross_kv.b, 0, n);
    fill_linear(m, &d->cross_out, n, n);
    fill_norm(m, &d->mlp_norm, n);
    fill_linear(m, &d->fc1, 4 * n, n);
    fill_linear(m, &d->fc2, n, 4 * n);
}

/* Token i is a letter or two bytes; every token differs from the others, and bytes of all kinds occur. */
static void make_vocabulary(am_vocab_bytes *v, int n) {
    int end = n == 51864 ? 50256 : n == 51865 || n == 51866 ? 50257 : -1;
    v->n_tokens = n;
    v->offset = calloc((size_t)n + 1, sizeof *v->offset);
    v->bytes = malloc((size_t)n * 16);
    assert_true(v->offset && v->bytes);
    uint32_t at = 0;
    for (int i = 0; i < n; i++) {
        v->offset[i] = at;
        if (i == end) {
            at += (uint32_t)sprintf(v->bytes + at, "<|endoftext|>");
        } else if (end >= 0 && i > end) {
            at += (uint32_t)sprintf(v->bytes + at, "<|%d|>", i);
        } else {
            for (int rest = i;; rest >>= 8) {
                v->bytes[at++] = (char)(rest & 255);
                if (rest < 256) break;
            }
        }
    }
    v->offset[n] = at;
}

static void make_lists(am_weights *w) {
    w->n_suppress = 3;
    w->n_suppress_begin = 2;
    w->n_alignment_heads = w->dims.n_text_layer;
    w->suppress = calloc(3, sizeof *w->suppress);
    w->suppress_begin = calloc(2, sizeof *w->suppress_begin);
    w->alignment_heads = calloc((size_t)w->n_alignment_heads, sizeof *w->alignment_heads);
    assert_true(w->suppress && w->suppress_begin && w->alignment_heads);
    for (int i = 0; i < 3; i++) w->suppress[i] = 5 * i + 1;
    for (int i = 0; i < 2; i++) w->suppress_begin[i] = w->dims.n_vocab - 1 - i;
    for (int i = 0; i < w->n_alignment_heads; i++) {
        w->alignment_heads[i][0] = i;
        w->alignment_heads[i][1] = i % w->dims.n_text_head;
    }
}

am_weights *mw_model_make(const am_dims *d, uint32_t seed) {
    size_t a = (size_t)d->n_audio_state, t = (size_t)d->n_text_state;
    size_t cap = a * ((size_t)d->n_mels + a) * 3 + 4 * a + a * (size_t)d->n_audio_ctx +
                 t * (size_t)(d->n_text_ctx + d->n_vocab + 2) + (size_t)d->n_audio_layer * (12 * a * a + 16 * a) +
                 (size_t)d->n_text_layer * (14 * t * t + 2 * t * a + 24 * t);
    maker m = { .numbers = malloc(cap * sizeof(float)), .cap = cap, .state = seed };
    am_weights *w = calloc(1, sizeof *w);
    assert_true(m.numbers && w);
    w->format = "made up";
    w->dims = *d;
    w->owner = m.numbers;
    w->encoder = calloc((size_t)d->n_audio_layer, sizeof *w->encoder);
    w->decoder = calloc((size_t)d->n_text_layer, sizeof *w->decoder);
    assert_true(w->encoder && w->decoder);
    fill_linear(&m, &w->conv1, d->n_audio_state, d->n_mels * 3);
    fill_linear(&m, &w->conv2, d->n_audio_state, d->n_audio_state * 3);
    fill(&m, &w->audio_positions, d->n_audio_ctx, d->n_audio_state);
    for (int i = 0; i < d->n_audio_layer; i++) fill_encoder_layer(&m, &w->encoder[i], d->n_audio_state);
    fill_norm(&m, &w->encoder_norm, d->n_audio_state);
    fill(&m, &w->token_embedding, d->n_vocab, d->n_text_state);
    fill(&m, &w->text_positions, d->n_text_ctx, d->n_text_state);
    for (int i = 0; i < d->n_text_layer; i++) fill_decoder_layer(&m, &w->decoder[i], d->n_text_state, d->n_audio_state);
    fill_norm(&m, &w->decoder_norm, d->n_text_state);
    make_vocabulary(&w->vocab, d->n_vocab);
    make_lists(w);
    return w;
}

void mw_model_free(am_weights *w) {
    free(w->owner);
    free(w->encoder);
    free(w->decoder);
    free(w->vocab.offset);
    free(w->vocab.bytes);
    free(w->suppress);
    free(w->suppress_begin);
    free(w->alignment_heads);
    free(w);
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

/* `tolerance` is relative to the largest magnitude of a's row; 0 asks for the same bits. */
static void equal_weight(const char *what, int layer, const am_weight *a, const am_weight *b, float tolerance) {
    if (a->n_rows != b->n_rows || a->n_cols != b->n_cols)
        fail_msg("%s of layer %d: [%lld, %lld] and [%lld, %lld]", what, layer, (long long)a->n_rows,
                 (long long)a->n_cols, (long long)b->n_rows, (long long)b->n_cols);
    size_t n = (size_t)a->n_cols;
    float *x = malloc(2 * n * sizeof *x);
    assert_non_null(x);
    float *y = x + n;
    for (int64_t row = 0; row < a->n_rows; row++) {
        am_weight_read(a, row, 1, x);
        am_weight_read(b, row, 1, y);
        float most = 0;
        for (size_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
        for (size_t i = 0; i < n; i++) {
            bool same = tolerance == 0 ? memcmp(&x[i], &y[i], sizeof *x) == 0 : fabsf(x[i] - y[i]) <= tolerance * most;
            if (!same)
                fail_msg("%s of layer %d, [%lld, %zu]: %.9g and %.9g", what, layer, (long long)row, i, (double)x[i],
                         (double)y[i]);
        }
    }
    free(x);
}

static void equal_linear(const char *what, int layer, const am_linear_weights *a, const am_linear_weights *b,
                         float tolerance) {
    equal_weight(what, layer, &a->w, &b->w, tolerance);
    equal_weight(what, layer, &a->b, &b->b, 0);
}

static void equal_norm(const char *what, int layer, const am_norm_weights *a, const am_norm_weights *b) {
    equal_weight(what, layer, &a->gamma, &b->gamma, 0);
    equal_weight(what, layer, &a->beta, &b->beta, 0);
}

static void equal_encoder_layer(int i, const am_encoder_layer_weights *a, const am_encoder_layer_weights *b, float t) {
    equal_norm("encoder attn_norm", i, &a->attn_norm, &b->attn_norm);
    equal_linear("encoder qkv", i, &a->qkv, &b->qkv, t);
    equal_linear("encoder attn_out", i, &a->attn_out, &b->attn_out, t);
    equal_norm("encoder mlp_norm", i, &a->mlp_norm, &b->mlp_norm);
    equal_linear("encoder fc1", i, &a->fc1, &b->fc1, t);
    equal_linear("encoder fc2", i, &a->fc2, &b->fc2, t);
}

static void equal_decoder_layer(int i, const am_decoder_layer_weights *a, const am_decoder_layer_weights *b, float t) {
    equal_norm("decoder attn_norm", i, &a->attn_norm, &b->attn_norm);
    equal_linear("decoder qkv", i, &a->qkv, &b->qkv, t);
    equal_linear("decoder attn_out", i, &a->attn_out, &b->attn_out, t);
    equal_norm("decoder cross_norm", i, &a->cross_norm, &b->cross_norm);
    equal_linear("decoder cross_q", i, &a->cross_q, &b->cross_q, t);
    equal_linear("decoder cross_kv", i, &a->cross_kv, &b->cross_kv, t);
    equal_linear("decoder cross_out", i, &a->cross_out, &b->cross_out, t);
    equal_norm("decoder mlp_norm", i, &a->mlp_norm, &b->mlp_norm);
    equal_linear("decoder fc1", i, &a->fc1, &b->fc1, t);
    equal_linear("decoder fc2", i, &a->fc2, &b->fc2, t);
}

void mw_assert_equal(const am_weights *a, const am_weights *b, float tolerance) {
    assert_memory_equal(&a->dims, &b->dims, sizeof a->dims);
    equal_linear("conv1", 0, &a->conv1, &b->conv1, tolerance);
    equal_linear("conv2", 0, &a->conv2, &b->conv2, tolerance);
    equal_weight("audio positions", 0, &a->audio_positions, &b->audio_positions, 0);
    for (int i = 0; i < a->dims.n_audio_layer; i++) equal_encoder_layer(i, &a->encoder[i], &b->encoder[i], tolerance);
    equal_norm("encoder norm", 0, &a->encoder_norm, &b->encoder_norm);
    equal_weight("token embedding", 0, &a->token_embedding, &b->token_embedding, tolerance);
    equal_weight("text positions", 0, &a->text_positions, &b->text_positions, 0);
    for (int i = 0; i < a->dims.n_text_layer; i++) equal_decoder_layer(i, &a->decoder[i], &b->decoder[i], tolerance);
    equal_norm("decoder norm", 0, &a->decoder_norm, &b->decoder_norm);
}

void mw_assert_same_lists(const am_weights *a, const am_weights *b) {
    assert_int_equal(a->n_suppress, b->n_suppress);
    assert_memory_equal(a->suppress, b->suppress, (size_t)a->n_suppress * sizeof *a->suppress);
    assert_int_equal(a->n_suppress_begin, b->n_suppress_begin);
    assert_memory_equal(a->suppress_begin, b->suppress_begin, (size_t)a->n_suppress_begin * sizeof *a->suppress);
    assert_int_equal(a->n_alignment_heads, b->n_alignment_heads);
    assert_memory_equal(a->alignment_heads, b->alignment_heads,
                        (size_t)a->n_alignment_heads * sizeof *a->alignment_heads);
}

void mw_assert_same_tokens(const am_vocab_bytes *a, const am_vocab_bytes *b, int n) {
    assert_in_range(n, 1, a->n_tokens);
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_memory_equal(a->offset, b->offset, ((size_t)n + 1) * sizeof *a->offset);
    assert_memory_equal(a->bytes, b->bytes, a->offset[n]);
}
