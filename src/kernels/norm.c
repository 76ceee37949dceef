/* Row-wise operations in plain C: softmax, LayerNorm, GELU, reductions.  Contracts: kernels.h.
 * Sums run in double: as the reference this must not be the one that is off.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/kernels_c.h"

#include <math.h>

#include "base/half.h"

void am_softmax_f32_c(float *x, ptrdiff_t ldx, int m, int n, float scale) {
    for (int row = 0; row < m; row++, x += ldx) {
        float top = x[0];
        for (int i = 1; i < n; i++)
            if (x[i] > top) top = x[i];
        double sum = 0;
        for (int i = 0; i < n; i++) {
            x[i] = expf(scale * (x[i] - top));
            sum += x[i];
        }
        for (int i = 0; i < n; i++) x[i] = (float)(x[i] / sum);
    }
}

void am_layernorm_f32_c(float *y, const float *x, const float *gamma, const float *beta, int m, int n) {
    for (int row = 0; row < m; row++, x += n, y += n) {
        double mean = 0, var = 0;
        for (int i = 0; i < n; i++) mean += x[i];
        mean /= n;
        for (int i = 0; i < n; i++) var += (x[i] - mean) * (x[i] - mean);
        double inv = 1 / sqrt(var / n + 1e-5);
        for (int i = 0; i < n; i++) y[i] = (float)((x[i] - mean) * inv) * gamma[i] + beta[i];
    }
}

void am_gelu_f32_c(float *y, const float *x, int n) {
    for (int i = 0; i < n; i++) y[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
}

int am_max_f32_c(const float *x, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

float am_sum_exp_f32_c(const float *x, int n, float shift) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += exp((double)x[i] - shift);
    return (float)sum;
}

float am_dot_f32f32_c(const float *x, const void *w, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)x[i] * ((const float *)w)[i];
    return (float)sum;
}

float am_dot_f32f16_c(const float *x, const void *w, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)x[i] * am_half_to_float(((const uint16_t *)w)[i]);
    return (float)sum;
}
