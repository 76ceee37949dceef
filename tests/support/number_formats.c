/* See number_formats.h.  Written from what the formats mean, in double arithmetic, not from the reader.
 *
 * SPDX-License-Identifier: MIT */
#include "support/number_formats.h"

#include <math.h>
#include <string.h>

uint16_t mw_half_from_float(float f) {
    uint32_t sign = signbit(f) ? 0x8000 : 0;
    double a = fabs((double)f);
    if (isnan(f)) return (uint16_t)(sign | 0x7e00);
    if (a >= 65520) return (uint16_t)(sign | 0x7c00);
    if (a < 0x1p-14) return (uint16_t)(sign | (uint32_t)nearbyint(a * 0x1p24));
    int e;
    double m = frexp(a, &e);                                     /* [0.5, 1) */
    uint32_t mantissa = (uint32_t)nearbyint((m * 2 - 1) * 1024); /* 1024 carries into the exponent, as it should */
    return (uint16_t)(sign | (((uint32_t)(e + 14) << 10) + mantissa));
}

float mw_float_from_half(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double a = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return (float)(h & 0x8000 ? -a : a);
}

void put_u16(FILE *f, uint32_t v) {
    fputc((int)(v & 255), f);
    fputc((int)(v >> 8 & 255), f);
}

void put_u32(FILE *f, uint32_t v) {
    put_u16(f, v & 0xffff);
    put_u16(f, v >> 16);
}

void put_f32(FILE *f, float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    put_u32(f, bits);
}

int clamp_round(float x, int low, int high) {
    int n = (int)lrintf(x);
    return n < low ? low : n > high ? high : n;
}

/* One ggml block of 32: scale and minimum from the extremes, as the formats are meant. */
static void put_block(FILE *f, mw_dtype dtype, const float *x) {
    float low = x[0], high = x[0], most = 0;
    for (int i = 0; i < 32; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    }
    bool has_min = dtype == MW_Q4_1 || dtype == MW_Q5_1, five = dtype == MW_Q5_0 || dtype == MW_Q5_1;
    int levels = dtype == MW_Q8_0 ? 127 : five ? 32 : 16;
    float d = dtype == MW_Q8_0 ? fabsf(most) / 127
              : has_min        ? (high - low) / (float)(levels - 1)
                               : most / (float)(-levels / 2);
    uint16_t d_half = mw_half_from_float(d), min_half = mw_half_from_float(low);
    float scale = mw_float_from_half(d_half), min = has_min ? mw_float_from_half(min_half) : 0;
    put_u16(f, d_half);
    if (has_min) put_u16(f, min_half);
    int q[32];
    uint32_t fifth = 0;
    for (int i = 0; i < 32; i++) {
        float steps = scale != 0 ? (x[i] - min) / scale : 0;
        if (dtype == MW_Q8_0) q[i] = clamp_round(steps, -127, 127);
        else q[i] = clamp_round(steps + (float)(has_min ? 0 : levels / 2), 0, levels - 1);
        fifth |= (uint32_t)(q[i] >> 4 & 1) << i;
    }
    if (five) put_u32(f, fifth);
    if (dtype == MW_Q8_0)
        for (int i = 0; i < 32; i++) fputc(q[i] & 255, f);
    else
        for (int i = 0; i < 16; i++) fputc((q[i] & 15) | (q[i + 16] & 15) << 4, f);
}

void put_numbers(FILE *f, mw_dtype dtype, const float *x, size_t n) {
    if (dtype == MW_F32) {
        for (size_t i = 0; i < n; i++) put_f32(f, x[i]);
    } else if (dtype == MW_F16) {
        for (size_t i = 0; i < n; i++) put_u16(f, mw_half_from_float(x[i]));
    } else if (dtype == MW_BF16) {
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &x[i], 4);
            put_u16(f, (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        }
    } else {
        for (size_t i = 0; i < n; i += 32) put_block(f, dtype, x + i);
    }
}
