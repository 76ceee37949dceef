/* INT8: quantization of rows, the exact matrix product and its packer, the C reference.  Contracts: kernels.h.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/kernels_c.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static int rounded_up_to_4(int k) {
    return (k + 3) / 4 * 4;
}

static float largest_magnitude(const float *x, int n) {
    uint32_t top = 0; /* bit patterns of magnitudes rise with them, infinity and NaN on top */
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        bits &= 0x7fffffff;
        if (bits > top) top = bits;
    }
    float magnitude;
    memcpy(&magnitude, &top, 4);
    return magnitude;
}

void am_quantize_s8_c(int8_t *q, ptrdiff_t ldq, float *scale, const float *x, ptrdiff_t ldx, int m, int n, int flip) {
    for (int row = 0; row < m; row++, q += ldq, x += ldx) {
        float top = largest_magnitude(x, n), to_q = 127.0f / top;
        bool is_usable = to_q > 0 && isfinite(to_q);
        scale[row] = top / 127.0f;
        for (int i = 0; i < n; i++) {
            float value = is_usable ? rintf(x[i] * to_q) : 0;
            q[i] = (int8_t)((int)value ^ flip);
        }
        for (int i = n; i < rounded_up_to_4(n); i++) q[i] = (int8_t)flip;
    }
}

/* Byte of input i of output `lane` in its panel. */
static size_t at(int i, int lane) {
    return (size_t)(i / 4) * AM_S8_NR * 4 + (size_t)lane * 4 + i % 4;
}

void am_gemm_pack_s8(int8_t *dst, int32_t *w_sum, const int8_t *q, ptrdiff_t ldq, int n, int k) {
    int k4 = rounded_up_to_4(k);
    for (int n0 = 0; n0 < n; n0 += AM_S8_NR, dst += (ptrdiff_t)k4 * AM_S8_NR)
        for (int lane = 0; lane < AM_S8_NR; lane++) {
            bool is_there = n0 + lane < n;
            int32_t sum = 0;
            for (int i = 0; i < k4; i++) {
                int8_t value = is_there && i < k ? q[(n0 + lane) * ldq + i] : 0;
                dst[at(i, lane)] = value;
                sum += value;
            }
            w_sum[n0 + lane] = sum;
        }
}

void am_gemm_s8s8_c(const am_gemm_s8_args *a) {
    for (int row = 0; row < a->m; row++)
        for (int column = 0; column < a->n; column++) {
            const int8_t *x = a->x + row * a->ldx, *w = a->w + column / AM_S8_NR * a->panel_stride;
            int32_t acc = 0;
            for (int i = 0; i < rounded_up_to_4(a->k); i++)
                acc += (int8_t)(x[i] ^ a->flip) * w[at(i, column % AM_S8_NR)];
            float value = fmaf((float)acc, a->x_scale[row] * a->w_scale[column], a->bias ? a->bias[column] : 0.0f);
            if (a->gelu) am_gelu_f32_c(&value, &value, 1);
            if (a->residual) value += a->residual[row * a->ldr + column];
            a->y[row * a->ldy + column] = value;
        }
}
