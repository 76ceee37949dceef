/* INT8 matrix product over v16i.  Included once per instruction set with these defined before:
 *   NAME(op)               symbol for an operation
 *   MAX_ROWS, MAX_PANELS   the largest register tile: rows x (16 outputs of a panel)
 *   WIDE                   0: i_dot_s8 multiplies four bytes of x (unsigned: q ^ 0x80) by four of w in each word
 *                          1: there is no such instruction; bytes become s16 and i_dot_s16 multiplies pairs, which is
 *                             exact, where the byte products of AVX2 (maddubs) saturate
 *
 * A tile keeps its sums in registers over the whole of k and reads x by broadcast of one word: four bytes, or two s16.
 * To the tile both forms are the same: `steps` words of a row of x against `steps` lines of a panel.  Rows of x should
 * not lie a large power of two apart (they would share cache sets): callers pad.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/math_template.h"

#include <stdbool.h>
#include <string.h>

enum { LINE = 4 * AM_S8_NR }; /* bytes of a line of weights: one word for each output of a panel */
enum { MAX_CHAINS = 4, PREFETCH = 8192 };
enum { FEWEST_ROWS = WIDE ? 2 * MAX_ROWS : MAX_ROWS + 1 }; /* that tiles pay for */

/* x and w as the tile reads them: words of x, lines of w. */
typedef struct operands {
    const char *x, *w;
    ptrdiff_t ldx, panel_stride; /* bytes */
    int steps;
} operands;

#if WIDE
#define DOT i_dot_s16
#else
#define DOT i_dot_s8
#endif

/* GELU, residual and the store of `rows` x `width` values that lie in `part`, its rows 16 * MAX_PANELS apart. */
TARGET __attribute__((noinline)) static void finish_slowly(const am_gemm_s8_args *a, const float *part, int row,
                                                           int column, int rows, int width) {
    for (int i = row; i < row + rows; i++, part += 16 * MAX_PANELS)
        for (int j = 0; j < width; j += 16) {
            int count = width - j < 16 ? width - j : 16;
            v16 value = v_load(part + j);
            if (a->gelu) value = v_gelu(value);
            if (a->residual) value = v_add(value, v_load_part(a->residual + i * a->ldr + column + j, count, 0.0f));
            v_store_part(a->y + i * a->ldy + column + j, value, count);
        }
}

/* Scales and bias; then residual and the store, unless GELU or a ragged edge asks for the slow way.  The sums leave their
 * registers first: were they used here one by one, GCC would write them to memory at every step of the tile. */
INLINE void finish(const am_gemm_s8_args *a, v16i sum[MAX_ROWS][MAX_PANELS], int row, int column, int rows,
                   int panels) {
    int32_t whole[MAX_ROWS][MAX_PANELS * 16] __attribute__((aligned(64)));
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < panels; j++) i_store(whole[i] + 16 * j, sum[i][j]);
    int width = a->n - column < 16 * panels ? a->n - column : 16 * panels;
    bool slowly = a->gelu || width < 16 * panels;
    float *y = slowly ? (float *)whole : a->y + row * a->ldy + column;
    ptrdiff_t ldy = slowly ? 16 * MAX_PANELS : a->ldy;
    const float *residual = slowly || !a->residual ? 0 : a->residual + row * a->ldr + column;
    v16 scale[MAX_PANELS], bias[MAX_PANELS];
#pragma GCC unroll 8
    for (int j = 0; j < panels; j++) {
        scale[j] = v_load(a->w_scale + column + 16 * j), bias[j] = v_zero();
        if (a->bias && width < 16 * panels) bias[j] = v_load_part(a->bias + column, width, 0.0f); /* panels is 1 */
        else if (a->bias) bias[j] = v_load(a->bias + column + 16 * j);
    }
#pragma GCC unroll 1
    for (int i = 0; i < rows; i++) {
        v16 x_scale = v_set(a->x_scale[row + i]);
#pragma GCC unroll 8
        for (int j = 0; j < panels; j++) {
            v16 value = v_fma(i_to_float(i_load(whole[i] + 16 * j)), v_mul(x_scale, scale[j]), bias[j]);
            if (residual) value = v_add(value, v_load(residual + i * a->ldr + 16 * j));
            v_store(y + i * ldy + 16 * j, value);
        }
    }
    if (slowly) finish_slowly(a, (float *)whole, row, column, rows, width);
}

/* Where a tile reads next.  x has a pointer for every third row, so that all rows are within reach of an address. */
typedef struct cursor {
    const char *x[(MAX_ROWS + 2) / 3], *w;
} cursor;

/* One line of each of `panels` panels against as many words of each row as it takes. */
INLINE void step(v16i sum[MAX_ROWS][MAX_PANELS], const operands *o, cursor *at, int rows, int panels) {
    v16i line[MAX_PANELS];
#pragma GCC unroll 8
    for (int j = 0; j < panels; j++) line[j] = i_load(at->w + j * o->panel_stride);
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        vword word = i_word(at->x[i / 3] + i % 3 * o->ldx);
#pragma GCC unroll 8
        for (int j = 0; j < panels; j++) sum[i][j] = DOT(sum[i][j], word, line[j]);
    }
    at->w += LINE;
#pragma GCC unroll 4
    for (int i = 0; i < rows; i += 3) at->x[i / 3] += 4;
}

/* The same for one panel of bytes as they lie in memory, fetched ahead of use. */
INLINE void step_far(v16i sum[MAX_ROWS][MAX_PANELS], const operands *o, cursor *at, int rows) {
    _mm_prefetch(at->w + PREFETCH, _MM_HINT_T1);
#if WIDE
    v16i line = i_load(at->w), even = i_even_bytes(line), odd = i_odd_bytes(line);
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        const char *words = at->x[i / 3] + i % 3 * o->ldx;
        sum[i][0] = i_dot_s16(sum[i][0], i_word(words), even);
        sum[i][0] = i_dot_s16(sum[i][0], i_word(words + 4), odd);
    }
    at->w += LINE;
#pragma GCC unroll 4
    for (int i = 0; i < rows; i += 3) at->x[i / 3] += 8;
#else
    step(sum, o, at, rows, 1);
#endif
}

INLINE v16i first_sum(const am_gemm_s8_args *a, int column) {
    if (WIDE || !a->flip) return i_zero();
    return i_sub(i_zero(), i_shift_left(i_load(a->w_sum + column), 7));
}

INLINE cursor cursor_at(const operands *o, int row, int rows) {
    cursor at = { .w = o->w };
#pragma GCC unroll 4
    for (int i = 0; i < rows; i += 3) at.x[i / 3] = o->x + (row + i) * o->ldx;
    return at;
}

/* The full tile: MAX_ROWS rows, MAX_PANELS panels of lines of DOT. */
TARGET static void tile(const am_gemm_s8_args *a, const operands *o, int row, int column) {
    v16i sum[MAX_ROWS][MAX_PANELS];
#pragma GCC unroll 8
    for (int j = 0; j < MAX_PANELS; j++) {
        v16i start = first_sum(a, column + 16 * j);
#pragma GCC unroll 16
        for (int i = 0; i < MAX_ROWS; i++) sum[i][j] = start;
    }
    cursor at = cursor_at(o, row, MAX_ROWS);
    int left = o->steps;
    const float *y = a->y + row * a->ldy + column;
    for (int i = 0; i < MAX_ROWS && left > 0; i++, left--, y += a->ldy) {
#pragma GCC unroll 8
        for (int j = 0; j < MAX_PANELS; j++) _mm_prefetch((const char *)(y + 16 * j), _MM_HINT_T0);
        step(sum, o, &at, MAX_ROWS, MAX_PANELS);
    }
    for (; left > 0; left--) step(sum, o, &at, MAX_ROWS, MAX_PANELS);
    finish(a, sum, row, column, MAX_ROWS, MAX_PANELS);
}

/* Fewer rows, one panel of bytes.  `rows` is a constant of the instances below.  Neighbouring steps add to different
 * sums where so few rows would wait for the latency of one. */
INLINE void strip(const am_gemm_s8_args *a, const operands *o, int row, int column, int rows) {
    int chains = rows == 1 ? 4 : rows <= 3 ? 2 : 1;
    v16i sum[MAX_CHAINS][MAX_ROWS][MAX_PANELS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        sum[0][i][0] = first_sum(a, column);
#pragma GCC unroll 4
        for (int c = 1; c < chains; c++) sum[c][i][0] = i_zero();
    }
    cursor at = cursor_at(o, row, rows);
    int left = o->steps;
    for (; left >= chains; left -= chains) {
#pragma GCC unroll 4
        for (int c = 0; c < chains; c++) step_far(sum[c], o, &at, rows);
    }
    for (; left > 0; left--) step_far(sum[0], o, &at, rows); /* never with one chain */
#pragma GCC unroll 4
    for (int c = 1; c < chains; c++)
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) sum[0][i][0] = i_add(sum[0][i][0], sum[c][i][0]);
    finish(a, sum[0], row, column, rows, 1);
}

TARGET static void strip_of(const am_gemm_s8_args *a, const operands *o, int row, int column, int rows) {
    switch (rows) {
    case 1: strip(a, o, row, column, 1); return;
    case 2: strip(a, o, row, column, 2); return;
    case 3: strip(a, o, row, column, 3); return;
    case 4: strip(a, o, row, column, 4); return;
    case 5: strip(a, o, row, column, 5); return;
    case 6: strip(a, o, row, column, 6); return;
#if MAX_ROWS > 6
    case 7: strip(a, o, row, column, 7); return;
    case 8: strip(a, o, row, column, 8); return;
    case 9: strip(a, o, row, column, 9); return;
    case 10: strip(a, o, row, column, 10); return;
    case 11: strip(a, o, row, column, 11); return;
    case 12: strip(a, o, row, column, 12); return;
#endif
    }
}

/* Rows from `row` on against one panel of bytes. */
TARGET static void strips(const am_gemm_s8_args *a, const operands *o, int row, int column) {
    for (; row < a->m; row += MAX_ROWS) strip_of(a, o, row, column, a->m - row < MAX_ROWS ? a->m - row : MAX_ROWS);
}

#if WIDE
/* Words of four bytes become two words of two s16 each: bytes 0 and 2, then bytes 1 and 3. */
TARGET static void widen_rows(char *wide, ptrdiff_t ld, const am_gemm_s8_args *a) {
    uint32_t flip = (uint32_t)(a->flip & 0xff) * 0x01010101u;
    for (int row = 0; row < a->m; row++, wide += ld) {
        const char *x = (const char *)a->x + row * a->ldx;
        int k = AM_ROUND_UP(a->k, 4), i = 0;
        for (; i < (k & ~15); i += 16) {
            __m128i bytes = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(x + i)), _mm_set1_epi32((int)flip));
            __m128i even = _mm_srai_epi16(_mm_slli_epi16(bytes, 8), 8), odd = _mm_srai_epi16(bytes, 8);
            _mm_storeu_si128((__m128i *)(wide + 2 * i), _mm_unpacklo_epi32(even, odd));
            _mm_storeu_si128((__m128i *)(wide + 2 * i + 16), _mm_unpackhi_epi32(even, odd));
        }
        for (; i < k; i += 4) {
            uint32_t word;
            memcpy(&word, x + i, 4);
            __m128i bytes = _mm_cvtsi32_si128((int)(word ^ flip));
            __m128i even = _mm_srai_epi16(_mm_slli_epi16(bytes, 8), 8), odd = _mm_srai_epi16(bytes, 8);
            _mm_storel_epi64((__m128i *)(wide + 2 * i), _mm_unpacklo_epi32(even, odd));
        }
    }
}

/* A panel of bytes becomes a panel of s16, twice as long: a line gives two, in the order of widen_rows. */
TARGET static void widen_panel(char *wide, const char *panel, int lines) {
    for (int i = 0; i < lines; i++, panel += LINE, wide += 2 * LINE) {
        v16i line = i_load(panel);
        i_store(wide, i_even_bytes(line));
        i_store(wide + LINE, i_odd_bytes(line));
    }
}
#endif

/* All rows against all panels.  Whole tiles take MAX_PANELS panels, which stay in cache while all rows pass; strips do
 * what is left over, and everything where there are so few rows that each panel is wanted once or twice.
 * x and ldx: rows as DOT wants them.  wide: room for MAX_PANELS panels of s16. */
TARGET static void product(const am_gemm_s8_args *a, const void *x, ptrdiff_t ldx, char *wide) {
    int whole_rows = a->m >= FEWEST_ROWS ? a->m / MAX_ROWS * MAX_ROWS : 0, panels;
    operands far = { .x = x, .ldx = ldx, .panel_stride = a->panel_stride, .steps = (a->k + 3) / 4 };
    for (int column = 0; column < a->n; column += AM_S8_NR * panels) {
        const char *w = (const char *)a->w + column / AM_S8_NR * a->panel_stride;
        bool has_tiles = whole_rows > 0 && a->n - column >= AM_S8_NR * MAX_PANELS;
        panels = has_tiles ? MAX_PANELS : 1;
        if (has_tiles) {
            operands near = far;
            near.w = w;
#if WIDE
            near.w = wide;
            near.steps = 2 * far.steps;
            near.panel_stride = (ptrdiff_t)near.steps * LINE;
            for (int j = 0; j < panels; j++)
                widen_panel(wide + j * near.panel_stride, w + j * far.panel_stride, far.steps);
#endif
            for (int row = 0; row < whole_rows; row += MAX_ROWS) tile(a, &near, row, column);
        }
        for (int j = 0; j < panels; j++) {
            far.w = w + j * far.panel_stride;
            strips(a, &far, has_tiles ? whole_rows : 0, column + AM_S8_NR * j);
        }
    }
}

#if WIDE
/* Blocks of as many rows as the scratch memory holds beside the panels. */
TARGET void NAME(gemm_s8s8)(const am_gemm_s8_args *a) {
    int k = AM_ROUND_UP(a->k, 4);
    size_t panel_bytes = (size_t)MAX_PANELS * 2 * AM_S8_NR * k, ldx = 2 * (size_t)k + AM_ALIGN;
    int at_once = (int)((AM_GEMM_S8_SCRATCH(a->k) - panel_bytes) / ldx) / MAX_ROWS * MAX_ROWS;
    char *wide_panels = a->scratch, *wide_rows = wide_panels + panel_bytes;
    for (int row = 0; row < a->m; row += at_once) {
        am_gemm_s8_args piece = *a;
        piece.m = a->m - row < at_once ? a->m - row : at_once;
        piece.x += row * a->ldx;
        piece.x_scale += row;
        piece.y += row * a->ldy;
        if (a->residual) piece.residual += row * a->ldr;
        widen_rows(wide_rows, (ptrdiff_t)ldx, &piece);
        product(&piece, wide_rows, (ptrdiff_t)ldx, wide_panels);
    }
}
#else
TARGET void NAME(gemm_s8s8)(const am_gemm_s8_args *a) {
    product(a, a->x, a->ldx, 0);
}
#endif
