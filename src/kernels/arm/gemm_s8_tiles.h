/* What the INT8 products of NEON, dotprod and i8mm share: the walk over panels and rows, and the epilogue.
 * A tile is `rows` rows of x against one panel of sixteen outputs; each file has one instance for each number of rows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_GEMM_S8_TILES_H
#define AM_KERNELS_GEMM_S8_TILES_H

#include "kernels/arm/kernels_arm.h"
#include "kernels/arm/vec16_neon.h"

#include "kernels/math_template.h"

/* The tile at (row, column); w is its panel. */
typedef void s8_tile_fn(const am_gemm_s8_args *a, const int8_t *w, int row, int column);

/* All rows against one panel, tiles[rows - 1] being the instance for `rows`. */
static inline void s8_panel(const am_gemm_s8_args *a, const int8_t *w, int column, s8_tile_fn *const *tiles,
                            int max_rows) {
    for (int row = 0; row < a->m; row += max_rows) {
        int rows = a->m - row < max_rows ? a->m - row : max_rows;
        tiles[rows - 1](a, w, row, column);
    }
}

/* Each panel meets all rows while it is in cache. */
static inline void s8_panels(const am_gemm_s8_args *a, s8_tile_fn *const *tiles, int max_rows) {
    const int8_t *w = a->w;
    for (int column = 0; column < a->n; column += AM_S8_NR, w += a->panel_stride)
        s8_panel(a, w, column, tiles, max_rows);
}

/* Four bytes of a row of x, in every word. */
INLINE int8x16_t s8_word(const int8_t *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

/* Scales, bias, GELU, residual and the store of sixteen sums; only n - column of them exist.  One function for all
 * tiles: the sums travel in registers, and what the call costs is little against k. */
__attribute__((noinline)) static void s8_finish(const am_gemm_s8_args *a, int row, int column, int32x4_t s0,
                                                int32x4_t s1, int32x4_t s2, int32x4_t s3) {
    int count = a->n - column;
    float *y = a->y + row * a->ldy + column;
    const float *residual = a->residual ? a->residual + row * a->ldr + column : 0;
    v16 sum = i_to_float((v16i){ s0, s1, s2, s3 });
    v16 scale = v_mul(v_set(a->x_scale[row]), v_load(a->w_scale + column)), bias = v_zero();
    if (a->bias) bias = count >= 16 ? v_load(a->bias + column) : v_load_part(a->bias + column, count, 0.0f);
    v16 value = v_fma(sum, scale, bias);
    if (a->gelu) value = v_gelu(value);
    if (count >= 16) {
        if (residual) value = v_add(value, v_load(residual));
        v_store(y, value);
    } else {
        if (residual) value = v_add(value, v_load_part(residual, count, 0.0f));
        v_store_part(y, value, count);
    }
}

#endif
