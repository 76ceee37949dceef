/* INT8 matrix product with smmla, which adds the products of two rows of x and two outputs over eight inputs to four
 * sums: 6 x 16 tiles, 24 registers of sums.
 *
 * smmla wants eight inputs of two outputs in a register where a panel has four inputs of four, so each panel is laid out
 * anew in the scratch memory before all rows meet it.  A few rows do not pay for that: they go to dotprod, which every
 * processor with i8mm has.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/arm/gemm_s8_tiles.h"

/* GCC has the intrinsic for armv8.2-a and later only, so the extension alone is not enough.  Clang before 16 has it only
 * where the whole file is compiled for it, which src/CMakeLists.txt sees to. */
#ifdef __ARM_FEATURE_MATMUL_INT8
#define I8MM
#else
#define I8MM __attribute__((target("arch=armv8.2-a+i8mm")))
#endif

enum { MAX_ROWS = 6, FEW_ROWS = 6 };

/* A panel as [ceil(k/8)][8][2][8]: steps of eight inputs, pairs of outputs, two outputs, eight inputs; zeros past k. */
static void lay_out(int8_t *dst, const int8_t *w, int k) {
    for (int left = k; left > 0; left -= 8, w += 128, dst += 128)
        for (int j = 0; j < 4; j++) {
            int32x4_t first = vreinterpretq_s32_s8(vld1q_s8(w + 16 * j)), second = vdupq_n_s32(0);
            if (left > 4) second = vreinterpretq_s32_s8(vld1q_s8(w + 64 + 16 * j));
            vst1q_s8(dst + 32 * j, vreinterpretq_s8_s32(vzip1q_s32(first, second)));
            vst1q_s8(dst + 32 * j + 16, vreinterpretq_s8_s32(vzip2q_s32(first, second)));
        }
}

/* Four inputs, then zeros. */
INLINE int8x8_t load_half_step(const int8_t *x) {
    int8_t step[8] = { 0 };
    memcpy(step, x, 4);
    return vld1_s8(step);
}

/* Sums of four outputs, of the even or the odd row, out of those of two pairs of outputs. */
INLINE int32x4_t even_row(int32x4_t p, int32x4_t q) {
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(p), vreinterpretq_s64_s32(q)));
}
INLINE int32x4_t odd_row(int32x4_t p, int32x4_t q) {
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(p), vreinterpretq_s64_s32(q)));
}

/* One step of `pairs` pairs of rows. */
I8MM static inline __attribute__((always_inline)) void step(int32x4_t sum[MAX_ROWS / 2][8], const int8x16_t *x,
                                                            const int8_t *w, int pairs) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        int8x16_t wk = vld1q_s8(w + 16 * j);
#pragma GCC unroll 3
        for (int p = 0; p < pairs; p++) sum[p][j] = vmmlaq_s32(sum[p][j], x[p], wk);
    }
}

/* rows is a constant of the instances below, so every loop over it unrolls.  The last of an odd number is its own
 * partner, and what that gives is dropped. */
I8MM static inline __attribute__((always_inline)) void tile(const am_gemm_s8_args *a, const int8_t *w, int row,
                                                            int column, int rows) {
    int pairs = (rows + 1) / 2, k4 = AM_ROUND_UP(a->k, 4), k = 0;
    int32x4_t sum[MAX_ROWS / 2][8];
    int8x16_t xk[MAX_ROWS / 2];
    const int8_t *even[MAX_ROWS / 2], *odd[MAX_ROWS / 2];
#pragma GCC unroll 3
    for (int p = 0; p < pairs; p++) {
        even[p] = a->x + (row + 2 * p) * a->ldx;
        odd[p] = 2 * p + 1 < rows ? even[p] + a->ldx : even[p];
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) sum[p][j] = vdupq_n_s32(0);
    }

    for (; k + 8 <= k4; k += 8, w += 8 * AM_S8_NR) {
#pragma GCC unroll 3
        for (int p = 0; p < pairs; p++) xk[p] = vcombine_s8(vld1_s8(even[p] + k), vld1_s8(odd[p] + k));
        step(sum, xk, w, pairs);
    }
    if (k < k4) {
#pragma GCC unroll 3
        for (int p = 0; p < pairs; p++) xk[p] = vcombine_s8(load_half_step(even[p] + k), load_half_step(odd[p] + k));
        step(sum, xk, w, pairs);
    }

#pragma GCC unroll 3
    for (int p = 0; p < pairs; p++) {
        int32x4_t *s = sum[p];
        s8_finish(a, row + 2 * p, column, even_row(s[0], s[1]), even_row(s[2], s[3]), even_row(s[4], s[5]),
                  even_row(s[6], s[7]));
        if (2 * p + 1 < rows)
            s8_finish(a, row + 2 * p + 1, column, odd_row(s[0], s[1]), odd_row(s[2], s[3]), odd_row(s[4], s[5]),
                      odd_row(s[6], s[7]));
    }
}

I8MM static void tile_1(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 1);
}
I8MM static void tile_2(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 2);
}
I8MM static void tile_3(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 3);
}
I8MM static void tile_4(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 4);
}
I8MM static void tile_5(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 5);
}
I8MM static void tile_6(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 6);
}
static s8_tile_fn *const tiles[MAX_ROWS] = { tile_1, tile_2, tile_3, tile_4, tile_5, tile_6 };

void am_gemm_s8s8_i8mm(const am_gemm_s8_args *a) {
    if (a->m <= FEW_ROWS) {
        am_gemm_s8s8_dotprod(a);
        return;
    }
    int8_t *panel = a->scratch;
    const int8_t *w = a->w;
    for (int column = 0; column < a->n; column += AM_S8_NR, w += a->panel_stride) {
        lay_out(panel, w, a->k);
        s8_panel(a, panel, column, tiles, MAX_ROWS);
    }
}
