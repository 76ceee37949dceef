/* Quantizing a model: every byte, scale and sum against a plain computation in double, the panels against the packer
 * and the quantizer of the kernels, what stays exact bit for bit, and weights that are no numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "model/quantized.h"
#include "support/model_writer.h"
#include "support/temp_folder.h"

/* Channels that do not fill their last panel (24, 40, 300), audio and text of different width. */
static const am_dims uneven = { .n_mels = 80,
                                .n_vocab = 300,
                                .n_audio_ctx = 7,
                                .n_audio_state = 40,
                                .n_audio_head = 5,
                                .n_audio_layer = 2,
                                .n_text_ctx = 5,
                                .n_text_state = 24,
                                .n_text_head = 1,
                                .n_text_layer = 3 };

/* Through a file: quantizing gives the pages of what it has read back to the system. */
static am_weights *open_model(uint32_t seed, mw_dtype dtype) {
    char folder[TEMP_PATH_CAP];
    am_weights *made = mw_model_make(&uneven, seed), *w;
    am_error err = { 0 };
    temp_folder_make(folder);
    mw_write_ctranslate2(made, folder, dtype);
    mw_model_free(made);
    if (am_weights_open(&w, folder, NULL, &err) != AM_OK) fail_msg("%s", err.text);
    temp_folder_remove(folder);
    return w;
}

static am_quantized *make(const am_weights *w, int n_threads) {
    am_pool *pool;
    am_quantized *q;
    am_error err = { 0 };
    assert_int_equal(am_pool_open(&pool, n_threads, NULL), AM_OK);
    if (am_quantized_make(&q, w, pool, &err) != AM_OK) fail_msg("%s", err.text);
    am_pool_close(&pool);
    return q;
}

static float *read_all(const am_weight *w) {
    float *x = malloc((size_t)(w->n_rows * w->n_cols) * sizeof *x);
    assert_non_null(x);
    am_weight_read(w, 0, w->n_rows, x);
    return x;
}

static void expect_aligned(const void *p) {
    assert_true((uintptr_t)p % 64 == 0);
}

static int at(int row, int column, int k) {
    return row / 16 * ((k + 3) / 4 * 64) + column / 4 * 64 + row % 16 * 4 + column % 4;
}

/* By the definition: scale = max / 127, and the byte nearest to x / scale; ties by the kernels' own quantizer below. */
static void expect_row(const am_s8_matrix *m, int row, const float *x) {
    double top = 0, sum = 0;
    for (int i = 0; i < m->k; i++) top = fmax(top, fabs((double)x[i]));
    assert_true(m->scale[row] == (float)top / 127.0f);
    for (int i = 0; i < m->k; i++) {
        double want = top > 0 ? x[i] * 127.0 / top : 0;
        assert_true(fabs(m->w[at(row, i, m->k)] - want) <= 0.5 + 1e-5);
        sum += m->w[at(row, i, m->k)];
    }
    assert_true(m->sum[row] == (int)sum);
}

static void expect_matrix(const am_s8_matrix *m, const am_linear_weights *w) {
    assert_int_equal(m->n, w->w.n_rows);
    assert_int_equal(m->k, w->w.n_cols);
    int n_padded = (m->n + 15) / 16 * 16, k4 = (m->k + 3) / 4 * 4;
    float *x = read_all(&w->w), *scale = calloc((size_t)n_padded, sizeof *scale);
    int8_t *q = calloc((size_t)m->n, (size_t)k4), *panels = malloc((size_t)n_padded * (size_t)k4);
    int32_t *sums = malloc((size_t)n_padded * sizeof *sums);
    am_kernels c;
    am_kernels_init(&c, 0);
    c.quantize_s8(q, k4, scale, x, m->k, m->n, m->k, 0);
    am_gemm_pack_s8(panels, sums, q, k4, m->n, m->k);
    assert_memory_equal(m->w, panels, (size_t)n_padded * (size_t)k4);
    assert_memory_equal(m->scale, scale, (size_t)n_padded * sizeof *scale);
    assert_memory_equal(m->sum, sums, (size_t)n_padded * sizeof *sums);
    for (int row = 0; row < m->n; row++) expect_row(m, row, x + row * m->k);
    free(x);
    free(scale);
    free(q);
    free(panels);
    free(sums);
    expect_aligned(m->w);
    expect_aligned(m->scale);
    expect_aligned(m->sum);
}

static void expect_plain(const float *got, const am_weight *w) {
    float *x = read_all(w);
    assert_memory_equal(got, x, (size_t)(w->n_rows * w->n_cols) * sizeof *x);
    free(x);
}

static void expect_rows(const am_plain_rows *rows, const am_weight *w) {
    assert_int_equal(rows->n, w->n_rows);
    assert_int_equal(rows->k, w->n_cols);
    assert_int_equal(rows->is_f16, am_weight_is_f16(w));
    am_tensor tensor = { rows->is_f16 ? AM_DTYPE_F16 : AM_DTYPE_F32, rows->n, rows->k, rows->data, NULL };
    am_weight again = { .n_parts = 1, .part = { tensor }, .n_rows = rows->n, .n_cols = rows->k };
    float *x = read_all(&again);
    expect_plain(x, w);
    free(x);
    expect_aligned(rows->data);
}

static void expect_linear(const am_s8_matrix *m, const am_linear_weights *w) {
    expect_matrix(m, w);
    expect_plain(m->bias, &w->b);
    expect_aligned(m->bias);
}

static void expect_norm(const am_plain_norm *n, const am_norm_weights *w) {
    expect_plain(n->gamma, &w->gamma);
    expect_plain(n->beta, &w->beta);
    expect_aligned(n->gamma);
    expect_aligned(n->beta);
}

static void expect_layers(const am_quantized *q, const am_weights *w) {
    for (int i = 0; i < q->dims.n_audio_layer; i++) {
        expect_norm(&q->encoder[i].attn_norm, &w->encoder[i].attn_norm);
        expect_norm(&q->encoder[i].mlp_norm, &w->encoder[i].mlp_norm);
        expect_linear(&q->encoder[i].qkv, &w->encoder[i].qkv);
        expect_linear(&q->encoder[i].attn_out, &w->encoder[i].attn_out);
        expect_linear(&q->encoder[i].fc1, &w->encoder[i].fc1);
        expect_linear(&q->encoder[i].fc2, &w->encoder[i].fc2);
    }
    for (int i = 0; i < q->dims.n_text_layer; i++) {
        expect_norm(&q->decoder[i].attn_norm, &w->decoder[i].attn_norm);
        expect_norm(&q->decoder[i].cross_norm, &w->decoder[i].cross_norm);
        expect_norm(&q->decoder[i].mlp_norm, &w->decoder[i].mlp_norm);
        expect_linear(&q->decoder[i].qkv, &w->decoder[i].qkv);
        expect_linear(&q->decoder[i].attn_out, &w->decoder[i].attn_out);
        expect_linear(&q->decoder[i].cross_q, &w->decoder[i].cross_q);
        expect_linear(&q->decoder[i].cross_kv, &w->decoder[i].cross_kv);
        expect_linear(&q->decoder[i].cross_out, &w->decoder[i].cross_out);
        expect_linear(&q->decoder[i].fc1, &w->decoder[i].fc1);
        expect_linear(&q->decoder[i].fc2, &w->decoder[i].fc2);
    }
}

static void expect_model(const am_quantized *q, const am_weights *w) {
    assert_memory_equal(&q->dims, &w->dims, sizeof q->dims);
    expect_rows(&q->conv1, &w->conv1.w);
    expect_rows(&q->conv2, &w->conv2.w);
    expect_rows(&q->token_rows, &w->token_embedding);
    expect_plain(q->conv1_bias, &w->conv1.b);
    expect_plain(q->conv2_bias, &w->conv2.b);
    expect_plain(q->audio_positions, &w->audio_positions);
    expect_plain(q->text_positions, &w->text_positions);
    expect_norm(&q->encoder_norm, &w->encoder_norm);
    expect_norm(&q->decoder_norm, &w->decoder_norm);
    expect_matrix(&q->token_embedding, &(am_linear_weights){ .w = w->token_embedding });
    assert_null(q->token_embedding.bias);
    expect_layers(q, w);
    assert_int_equal(q->vocab.n_tokens, w->vocab.n_tokens);
    size_t n_offsets = (size_t)w->vocab.n_tokens + 1;
    assert_memory_equal(q->vocab.offset, w->vocab.offset, n_offsets * sizeof *w->vocab.offset);
    assert_memory_equal(q->vocab.bytes, w->vocab.bytes, w->vocab.offset[n_offsets - 1]);
    assert_int_equal(q->n_suppress, w->n_suppress);
    assert_int_equal(q->n_suppress_begin, w->n_suppress_begin);
    assert_int_equal(q->n_alignment_heads, w->n_alignment_heads);
    if (w->n_alignment_heads)
        assert_memory_equal(q->alignment_heads, w->alignment_heads,
                            (size_t)w->n_alignment_heads * sizeof *w->alignment_heads);
}

static void test_every_number(void **state) {
    am_weights *w = open_model(3, MW_F16);
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        am_quantized *q = make(w, n_threads);
        expect_model(q, w);
        am_quantized_close(&q);
        assert_null(q);
    }
    am_weights_close(&w);
}

/* ---- rows that are special ---------------------------------------------------------------------------------- */

static float *change_fc1(am_weights *w) {
    static float row[4 * 40 * 40];
    am_linear_weights *l = &w->encoder[1].fc1;
    am_weight_read(&l->w, 0, l->w.n_rows, row);
    l->w.n_parts = 1;
    l->w.part[0] = (am_tensor){ AM_DTYPE_F32, l->w.n_rows, l->w.n_cols, row, NULL };
    return row;
}

/* Ties go to even, zeros stay zero with scale zero, and numbers too small to divide by are zero. */
static void test_special_rows(void **state) {
    am_weights *w = open_model(4, MW_F32);
    am_weight saved = w->encoder[1].fc1.w;
    float *x = change_fc1(w);
    for (int i = 0; i < 40; i++) {
        x[i] = i == 0 ? 127.0f : (float)i - 20.5f; /* scale 1: all ties */
        x[40 + i] = 0;
        x[80 + i] = i == 3 ? 1e-40f : 0;
        x[120 + i] = i == 3 ? -3e38f : 1e30f;
    }
    am_quantized *q = make(w, 2);
    const am_s8_matrix *m = &q->encoder[1].fc1;
    assert_true(m->scale[0] == 1.0f && m->scale[1] == 0 && m->scale[2] == 0 && m->scale[3] == 3e38f / 127.0f);
    assert_int_equal(m->w[at(0, 0, 40)], 127);
    for (int i = 1; i < 40; i++) {
        assert_int_equal(m->w[at(0, i, 40)] % 2, 0);
        assert_true(fabs(m->w[at(0, i, 40)] - ((double)i - 20.5)) == 0.5);
    }
    for (int i = 0; i < 40; i++) {
        assert_int_equal(m->w[at(1, i, 40)], 0);
        assert_int_equal(m->w[at(2, i, 40)], 0);
        assert_int_equal(m->w[at(3, i, 40)], i == 3 ? -127 : 0);
    }
    am_quantized_close(&q);
    w->encoder[1].fc1.w = saved;
    am_weights_close(&w);
}

static void test_not_finite(void **state) {
    const float bad[] = { NAN, INFINITY, -INFINITY };
    am_weights *w = open_model(5, MW_F16);
    am_weight saved = w->encoder[1].fc1.w;
    float *x = change_fc1(w);
    am_pool *pool;
    assert_int_equal(am_pool_open(&pool, 2, NULL), AM_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t place = i * 3000 + 7;
        float good = x[place];
        am_quantized *q;
        am_error err = { 0 };
        x[place] = bad[i];
        assert_int_equal(am_quantized_make(&q, w, pool, &err), AM_E_MODEL);
        assert_null(q);
        assert_non_null(strstr(err.text, "not finite"));
        x[place] = good;
    }
    am_pool_close(&pool);
    w->encoder[1].fc1.w = saved;
    am_weights_close(&w);
}

/* What no f16 can hold stays f32. */
static void test_rows_of_f32(void **state) {
    am_weights *w = open_model(6, MW_F32);
    am_weight saved = w->token_embedding;
    float *x = read_all(&saved);
    x[5] = 0.1f;
    w->token_embedding.n_parts = 1;
    w->token_embedding.part[0] = (am_tensor){ AM_DTYPE_F32, saved.n_rows, saved.n_cols, x, NULL };
    am_quantized *q = make(w, 1);
    assert_false(q->token_rows.is_f16);
    assert_true(q->conv1.is_f16);
    expect_model(q, w);
    am_quantized_close(&q);
    w->token_embedding = saved;
    am_weights_close(&w);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_number), cmocka_unit_test(test_special_rows),
                                        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_rows_of_f32) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
