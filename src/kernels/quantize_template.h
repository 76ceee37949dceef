/* Rows of bytes with a scale, and softmax rows as digits, over v16 and v16i.  Included once per instruction set with
 * NAME(op) defined.  Sums keep their order whatever the width of the registers.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/math_template.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

INLINE float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* Copy the first `n` bytes rounded up to 4 (64 at most). */
INLINE void store_bytes(int8_t *to, v16i bytes, int n) {
    if (n >= 64) {
        i_store(to, bytes);
        return;
    }
    int8_t part[64];
    i_store(part, bytes);
    for (int i = 0; i < n; i += 4) memcpy(to + i, part + i, 4);
}

/* Sixteen floats of which `count` exist, which may be 0 or less, or more than sixteen. */
INLINE v16 load_some(const float *p, int count) {
    return count >= 16 ? v_load(p) : count > 0 ? v_load_part(p, count, 0.0f) : v_zero();
}

/* ---- quantize_s8 ---- */

/* Bit patterns of magnitudes rise with them, infinity and NaN on top. */
INLINE float largest_magnitude(const float *x, int n) {
    v16i mask = i_set(0x7fffffff), top[2] = { i_zero(), i_zero() };
    int i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 2; j++) top[j] = i_max_unsigned(top[j], i_and(v_bits(v_load(x + i + 16 * j)), mask));
    for (; i < n; i += 16) top[0] = i_max_unsigned(top[0], i_and(v_bits(load_some(x + i, n - i)), mask));
    return float_of(i_top_unsigned(i_max_unsigned(top[0], top[1])));
}

TARGET static void quantize_row(int8_t *q, float *scale, const float *x, int n, int flip) {
    float top = largest_magnitude(x, n), to_q = 127.0f / top;
    bool is_usable = to_q > 0 && to_q < INFINITY;
    *scale = top / 127.0f;
    v16 factor = v_set(to_q);
    v16i flips = i_set((int)((flip & 0xff) * 0x01010101u));
    for (int i = 0; i < n; i += 64) {
        v16i a[4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            v16 value = n - i >= 64 ? v_load(x + i + 16 * j) : load_some(x + i + 16 * j, n - i - 16 * j);
            a[j] = is_usable ? i_from_float(v_mul(value, factor)) : i_zero();
        }
        store_bytes(q + i, i_xor(i_words_to_bytes(i_words(a[0], a[1]), i_words(a[2], a[3])), flips), n - i);
    }
}

TARGET void NAME(quantize_s8)(int8_t *q, ptrdiff_t ldq, float *scale, const float *x, ptrdiff_t ldx, int m, int n,
                              int flip) {
    for (int row = 0; row < m; row++) quantize_row(q + row * ldq, scale + row, x + row * ldx, n, flip);
}

/* ---- softmax_s8 ---- */

/* The greatest of x, or NaN where one of them is NaN: a maximum alone would lose it, a sum does not. */
INLINE float greatest(const float *x, int n) {
    v16 top[4], sum[4];
    for (int j = 0; j < 4; j++) {
        top[j] = v_set(-INFINITY);
        sum[j] = v_zero();
    }
    int i = 0;
    for (; i + 64 <= n; i += 64)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            v16 value = v_load(x + i + 16 * j);
            top[j] = v_max(top[j], value);
            sum[j] = v_add(sum[j], value);
        }
    for (; i < n; i += 16) {
        v16 value = n - i >= 16 ? v_load(x + i) : v_load_part(x + i, n - i, x[0]);
        top[0] = v_max(top[0], value);
        sum[0] = v_add(sum[0], value);
    }
    float all = v_sum(v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
    return isnan(all) ? all : v_top(v_max(v_max(top[0], top[1]), v_max(top[2], top[3])));
}

/* x becomes r, the weights times v_scale; *sum the sum of the weights; the result the greatest r, or, as r is never
 * negative, NaN or infinity where v_scale holds one. */
INLINE float weigh(float *x, const float *v_scale, int n, float top, float scale, float *sum) {
    v16 shift = v_set(top), factor = v_set(scale * 1.44269504f), total = v_zero();
    v16i top_r = i_zero();
    int i = 0;
    for (; i + 64 <= n; i += 64) {
        v16 p[4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            p[j] = v_exp2(v_mul(v_sub(v_load(x + i + 16 * j), shift), factor));
            v16 r = v_mul(p[j], v_load(v_scale + i + 16 * j));
            v_store(x + i + 16 * j, r);
            top_r = i_max_unsigned(top_r, v_bits(r));
        }
        total = v_add(total, v_add(v_add(p[0], p[1]), v_add(p[2], p[3])));
    }
    for (; i < n; i += 16) {
        int count = n - i < 16 ? n - i : 16;
        v16 p = v_exp2(v_mul(v_sub(v_load_part(x + i, count, top), shift), factor));
        v16 r = v_mul(p, v_load_part(v_scale + i, count, 0.0f));
        v_store_part(x + i, r, count);
        top_r = i_max_unsigned(top_r, v_bits(r));
        total = v_add(total, v_keep_part(p, count));
    }
    *sum = v_sum(total);
    return float_of(i_top_unsigned(top_r));
}

/* r * to_digits = 128 high + low */
INLINE void store_digits(int8_t *high, int8_t *low, const float *r, int n, float to_digits) {
    v16 factor = v_set(to_digits);
    v16i seven_bits = i_set(0x007f007f);
    for (int i = 0; i < n; i += 64) {
        v16i a[4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            v16 value = n - i >= 64 ? v_load(r + i + 16 * j) : load_some(r + i + 16 * j, n - i - 16 * j);
            a[j] = i_from_float(v_mul(value, factor));
        }
        v16i ab = i_words(a[0], a[1]), cd = i_words(a[2], a[3]);
        store_bytes(high + i, i_words_to_bytes(i_words_shift_right(ab, 7), i_words_shift_right(cd, 7)), n - i);
        store_bytes(low + i, i_words_to_bytes(i_and(ab, seven_bits), i_and(cd, seven_bits)), n - i);
    }
}

TARGET static void softmax_s8_row(int8_t *q, ptrdiff_t ldq, float *factor, float *x, const float *v_scale, int n,
                                  float scale) {
    float top = greatest(x, n), sum = NAN, top_r = NAN;
    if (isfinite(top)) top_r = weigh(x, v_scale, n, top, scale, &sum);
    float to_digits = 16383.0f / top_r;
    if (to_digits > 0 && to_digits < INFINITY) store_digits(q, q + ldq, x, n, to_digits);
    else {
        memset(q, 0, AM_ROUND_UP((size_t)n, 4));
        memset(q + ldq, 0, AM_ROUND_UP((size_t)n, 4));
    }
    factor[1] = isfinite(top_r) ? top_r / 16383.0f / sum : NAN;
    factor[0] = 128.0f * factor[1];
}

TARGET void NAME(softmax_s8)(int8_t *q, ptrdiff_t ldq, float *factor, float *x, ptrdiff_t ldx, const float *v_scale,
                             int m, int n, float scale) {
    for (int row = 0; row < m; row++)
        softmax_s8_row(q + 2 * row * ldq, ldq, factor + 2 * row, x + row * ldx, v_scale, n, scale);
}
