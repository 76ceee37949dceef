/* Matrix product over v16.  Included once per instruction set with these defined before:
 *   NAME(op)       symbol for an operation
 *   PANEL_VECS     v16 vectors in a panel row (nr / 16)
 *   MAX_ROWS       rows of the largest register tile
 *   PANELS_1 .. PANELS_6   panels that a tile of 1 .. 6 rows takes at once; more rows take one
 *   VECS_MAX       most vectors a row of any tile spans
 *   FINISH         how the epilogue is defined, where not INLINE
 *
 * A tile of `rows` x `panels` keeps its sums in registers over the whole of k and reads x by broadcast.  Few rows take
 * several panels at once, because a fused multiply-add takes 4 cycles and one or two chains would wait for it.
 * Rows of x should not lie a large power of two apart (they would share cache sets): callers pad.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/math_template.h"

#define PANEL_WIDTH (PANEL_VECS * 16)
#ifndef FINISH
#define FINISH INLINE
#endif

/* bias, GELU, residual and the store of sixteen sums; only `count` columns exist. */
FINISH void gemm_finish(const am_gemm_args *a, int row, int column, v16 sum, int count) {
    float *y = a->y + row * a->ldy + column;
    const float *residual = a->residual ? a->residual + row * a->ldr + column : 0;
    if (count >= 16) {
        if (a->bias) sum = v_add(sum, v_load(a->bias + column));
        if (a->gelu) sum = v_gelu(sum);
        if (residual) sum = v_add(sum, v_load(residual));
        v_store(y, sum);
    } else if (count > 0) {
        if (a->bias) sum = v_add(sum, v_load_part(a->bias + column, count, 0.0f));
        if (a->gelu) sum = v_gelu(sum);
        if (residual) sum = v_add(sum, v_load_part(residual, count, 0.0f));
        v_store_part(y, sum, count);
    }
}

/* The tile at (row, column); w is its first panel, of f32 or (half) f16.  rows, panels and half are constants of the
 * instances below, so every loop over them unrolls and `sum` lives in registers. */
INLINE void gemm_tile(const am_gemm_args *a, const void *w, int row, int column, int rows, int panels, int half) {
    const float *x = a->x + row * a->ldx;
    ptrdiff_t ldx = a->ldx, panel_stride = a->panel_stride;
    v16 sum[MAX_ROWS][VECS_MAX];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < panels * PANEL_VECS; j++) sum[i][j] = v_zero();

    for (int k = 0; k < a->k; k++) {
        v16 wk[VECS_MAX];
#pragma GCC unroll 8
        for (int j = 0; j < panels * PANEL_VECS; j++) {
            ptrdiff_t at = j / PANEL_VECS * panel_stride + (ptrdiff_t)k * PANEL_WIDTH + j % PANEL_VECS * 16;
            wk[j] = half ? v_load_half((const uint16_t *)w + at) : v_load((const float *)w + at);
        }
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            v16 xk = v_set(x[i * ldx + k]);
#pragma GCC unroll 8
            for (int j = 0; j < panels * PANEL_VECS; j++) sum[i][j] = v_fma(xk, wk[j], sum[i][j]);
        }
    }

#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < panels * PANEL_VECS; j++)
            gemm_finish(a, row + i, column + j * 16, sum[i][j], a->n - column - j * 16);
}

INLINE int gemm_panels_for(int rows) {
    static const signed char panels[] = { 0, PANELS_1, PANELS_2, PANELS_3, PANELS_4, PANELS_5, PANELS_6 };
    return rows <= 6 ? panels[rows] : 1;
}

/* The instances of gemm_tile.  `panels` is gemm_panels_for(rows), or 1 for panels that are left over. */
INLINE void gemm_tile_of(const am_gemm_args *a, const void *w, int row, int column, int rows, int panels, int half) {
    if (panels > 1) switch (rows) {
        case 1: gemm_tile(a, w, row, column, 1, PANELS_1, half); return;
        case 2: gemm_tile(a, w, row, column, 2, PANELS_2, half); return;
        case 3: gemm_tile(a, w, row, column, 3, PANELS_3, half); return;
        case 4: gemm_tile(a, w, row, column, 4, PANELS_4, half); return;
        case 5: gemm_tile(a, w, row, column, 5, PANELS_5, half); return;
        case 6: gemm_tile(a, w, row, column, 6, PANELS_6, half); return;
        }
    switch (rows) {
    case 1: gemm_tile(a, w, row, column, 1, 1, half); return;
    case 2: gemm_tile(a, w, row, column, 2, 1, half); return;
    case 3: gemm_tile(a, w, row, column, 3, 1, half); return;
    case 4: gemm_tile(a, w, row, column, 4, 1, half); return;
    case 5: gemm_tile(a, w, row, column, 5, 1, half); return;
    case 6: gemm_tile(a, w, row, column, 6, 1, half); return;
#if MAX_ROWS > 6
    case 7: gemm_tile(a, w, row, column, 7, 1, half); return;
    case 8: gemm_tile(a, w, row, column, 8, 1, half); return;
    case 9: gemm_tile(a, w, row, column, 9, 1, half); return;
    case 10: gemm_tile(a, w, row, column, 10, 1, half); return;
    case 11: gemm_tile(a, w, row, column, 11, 1, half); return;
    case 12: gemm_tile(a, w, row, column, 12, 1, half); return;
#endif
    }
}

TARGET static void gemm_tile_f32(const am_gemm_args *a, const void *w, int row, int column, int rows, int panels) {
    gemm_tile_of(a, w, row, column, rows, panels, 0);
}

TARGET static void gemm_tile_f16(const am_gemm_args *a, const void *w, int row, int column, int rows, int panels) {
    gemm_tile_of(a, w, row, column, rows, panels, 1);
}

/* All rows against `panels` panels that begin at `column`. */
TARGET static void gemm_column(const am_gemm_args *a, const void *w, int column, int panels, int half) {
    for (int row = 0; row < a->m; row += MAX_ROWS) {
        int rows = a->m - row < MAX_ROWS ? a->m - row : MAX_ROWS;
        if (half) gemm_tile_f16(a, w, row, column, rows, panels);
        else gemm_tile_f32(a, w, row, column, rows, panels);
    }
}

/* Columns in groups of as many panels as one register tile takes; a product with more rows than a tile takes panels
 * one by one, and each panel meets all rows while it is in cache. */
TARGET static void gemm(const am_gemm_args *a, int half) {
    int at_once = a->m > MAX_ROWS ? 1 : gemm_panels_for(a->m);
    ptrdiff_t panel_bytes = a->panel_stride * (half ? 2 : 4);
    int n_panels = (a->n + PANEL_WIDTH - 1) / PANEL_WIDTH;
    for (int panel = 0; panel < n_panels;) {
        int panels = n_panels - panel >= at_once ? at_once : 1;
        gemm_column(a, (const char *)a->w + panel * panel_bytes, panel * PANEL_WIDTH, panels, half);
        panel += panels;
    }
}

TARGET void NAME(gemm_f32f32)(const am_gemm_args *a) {
    gemm(a, 0);
}

/* Widen a panel once where many rows use it; where few do, the tile widens what it reads. */
TARGET void NAME(gemm_f32f16)(const am_gemm_args *a) {
    if (a->m <= 2 * MAX_ROWS) {
        gemm(a, 1);
        return;
    }
    float *wide = a->scratch;
    for (int column = 0; column < a->n; column += PANEL_WIDTH) {
        const uint16_t *panel = (const uint16_t *)a->w + column / PANEL_WIDTH * a->panel_stride;
        for (int i = 0; i < a->k * PANEL_WIDTH; i += 16) v_store(wide + i, v_load_half(panel + i));
        gemm_column(a, wide, column, 1, 0);
    }
}
