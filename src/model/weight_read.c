/* Numbers out of the file's own formats: the only place that knows how a block or a half float is made.
 *
 * Nothing here needs alignment, an instruction set or the floating-point environment: halves are widened by integer
 * arithmetic and one exact subtraction, so that subnormals come out right even where the processor flushes them.
 *
 * SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/half.h"
#include "model/mapping.h"
#include "model/weights.h"

#define BLOCK 32

static inline float bits_to_float(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline float load_half(const unsigned char *p) {
    return am_half_to_float(am_load_u16(p));
}

static void read_f32(float *dst, const unsigned char *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) dst[i] = am_load_f32(src + 4 * i);
}

static void read_f16(float *dst, const unsigned char *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) dst[i] = load_half(src + 2 * i);
}

static void read_bf16(float *dst, const unsigned char *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) dst[i] = bits_to_float((uint32_t)am_load_u16(src + 2 * i) << 16);
}

static void read_s8(float *dst, const unsigned char *src, int64_t n, float scale) {
    for (int64_t i = 0; i < n; i++) dst[i] = (float)(int8_t)src[i] / scale;
}

static void read_q8_0(float *dst, const unsigned char *src, int64_t n) {
    for (; n > 0; n -= BLOCK, src += 2 + BLOCK, dst += BLOCK) {
        float d = load_half(src);
        for (int i = 0; i < BLOCK; i++) dst[i] = d * (float)(int8_t)src[2 + i];
    }
}

/* The four formats of 4 and 5 bits differ in whether a minimum and a word of fifth bits follow the scale. */
static void read_nibbles(float *dst, const unsigned char *src, int64_t n, bool has_min, bool has_fifth) {
    const int zero = has_min ? 0 : has_fifth ? 16 : 8;
    for (; n > 0; n -= BLOCK, dst += BLOCK) {
        float d = load_half(src), min = 0;
        uint32_t fifth = 0;
        src += 2;
        if (has_min) {
            min = load_half(src);
            src += 2;
        }
        if (has_fifth) {
            fifth = am_load_u32(src);
            src += 4;
        }
        for (int i = 0; i < BLOCK / 2; i++) {
            int low = (src[i] & 15) | (int)(fifth >> i & 1) << 4;
            int high = src[i] >> 4 | (int)(fifth >> (i + BLOCK / 2) & 1) << 4;
            dst[i] = d * (float)(low - zero) + min;
            dst[i + BLOCK / 2] = d * (float)(high - zero) + min;
        }
        src += BLOCK / 2;
    }
}

/* n numbers of a tensor from number `first` on; for block formats both are whole blocks. */
static void read_numbers(const am_tensor *t, int64_t first, int64_t n, float *dst) {
    const unsigned char *src = t->data;
    if (!src) {
        memset(dst, 0, (size_t)n * sizeof *dst);
        return;
    }
    switch (t->dtype) {
    case AM_DTYPE_F32: read_f32(dst, src + first * 4, n); break;
    case AM_DTYPE_F16: read_f16(dst, src + first * 2, n); break;
    case AM_DTYPE_BF16: read_bf16(dst, src + first * 2, n); break;
    case AM_DTYPE_S8_ROW: {
        const unsigned char *scale = t->row_scale;
        for (int64_t i = 0; i < n; i += t->n_cols)
            read_s8(dst + i, src + first + i, t->n_cols, am_load_f32(scale + (first + i) / t->n_cols * 4));
        break;
    }
    case AM_DTYPE_Q8_0: read_q8_0(dst, src + first / BLOCK * 34, n); break;
    case AM_DTYPE_Q4_0: read_nibbles(dst, src + first / BLOCK * 18, n, false, false); break;
    case AM_DTYPE_Q4_1: read_nibbles(dst, src + first / BLOCK * 20, n, true, false); break;
    case AM_DTYPE_Q5_0: read_nibbles(dst, src + first / BLOCK * 22, n, false, true); break;
    case AM_DTYPE_Q5_1: read_nibbles(dst, src + first / BLOCK * 24, n, true, true); break;
    }
}

void am_weight_read(const am_weight *w, int64_t row0, int64_t n, float *dst) {
    assert(row0 >= 0 && n >= 0 && n <= w->n_rows - row0);
    if (w->n_rows == 1) { /* a vector: its parts side by side */
        for (int i = 0; i < w->n_parts && n > 0; i++) {
            read_numbers(&w->part[i], 0, w->part[i].n_cols, dst);
            dst += w->part[i].n_cols;
        }
        return;
    }
    for (int i = 0; i < w->n_parts && n > 0; i++) {
        const am_tensor *t = &w->part[i];
        if (row0 >= t->n_rows) {
            row0 -= t->n_rows;
            continue;
        }
        int64_t here = t->n_rows - row0 < n ? t->n_rows - row0 : n;
        read_numbers(t, row0 * t->n_cols, here * t->n_cols, dst);
        dst += here * t->n_cols;
        n -= here;
        row0 = 0;
    }
}

/* The f32 is zero or lies on the grid of halves: no bits below a half's last one, exponent in its range. */
static bool fits_half(uint32_t bits) {
    uint32_t exponent = bits >> 23 & 0xff, mantissa = bits & 0x7fffff;
    if (exponent == 0) return mantissa == 0;
    if (exponent >= 113 && exponent <= 142) return (mantissa & 0x1fff) == 0;
    if (exponent < 103 || exponent > 142) return false;
    /* Subnormal half: a whole multiple of 2^-24. */
    uint32_t unused = 23u - (exponent - 103u);
    return (mantissa & ((1u << unused) - 1u)) == 0;
}

static bool numbers_fit_half(const am_tensor *t) {
    const unsigned char *src = t->data;
    int64_t n = t->n_rows * t->n_cols;
    if (!src || t->dtype == AM_DTYPE_F16) return true;
    if (t->dtype == AM_DTYPE_F32) {
        for (int64_t i = 0; i < n; i++)
            if (!fits_half(am_load_u32(src + 4 * i))) return false;
        return true;
    }
    if (t->dtype == AM_DTYPE_BF16) {
        for (int64_t i = 0; i < n; i++)
            if (!fits_half((uint32_t)am_load_u16(src + 2 * i) << 16)) return false;
        return true;
    }
    return false;
}

bool am_weight_is_f16(const am_weight *w) {
    for (int i = 0; i < w->n_parts; i++)
        if (!numbers_fit_half(&w->part[i])) return false;
    return true;
}
