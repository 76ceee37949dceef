/* Contracts of all kernels: what each computes, in which layout, how exactly.  A kernel sees pointers and numbers, never
 * a file, a model or a thread.  am_kernels_init() fills the table for a set of CPU flags; `_c` is always there, always
 * built and never clever: it is the reference the others are tested against.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_KERNELS_H
#define AM_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

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

/* ---- quantize_s8 --------------------------------------------------------------------------------------------
 *
 * Each row of x[m,n] becomes bytes with one scale: scale[m] = max|x| / 127, q = x * (127 / max|x|) rounded to nearest
 * even, so |q| <= 127; a row of zeros has scale 0.  A row that holds a NaN or an infinity gets a scale that is NaN or
 * infinite, so the fault is seen in what is computed from it.  Where 127 / max|x| is no finite number above 0 (zeros,
 * max|x| below 4e-37, faults) all q are 0.
 * Each byte is stored as q ^ flip (see gemm_s8s8); bytes n .. AM_ROUND_UP(n, 4) - 1 of a row are 0 ^ flip.
 * Bit-exact in every variant: max over the absolute bit patterns, one division, one multiplication, one rounding. */
typedef void am_quantize_s8_fn(int8_t *q, ptrdiff_t ldq, float *scale, const float *x, ptrdiff_t ldx, int m, int n,
                               int flip);

/* ---- gemm_s8s8 ----------------------------------------------------------------------------------------------
 *
 * acc[m,n] = sum_k x[m,k] * w[n,k], s8 x s8 -> s32, exact: no saturation on any path.
 * y[m,n] = act(fma(acc, x_scale[m] * w_scale[n], bias[n])) + residual[m,n], act being the identity or GELU; acc is
 * rounded to f32 first, bias counts as 0 where NULL.
 *
 * Weights: one layout for every instruction set, so that a file can be used where it lies.  Panels of AM_S8_NR outputs,
 * inside a panel [ceil(k/4)][AM_S8_NR][4]: 64 bytes are four inputs of sixteen outputs.  Panels follow each other at
 * panel_stride bytes.  w_scale and w_sum have AM_ROUND_UP(n, AM_S8_NR) elements; w_sum[n] = sum_k w[n,k].
 *
 * x: bytes q ^ a->flip.  A variant that multiplies unsigned by signed bytes (desc.flip 0x80) wants q + 128 and takes
 * 128 * w_sum off again; others (desc.flip 0) want q.  Callers pass desc.flip to quantize_s8 and in a->flip.  Where all
 * q are in 0..127 the two forms are the same number: then a->flip may be 0 for every variant, and w_sum NULL.
 * From k to the next multiple of 4 one of the two sides must be 0 (w by its packer; x where flip is 0); the other may
 * hold anything.  Both are read up to there, no further.
 *
 * Order: integers have none; the epilogue is per element.  A row gives the same bits alone and in any batch, and all
 * variants agree bit for bit, but for GELU: AM_TOL_GELU_F32 absolutely plus 4 ulp.
 * |acc| < 2^31 is the caller's duty: k <= 65536.
 * Alignment: w 64 bytes; others none.  y may equal residual.
 * scratch: AM_GEMM_S8_SCRATCH(k) bytes, 64-aligned, contents free. */
#define AM_S8_NR 16
#define AM_GEMM_S8_SCRATCH(k) ((size_t)AM_ROUND_UP((k), 64) * 192)
typedef struct am_gemm_s8_args {
    float *y;        /* [m, n], row stride ldy */
    const int8_t *x; /* [m, k], row stride ldx bytes */
    const float *x_scale;
    const int8_t *w; /* panels */
    const float *w_scale;
    const int32_t *w_sum;
    const float *bias;     /* [n] or NULL */
    const float *residual; /* [m, n], row stride ldr, or NULL */
    void *scratch;
    ptrdiff_t ldx, ldy, ldr, panel_stride;
    int m, n, k;
    int flip;
    int gelu;
} am_gemm_s8_args;
typedef void am_gemm_s8_fn(const am_gemm_s8_args *a);

typedef struct am_gemm_s8_desc {
    am_gemm_s8_fn *fn;
    int flip;    /* 0 or 0x80: the form of x it wants */
    int m_block; /* rows a call handles best: callers cut larger m into pieces of about this */
} am_gemm_s8_desc;

/* Pack q [n, k] (row stride ldq) into panels and fill w_sum; outputs past n and inputs past k become 0. */
void am_gemm_pack_s8(int8_t *dst, int32_t *w_sum, const int8_t *q, ptrdiff_t ldq, int n, int k);

/* ---- softmax_s8 ---------------------------------------------------------------------------------------------
 *
 * Softmax rows as weights for a sum over quantized values.  From scores x[m,n] and the scale of each value:
 *     p[t] = exp(scale * (x[t] - max x)),  r[t] = p[t] * v_scale[t],  c = max r / 16383,
 *     r / c rounded to nearest even = 128 * high + low, both in 0..127.
 * q has 2m rows (row stride ldq): high digits of row i in row 2i, low digits in 2i + 1; from n to AM_ROUND_UP(n, 4) zero.
 * factor[2i] = 128 * c / sum p, factor[2i + 1] = c / sum p.  With qv the values' bytes,
 *     sum_t softmax(x)[t] * v_scale[t] * qv[t] = factor[2i] * sum_t high * qv + factor[2i + 1] * sum_t low * qv:
 * two rows of gemm_s8s8, with 14 bits of every probability.  x is overwritten.  n >= 1.  Rows are independent.
 * All v_scale 0: digits 0 and factors 0.  x with a NaN, a plus infinity or nothing above minus infinity, or v_scale with
 * a NaN or an infinity: digits 0 and factors NaN, so the fault is seen.  Otherwise v_scale >= 0.
 * Tolerance against f64: each digit pair off by at most 1 + 16383 * AM_TOL_SOFTMAX_F32, factors relatively by
 * AM_TOL_SOFTMAX_F32 * 2. */
typedef void am_softmax_s8_fn(int8_t *q, ptrdiff_t ldq, float *factor, float *x, ptrdiff_t ldx, const float *v_scale,
                              int m, int n, float scale);

/* ---- attention_s8 -------------------------------------------------------------------------------------------
 *
 * out[m, head_dim] = softmax(scale * q K^T) V for m queries of one head over n positions: one pass, nothing of size
 * n x n.  Written once over gemm_s8s8 and softmax_s8 of the table it is given.
 *
 * q: bytes q ^ gemm_s8.flip with q_scale[m].  Keys: gemm panels with positions as outputs,
 * [ceil(n/16)][ceil(head_dim/4)][16][4], with k_scale and k_sum of each position.  Values: gemm panels with positions
 * summed over, [ceil(head_dim/16)][v_capacity/4][16][4], v_capacity a multiple of 4 and >= n, with v_scale of each
 * position; what lies at positions >= n is never used.
 * scratch: am_attention_s8_scratch(m, n, head_dim) bytes, 64-aligned. */
typedef struct am_attention_s8_args {
    float *out; /* [m, head_dim], row stride ldo */
    const int8_t *q;
    const float *q_scale;
    const int8_t *k;
    const float *k_scale;
    const int32_t *k_sum;
    const int8_t *v;
    const float *v_scale;
    void *scratch;
    ptrdiff_t ldo, ldq;
    int m, n, head_dim, v_capacity;
    float scale;
} am_attention_s8_args;

/* Put positions t .. t+m-1 of one head into the panels above: rows of keys or values, head_dim bytes each, as
 * quantize_s8 gives them with flip 0, row stride ld.  Nothing else is touched, so positions may be appended one by one;
 * whole panels (t and m multiples of 16) are many times faster. */
typedef struct am_s8_rows {
    const int8_t *data;
    ptrdiff_t ld;
    int t, m, head_dim;
} am_s8_rows;
void am_keys_put_s8(int8_t *k, int32_t *k_sum, const am_s8_rows *rows);
void am_values_put_s8(int8_t *v, int v_capacity, const am_s8_rows *rows);

/* ---- reductions ---------------------------------------------------------------------------------------------
 *
 * max_f32: index of the greatest of x[n], the first of equals; n >= 1; not defined for NaN (but an index).
 * sum_exp_f32: sum of exp(x - shift).  Terms below exp(-87) count as at most that; minus infinity counts as 0.
 * Tolerance against f64: AM_TOL_SUM_EXP_F32 relative, plus n * 1e-37. */
typedef int am_max_f32_fn(const float *x, int n);
typedef float am_sum_exp_f32_fn(const float *x, int n, float shift);
#define AM_TOL_SUM_EXP_F32 2e-6f

/* ---- dot_f32f32, dot_f32f16 ---------------------------------------------------------------------------------
 *
 * sum_k x[k] * w[k]; w is float, or half as uint16_t, widened exactly.  Two accumulators of sixteen lanes, so all widths
 * of registers give the same bits.  Tolerance against f64: AM_TOL_GEMM_F32 * sum_k |x w|. */
typedef float am_dot_fn(const float *x, const void *w, int n);

typedef struct am_kernels {
    am_gemm_desc gemm;
    am_gemm_s8_desc gemm_s8;
    am_quantize_s8_fn *quantize_s8;
    am_softmax_f32_fn *softmax_f32;
    am_softmax_s8_fn *softmax_s8;
    am_layernorm_f32_fn *layernorm_f32;
    am_gelu_f32_fn *gelu_f32;
    am_max_f32_fn *max_f32;
    am_sum_exp_f32_fn *sum_exp_f32;
    am_dot_fn *dot_f32f32, *dot_f32f16;
} am_kernels;

size_t am_attention_s8_scratch(int m, int n, int head_dim);
void am_attention_s8(const am_kernels *k, const am_attention_s8_args *a);

/* Flags are those of base/cpu.h. */
void am_kernels_init(am_kernels *k, unsigned cpu_flags);

#endif
