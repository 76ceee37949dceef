/* INT8 matrix product for every 64-bit ARM: 3 x 16 tiles, 24 sums of the 32 registers.
 *
 * A product of bytes is at most 16384 and fits 16 bits; the sum of two does not when all four are -128.  So products are
 * never added in 16 bits: each pair goes into its 32-bit sum at once (smull, sadalp), exact for all bytes.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/arm/gemm_s8_tiles.h"

enum { MAX_ROWS = 3 };

/* rows is a constant of the instances below, so every loop over it unrolls.  A register of w holds four outputs with
 * four inputs each, so each output has two partial sums that lie next to each other. */
INLINE void tile(const am_gemm_s8_args *a, const int8_t *w, int row, int column, int rows) {
    const int8_t *x = a->x + row * a->ldx;
    int32x4_t low[MAX_ROWS][4], high[MAX_ROWS][4];
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) low[i][j] = high[i][j] = vdupq_n_s32(0);

    for (int k = 0; k < a->k; k += 4, x += 4, w += 4 * AM_S8_NR) {
        int8x16_t xk[MAX_ROWS];
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) xk[i] = s8_word(x + i * a->ldx);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            int8x16_t wk = vld1q_s8(w + 16 * j);
#pragma GCC unroll 4
            for (int i = 0; i < rows; i++) {
                low[i][j] = vpadalq_s16(low[i][j], vmull_s8(vget_low_s8(xk[i]), vget_low_s8(wk)));
                high[i][j] = vpadalq_s16(high[i][j], vmull_high_s8(xk[i], wk));
            }
        }
    }

#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
        s8_finish(a, row + i, column, vpaddq_s32(low[i][0], high[i][0]), vpaddq_s32(low[i][1], high[i][1]),
                  vpaddq_s32(low[i][2], high[i][2]), vpaddq_s32(low[i][3], high[i][3]));
}

static void tile_1(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 1);
}
static void tile_2(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 2);
}
static void tile_3(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 3);
}
static s8_tile_fn *const tiles[MAX_ROWS] = { tile_1, tile_2, tile_3 };

void am_gemm_s8s8_neon(const am_gemm_s8_args *a) {
    s8_panels(a, tiles, MAX_ROWS);
}
