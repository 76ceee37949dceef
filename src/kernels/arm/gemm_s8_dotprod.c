/* INT8 matrix product with sdot, which adds four products of bytes to each 32-bit sum: 6 x 16 tiles, 24 sums of the 32
 * registers.  A register of x holds four steps of four inputs; sdot takes the step from a lane.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/arm/gemm_s8_tiles.h"

/* GCC has the intrinsic for armv8.2-a and later only, so the extension alone is not enough.  Clang before 16 has it only
 * where the whole file is compiled for it, which src/CMakeLists.txt sees to. */
#ifdef __ARM_FEATURE_DOTPROD
#define DOTPROD
#else
#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

enum { MAX_ROWS = 6 };

/* One line of weights, four inputs of sixteen outputs, against lane `step` of each row's register. */
#define LINE(step)                                                                                                     \
    _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {                                                              \
        int8x16_t wk = vld1q_s8(w + 64 * (step) + 16 * j);                                                             \
        _Pragma("GCC unroll 6") for (int i = 0; i < rows; i++) sum[i][j] =                                             \
            vdotq_laneq_s32(sum[i][j], wk, xk[i], step);                                                               \
    }

/* rows is a constant of the instances below, so every loop over it unrolls. */
DOTPROD static inline __attribute__((always_inline)) void tile(const am_gemm_s8_args *a, const int8_t *w, int row,
                                                               int column, int rows) {
    const int8_t *x = a->x + row * a->ldx;
    int32x4_t sum[MAX_ROWS][4];
    int8x16_t xk[MAX_ROWS];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) sum[i][j] = vdupq_n_s32(0);

    int k = 0;
    for (; k + 12 < a->k; k += 16, w += 4 * 64) {
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) xk[i] = vld1q_s8(x + i * a->ldx + k);
        LINE(0)
        LINE(1)
        LINE(2)
        LINE(3)
    }
    for (; k < a->k; k += 4, w += 64) {
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) xk[i] = s8_word(x + i * a->ldx + k);
        LINE(0)
    }

#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) s8_finish(a, row + i, column, sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
}

DOTPROD static void tile_1(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 1);
}
DOTPROD static void tile_2(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 2);
}
DOTPROD static void tile_3(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 3);
}
DOTPROD static void tile_4(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 4);
}
DOTPROD static void tile_5(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 5);
}
DOTPROD static void tile_6(const am_gemm_s8_args *a, const int8_t *w, int row, int column) {
    tile(a, w, row, column, 6);
}
static s8_tile_fn *const tiles[MAX_ROWS] = { tile_1, tile_2, tile_3, tile_4, tile_5, tile_6 };

void am_gemm_s8s8_dotprod(const am_gemm_s8_args *a) {
    s8_panels(a, tiles, MAX_ROWS);
}
