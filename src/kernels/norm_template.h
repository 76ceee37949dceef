/* softmax, LayerNorm, GELU and reductions over v16.  Included once per instruction set with NAME(op) defined.
 * Sums keep two accumulators of sixteen lanes, so their order does not depend on the width of the registers.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/math_template.h"

#include <math.h>

#include "base/half.h"

TARGET static void softmax_row(float *x, int n, v16 scale) {
    int whole = n & ~15, rest = n & 15;
    v16 top = v_set(-INFINITY);
    for (int i = 0; i < whole; i += 16) top = v_max(top, v_load(x + i));
    if (rest) top = v_max(top, v_load_part(x + whole, rest, -INFINITY));
    top = v_set(v_top(top));
    v16 sum = v_zero();
    for (int i = 0; i < whole; i += 16) {
        v16 e = v_exp(v_mul(v_sub(v_load(x + i), top), scale));
        v_store(x + i, e);
        sum = v_add(sum, e);
    }
    if (rest) {
        v16 e = v_exp(v_mul(v_sub(v_load_part(x + whole, rest, 0.0f), top), scale));
        v_store_part(x + whole, e, rest);
        sum = v_add(sum, v_keep_part(e, rest));
    }
    v16 inverse = v_set(1.0f / v_sum(sum));
    for (int i = 0; i < whole; i += 16) v_store(x + i, v_mul(v_load(x + i), inverse));
    if (rest) v_store_part(x + whole, v_mul(v_load_part(x + whole, rest, 0.0f), inverse), rest);
}

TARGET void NAME(softmax_f32)(float *x, ptrdiff_t ldx, int m, int n, float scale) {
    for (int row = 0; row < m; row++) softmax_row(x + row * ldx, n, v_set(scale));
}

TARGET static void layernorm_row(float *y, const float *x, const float *gamma, const float *beta, int n) {
    int whole = n & ~15, rest = n & 15;
    v16 sum = v_zero();
    for (int i = 0; i < whole; i += 16) sum = v_add(sum, v_load(x + i));
    if (rest) sum = v_add(sum, v_load_part(x + whole, rest, 0.0f));
    float mean = v_sum(sum) / (float)n;
    v16 centre = v_set(mean);
    v16 squares = v_zero();
    for (int i = 0; i < whole; i += 16) {
        v16 d = v_sub(v_load(x + i), centre);
        squares = v_fma(d, d, squares);
    }
    if (rest) {
        v16 d = v_keep_part(v_sub(v_load_part(x + whole, rest, 0.0f), centre), rest);
        squares = v_fma(d, d, squares);
    }
    v16 inverse = v_set(1.0f / sqrtf(v_sum(squares) / (float)n + 1e-5f));
    for (int i = 0; i < whole; i += 16) {
        v16 unit = v_mul(v_sub(v_load(x + i), centre), inverse);
        v_store(y + i, v_fma(unit, v_load(gamma + i), v_load(beta + i)));
    }
    if (rest) {
        v16 unit = v_mul(v_sub(v_load_part(x + whole, rest, 0.0f), centre), inverse);
        v16 scaled = v_fma(unit, v_load_part(gamma + whole, rest, 0.0f), v_load_part(beta + whole, rest, 0.0f));
        v_store_part(y + whole, scaled, rest);
    }
}

TARGET void NAME(layernorm_f32)(float *y, const float *x, const float *gamma, const float *beta, int m, int n) {
    for (int row = 0; row < m; row++) layernorm_row(y + (ptrdiff_t)row * n, x + (ptrdiff_t)row * n, gamma, beta, n);
}

TARGET void NAME(gelu_f32)(float *y, const float *x, int n) {
    int whole = n & ~15, rest = n & 15;
    for (int i = 0; i < whole; i += 16) v_store(y + i, v_gelu(v_load(x + i)));
    if (rest) v_store_part(y + whole, v_gelu(v_load_part(x + whole, rest, 0.0f)), rest);
}

/* Two passes: how great, then where.  Where NaN hides the greatest, index 0. */
TARGET int NAME(max_f32)(const float *x, int n) {
    v16 top[4];
    for (int j = 0; j < 4; j++) top[j] = v_set(-INFINITY);
    int whole = n & ~15, i = 0;
    for (; i + 64 <= n; i += 64)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) top[j] = v_max(top[j], v_load(x + i + 16 * j));
    for (; i < n; i += 16) top[0] = v_max(top[0], i < whole ? v_load(x + i) : v_load_part(x + i, n - i, -INFINITY));
    v16 greatest = v_set(v_top(v_max(v_max(top[0], top[1]), v_max(top[2], top[3]))));
    for (i = 0; i < n; i += 16) {
        v16 value = i < whole ? v_load(x + i) : v_load_part(x + i, n - i, NAN);
        unsigned equal = v_equal(value, greatest);
        if (equal) return i + __builtin_ctz(equal);
    }
    return 0;
}

/* Blocks of 256 go to a double: sixteen lanes that add thousands of terms of one size would lose digits. */
TARGET float NAME(sum_exp_f32)(const float *x, int n, float shift) {
    double sum = 0;
    v16 s = v_set(shift);
    for (int block = 0; block < n; block += 256) {
        int end = n - block < 256 ? n : block + 256, i = block;
        v16 part = v_zero();
        for (; i + 16 <= end; i += 16) part = v_add(part, v_exp(v_sub(v_load(x + i), s)));
        if (i < end) part = v_add(part, v_keep_part(v_exp(v_sub(v_load_part(x + i, end - i, 0.0f), s)), end - i));
        sum += v_sum(part);
    }
    return (float)sum;
}

INLINE v16 dot_load(const void *w, int at, int is_half) {
    return is_half ? v_load_half((const uint16_t *)w + at) : v_load((const float *)w + at);
}

INLINE float dot(const float *x, const void *w, int n, int is_half) {
    v16 sum[2] = { v_zero(), v_zero() };
    int i = 0;
    for (; i + 32 <= n; i += 32)
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++) sum[j] = v_fma(v_load(x + i + 16 * j), dot_load(w, i + 16 * j, is_half), sum[j]);
    float total = v_sum(v_add(sum[0], sum[1]));
    for (; i < n; i++)
        total = fmaf(x[i], is_half ? am_half_to_float(((const uint16_t *)w)[i]) : ((const float *)w)[i], total);
    return total;
}

TARGET float NAME(dot_f32f32)(const float *x, const void *w, int n) {
    return dot(x, w, n, 0);
}

TARGET float NAME(dot_f32f16)(const float *x, const void *w, int n) {
    return dot(x, w, n, 1);
}
