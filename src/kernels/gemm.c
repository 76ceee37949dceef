/* Matrix product with packed weights: packers and the C reference.  Contract: kernels.h.
 *
 * SPDX-License-Identifier: MIT */
#include "base/half.h"
#include "kernels/kernels_c.h"

void am_gemm_pack_f32(float *dst, const float *w, ptrdiff_t ldw, int n, int k, int nr) {
    for (int n0 = 0; n0 < n; n0 += nr)
        for (int i = 0; i < k; i++)
            for (int j = 0; j < nr; j++) *dst++ = n0 + j < n ? w[(n0 + j) * ldw + i] : 0.0f;
}

void am_gemm_pack_f16(uint16_t *dst, const float *w, ptrdiff_t ldw, int n, int k, int nr) {
    for (int n0 = 0; n0 < n; n0 += nr)
        for (int i = 0; i < k; i++)
            for (int j = 0; j < nr; j++) *dst++ = n0 + j < n ? am_half_from_float(w[(n0 + j) * ldw + i]) : 0;
}

#define NR 8

/* One output before its epilogue: column `lane` of a panel. */
static float dot_f32(const float *x, const float *panel, int lane, int k) {
    float acc = 0.0f;
    for (int i = 0; i < k; i++) acc += x[i] * panel[i * NR + lane];
    return acc;
}

static float dot_f16(const float *x, const uint16_t *panel, int lane, int k) {
    float acc = 0.0f;
    for (int i = 0; i < k; i++) acc += x[i] * am_half_to_float(panel[i * NR + lane]);
    return acc;
}

static void finish(const am_gemm_args *a, int row, int column, float value) {
    if (a->bias) value += a->bias[column];
    if (a->gelu) am_gelu_f32_c(&value, &value, 1);
    if (a->residual) value += a->residual[row * a->ldr + column];
    a->y[row * a->ldy + column] = value;
}

void am_gemm_f32f32_c(const am_gemm_args *a) {
    for (int column = 0; column < a->n; column++) {
        const float *panel = (const float *)a->w + column / NR * a->panel_stride;
        for (int row = 0; row < a->m; row++)
            finish(a, row, column, dot_f32(a->x + row * a->ldx, panel, column % NR, a->k));
    }
}

void am_gemm_f32f16_c(const am_gemm_args *a) {
    for (int column = 0; column < a->n; column++) {
        const uint16_t *panel = (const uint16_t *)a->w + column / NR * a->panel_stride;
        for (int row = 0; row < a->m; row++)
            finish(a, row, column, dot_f16(a->x + row * a->ldx, panel, column % NR, a->k));
    }
}
