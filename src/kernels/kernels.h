/* Contracts of all kernels: what each computes, in which layout, how exactly.  A kernel sees pointers and numbers, never
 * a file, a model or a thread.  am_kernels_init() fills the table for a set of CPU flags; `_c` is always there, always
 * built and never clever: it is the reference the others are tested against.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_KERNELS_H
#define AM_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* ---- gemm_f32f32, gemm_f32f16 -------------------------------------------------------------------------------
 *
 * y[m,n] = act(sum_k x[m,k] * w[n,k] + bias[n]) + residual[m,n], act being the identity or GELU.
 *
 * Weights are packed into panels of `nr` output channels; inside a panel the order is [k][nr], so a step of k reads nr
 * neighbours.  Panels follow each other at panel_stride elements (k * nr when dense).  Channels past n in the last panel
 * are zero in memory (the packer's duty) and are never written to y.
 * The f16 form differs only in the stored type: it is widened exactly, then the same arithmetic runs.
 *
 * Order: every output is one chain acc = fma(x[k], w[k], acc) for k = 0, 1, ..., from 0, whatever m, n and the tile
 * are.  Hence a row gives the same bits alone and in any batch, and avx2 and avx512 agree bit for bit.
 * Tolerance of `_c` (which may round twice per step): AM_TOL_GEMM_F32 * sum_k |x w|, relative to f64.
 *
 * Alignment: w 64 bytes; others none.  Over-read: none beyond packed panels.  y may equal residual, not x.
 * scratch: k * nr floats, 64-aligned, contents free; only the f16 form uses it.  f32 may pass NULL. */
typedef struct am_gemm_args {
    float *y;              /* [m, n], row stride ldy */
    const float *x;        /* [m, k], row stride ldx (smaller than k is fine: overlapping rows of a convolution) */
    const void *w;         /* packed panels */
    const float *bias;     /* [n] or NULL */
    const float *residual; /* [m, n], row stride ldr, or NULL */
    void *scratch;
    ptrdiff_t ldx, ldy, ldr, panel_stride;
    int m, n, k;
    int gelu;
} am_gemm_args;
typedef void am_gemm_fn(const am_gemm_args *a);
#define AM_TOL_GEMM_F32 1e-6f

typedef struct am_gemm_desc {
    am_gemm_fn *f32; /* w is float */
    am_gemm_fn *f16; /* w is IEEE half, as uint16_t */
    int nr;          /* channels per panel */
    int m_block;     /* rows a call handles best: callers cut larger m into pieces of this */
} am_gemm_desc;

/* Pack rows of w [n, k] (row stride ldw) into panels; channels past n up to the next multiple of nr become zero.
 * am_gemm_pack_f16 rounds to nearest even (the caller knows that nothing is lost). */
void am_gemm_pack_f32(float *dst, const float *w, ptrdiff_t ldw, int n, int k, int nr);
void am_gemm_pack_f16(uint16_t *dst, const float *w, ptrdiff_t ldw, int n, int k, int nr);

/* ---- softmax_f32 --------------------------------------------------------------------------------------------
 *
 * In place on each row: x[m,n] = exp(scale * (x - max x)) / sum.  n >= 1.  Rows are independent.
 * Tolerance against f64: AM_TOL_SOFTMAX_F32 relative to each output, plus the same absolutely. */
typedef void am_softmax_f32_fn(float *x, ptrdiff_t ldx, int m, int n, float scale);
#define AM_TOL_SOFTMAX_F32 2e-6f

/* ---- layernorm_f32 ------------------------------------------------------------------------------------------
 *
 * y[m,n] = (x - mean) / sqrt(var + 1e-5) * gamma[n] + beta[n], mean and variance (divisor n) of each row.
 * y may equal x.  Tolerance against f64: AM_TOL_LAYERNORM_F32 * (|gamma| * |y'| + |beta| + 1). */
typedef void am_layernorm_f32_fn(float *y, const float *x, const float *gamma, const float *beta, int m, int n);
#define AM_TOL_LAYERNORM_F32 4e-6f

/* ---- gelu_f32 -----------------------------------------------------------------------------------------------
 *
 * y[n] = x/2 * (1 + erf(x / sqrt 2)): the exact GELU Whisper was trained with, not the tanh form.  y may equal x.
 * Tolerance against f64: AM_TOL_GELU_F32 absolutely plus 4 ulp. */
typedef void am_gelu_f32_fn(float *y, const float *x, int n);
#define AM_TOL_GELU_F32 4e-7f

typedef struct am_kernels {
    am_gemm_desc gemm;
    am_softmax_f32_fn *softmax_f32;
    am_layernorm_f32_fn *layernorm_f32;
    am_gelu_f32_fn *gelu_f32;
} am_kernels;

/* Flags are those of base/cpu.h. */
void am_kernels_init(am_kernels *k, unsigned cpu_flags);

#endif
