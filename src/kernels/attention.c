/* INT8 attention: one head, a block of queries; and the C reference of its softmax.  Contracts: kernels.h.
 *
 * Scores are one matrix product with positions as outputs; probabilities leave softmax_s8 as two rows of digits; the sum
 * over values is the same matrix product once more, with two rows for each query.  The block's scores stay in cache.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/kernels_c.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* exp(scale * (x - top)) times v_scale in place of x; the sum of the former, or NaN where something is not finite. */
static double weigh(float *x, const float *v_scale, int n, float scale) {
    float top = x[am_max_f32_c(x, n)];
    double sum = 0;
    bool is_finite = true;
    for (int t = 0; t < n; t++) {
        float p = expf(scale * (x[t] - top));
        is_finite &= !isnan(p) && isfinite(v_scale[t]);
        sum += p;
        x[t] = p * v_scale[t];
    }
    return is_finite ? sum : NAN;
}

void am_softmax_s8_c(int8_t *q, ptrdiff_t ldq, float *factor, float *x, ptrdiff_t ldx, const float *v_scale, int m,
                     int n, float scale) {
    for (int row = 0; row < m; row++, x += ldx, q += 2 * ldq, factor += 2) {
        double sum = weigh(x, v_scale, n, scale);
        float top_r = isnan(sum) ? NAN : x[am_max_f32_c(x, n)], to_digits = 16383.0f / top_r;
        for (int t = 0; t < AM_ROUND_UP(n, 4); t++) {
            int digits = t < n && to_digits > 0 && isfinite(to_digits) ? (int)rintf(x[t] * to_digits) : 0;
            q[t] = (int8_t)(digits >> 7);
            q[ldq + t] = (int8_t)(digits & 127);
        }
        factor[1] = (float)(top_r / 16383.0f / sum);
        factor[0] = 128.0f * factor[1];
    }
}

/* One position into its lane of a panel of keys. */
static void put_key(int8_t *panel, int lane, const int8_t *key, int head_dim) {
    for (int i = 0; i < head_dim; i++) panel[(size_t)(i / 4) * AM_S8_NR * 4 + (size_t)lane * 4 + i % 4] = key[i];
    for (int i = head_dim; i % 4; i++) panel[(size_t)(i / 4) * AM_S8_NR * 4 + (size_t)lane * 4 + i % 4] = 0;
}

/* Sixteen positions, a whole panel: words of four bytes change places. */
static void put_key_panel(int8_t *panel, const int8_t *keys, ptrdiff_t ld, int head_dim) {
    for (int i = 0; i < head_dim; i += 4, panel += AM_S8_NR * 4)
        for (int lane = 0; lane < AM_S8_NR; lane++) memcpy(panel + lane * 4, keys + lane * ld + i, 4);
}

void am_keys_put_s8(int8_t *k, int32_t *k_sum, const am_s8_rows *rows) {
    int hd = rows->head_dim, end = rows->t + rows->m;
    size_t panel_len = (size_t)AM_ROUND_UP(hd, 4) * AM_S8_NR;
    for (int t = rows->t; t < end; t++) {
        const int8_t *key = rows->data + (t - rows->t) * rows->ld;
        int32_t sum = 0;
        for (int i = 0; i < hd; i++) sum += key[i];
        k_sum[t] = sum;
    }
    for (int t = rows->t; t < end;) {
        const int8_t *keys = rows->data + (t - rows->t) * rows->ld;
        int8_t *panel = k + (size_t)(t / AM_S8_NR) * panel_len;
        if (t % AM_S8_NR == 0 && end - t >= AM_S8_NR && hd % 4 == 0) {
            put_key_panel(panel, keys, rows->ld, hd);
            t += AM_S8_NR;
        } else {
            put_key(panel, t % AM_S8_NR, keys, hd);
            t++;
        }
    }
}

/* Four positions of sixteen dimensions: one line of a panel of values. */
static void put_value_line(int8_t *line, const int8_t *values, ptrdiff_t ld) {
    for (int i = 0; i < AM_S8_NR; i++) {
        line[4 * i] = values[i];
        line[4 * i + 1] = values[ld + i];
        line[4 * i + 2] = values[2 * ld + i];
        line[4 * i + 3] = values[3 * ld + i];
    }
}

void am_values_put_s8(int8_t *v, int v_capacity, const am_s8_rows *rows) {
    int hd = rows->head_dim, end = rows->t + rows->m;
    size_t panel_len = (size_t)v_capacity * AM_S8_NR;
    for (int t = rows->t; t < end;) {
        const int8_t *values = rows->data + (t - rows->t) * rows->ld;
        int8_t *line = v + (size_t)(t / 4) * AM_S8_NR * 4;
        if (t % 4 == 0 && end - t >= 4 && hd % AM_S8_NR == 0) {
            for (int i = 0; i < hd; i += AM_S8_NR, line += panel_len) put_value_line(line, values + i, rows->ld);
            t += 4;
        } else {
            for (int i = 0; i < hd; i++)
                line[i / AM_S8_NR * panel_len + (size_t)(i % AM_S8_NR) * 4 + t % 4] = values[i];
            t++;
        }
    }
}

/* Pieces of the scratch memory, in bytes from its start. */
typedef struct layout {
    size_t scores, digits, factors, halves, ones, gemm, end;
    ptrdiff_t ld_scores, ld_digits;
} layout;

/* Queries that go together: their scores and digits share a second-level cache of 512 KB with keys and values, over
 * 1500 positions. */
#define AT_ONCE 24

/* Rows of a power of two bytes would share cache sets. */
#define PAD 16

static layout lay_out(int m, int n, int head_dim) {
    size_t rows = (size_t)(m < AT_ONCE ? m : AT_ONCE);
    layout l = { .ld_scores = AM_ROUND_UP(n, 16) + PAD, .ld_digits = AM_ROUND_UP(n, 64) + AM_ALIGN };
    l.digits = l.scores + AM_ROUND_UP(rows * l.ld_scores * sizeof(float), AM_ALIGN);
    l.factors = l.digits + AM_ROUND_UP(2 * rows * l.ld_digits, AM_ALIGN);
    l.halves = l.factors + AM_ROUND_UP(2 * rows * sizeof(float), AM_ALIGN);
    l.ones = l.halves + AM_ROUND_UP(2 * rows * head_dim * sizeof(float), AM_ALIGN);
    l.gemm = l.ones + AM_ROUND_UP(AM_ROUND_UP(head_dim, AM_S8_NR) * sizeof(float), AM_ALIGN);
    l.end = l.gemm + AM_GEMM_S8_SCRATCH(n > head_dim ? n : head_dim);
    return l;
}

size_t am_attention_s8_scratch(int m, int n, int head_dim) {
    return lay_out(m, n, head_dim).end;
}

/* At most AT_ONCE queries; l is the layout for so many. */
static void attend(const am_kernels *k, const am_attention_s8_args *a, layout l) {
    char *scratch = a->scratch;
    float *scores = (float *)(scratch + l.scores), *factors = (float *)(scratch + l.factors);
    float *halves = (float *)(scratch + l.halves), *ones = (float *)(scratch + l.ones);
    int8_t *digits = (int8_t *)(scratch + l.digits);
    k->gemm_s8.fn(&(am_gemm_s8_args){ .y = scores,
                                      .ldy = l.ld_scores,
                                      .x = a->q,
                                      .ldx = a->ldq,
                                      .x_scale = a->q_scale,
                                      .w = a->k,
                                      .w_scale = a->k_scale,
                                      .w_sum = a->k_sum,
                                      .panel_stride = AM_ROUND_UP(a->head_dim, 4) * AM_S8_NR,
                                      .scratch = scratch + l.gemm,
                                      .m = a->m,
                                      .n = a->n,
                                      .k = a->head_dim,
                                      .flip = k->gemm_s8.flip });
    k->softmax_s8(digits, l.ld_digits, factors, scores, l.ld_scores, a->v_scale, a->m, a->n, a->scale);
    for (int i = 0; i < AM_ROUND_UP(a->head_dim, AM_S8_NR); i++) ones[i] = 1.0f;
    k->gemm_s8.fn(&(am_gemm_s8_args){ .y = halves,
                                      .ldy = a->head_dim,
                                      .x = digits,
                                      .ldx = l.ld_digits,
                                      .x_scale = factors,
                                      .w = a->v,
                                      .w_scale = ones,
                                      .panel_stride = (ptrdiff_t)a->v_capacity * AM_S8_NR,
                                      .scratch = scratch + l.gemm,
                                      .m = 2 * a->m,
                                      .n = a->head_dim,
                                      .k = a->n,
                                      .flip = 0 });
    for (int row = 0; row < a->m; row++)
        for (int i = 0; i < a->head_dim; i++)
            a->out[row * a->ldo + i] = halves[2 * row * a->head_dim + i] + halves[(2 * row + 1) * a->head_dim + i];
}

void am_attention_s8(const am_kernels *k, const am_attention_s8_args *a) {
    layout l = lay_out(a->m, a->n, a->head_dim);
    for (int row = 0; row < a->m; row += AT_ONCE) {
        am_attention_s8_args piece = *a;
        piece.m = a->m - row < AT_ONCE ? a->m - row : AT_ONCE;
        piece.q += row * a->ldq;
        piece.q_scale += row;
        piece.out += row * a->ldo;
        attend(k, &piece, l);
    }
}
