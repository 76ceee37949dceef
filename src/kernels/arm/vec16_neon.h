/* Sixteen floats, or sixteen 32-bit integers, as four NEON registers.  Same operations as x86/vec16_avx2.h, in the same
 * order of rounding, so a template written with them gives the same bits on both.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_VEC16_NEON_H
#define AM_KERNELS_VEC16_NEON_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

/* NEON belongs to every 64-bit ARM: nothing to switch on. */
#define TARGET
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef struct v16 {
    float32x4_t a, b, c, d;
} v16;

#define V_EACH1(f) ((v16){ f(x.a), f(x.b), f(x.c), f(x.d) })
#define V_EACH2(f) ((v16){ f(x.a, y.a), f(x.b, y.b), f(x.c, y.c), f(x.d, y.d) })

INLINE v16 v_set(float x) {
    return (v16){ vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x) };
}
INLINE v16 v_zero(void) {
    return v_set(0.0f);
}
INLINE v16 v_load(const float *p) {
    return (v16){ vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12) };
}
INLINE float32x4_t v_load_half4(const uint16_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
INLINE v16 v_load_half(const uint16_t *p) {
    return (v16){ v_load_half4(p), v_load_half4(p + 4), v_load_half4(p + 8), v_load_half4(p + 12) };
}
INLINE void v_store(float *p, v16 x) {
    vst1q_f32(p, x.a);
    vst1q_f32(p + 4, x.b);
    vst1q_f32(p + 8, x.c);
    vst1q_f32(p + 12, x.d);
}
/* The first `count` (0..16) elements; the others read as `other` and are not touched in memory. */
INLINE v16 v_load_part(const float *p, int count, float other) {
    float whole[16];
    v_store(whole, v_set(other));
    memcpy(whole, p, (size_t)count * sizeof *p);
    return v_load(whole);
}
INLINE void v_store_part(float *p, v16 x, int count) {
    float whole[16];
    v_store(whole, x);
    memcpy(p, whole, (size_t)count * sizeof *p);
}
/* x in its first `count` of four lanes, then zeros. */
INLINE float32x4_t v_keep_part4(float32x4_t x, int count) {
    static const int32_t lanes[4] = { 0, 1, 2, 3 };
    uint32x4_t first = vcltq_s32(vld1q_s32(lanes), vdupq_n_s32(count));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), first));
}
INLINE v16 v_keep_part(v16 x, int count) {
    return (v16){ v_keep_part4(x.a, count), v_keep_part4(x.b, count - 4), v_keep_part4(x.c, count - 8),
                  v_keep_part4(x.d, count - 12) };
}
INLINE v16 v_add(v16 x, v16 y) {
    return V_EACH2(vaddq_f32);
}
INLINE v16 v_sub(v16 x, v16 y) {
    return V_EACH2(vsubq_f32);
}
INLINE v16 v_mul(v16 x, v16 y) {
    return V_EACH2(vmulq_f32);
}
INLINE v16 v_div(v16 x, v16 y) {
    return V_EACH2(vdivq_f32);
}
/* Not vmaxq and vminq: where one is NaN, or both are zero, x86 takes the second, and so must we. */
INLINE float32x4_t v_max4(float32x4_t x, float32x4_t y) {
    return vbslq_f32(vcgtq_f32(x, y), x, y);
}
INLINE v16 v_max(v16 x, v16 y) {
    return V_EACH2(v_max4);
}
INLINE float32x4_t v_min4(float32x4_t x, float32x4_t y) {
    return vbslq_f32(vcltq_f32(x, y), x, y);
}
INLINE v16 v_min(v16 x, v16 y) {
    return V_EACH2(v_min4);
}
INLINE v16 v_fma(v16 x, v16 y, v16 z) {
    return (v16){ vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c),
                  vfmaq_f32(z.d, x.d, y.d) };
}
INLINE v16 v_abs(v16 x) {
    return V_EACH1(vabsq_f32);
}
INLINE v16 v_round(v16 x) {
    return V_EACH1(vrndnq_f32);
}
/* 2^x for integral x in -126..127 */
INLINE float32x4_t v_pow2_4(float32x4_t x) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(x), vdupq_n_s32(127)), 23));
}
INLINE v16 v_pow2(v16 x) {
    return V_EACH1(v_pow2_4);
}
/* Lanes meet in the order of x86: i and i + 8, then + 4, then + 2, then + 1. */
INLINE float v_sum(v16 x) {
    float32x4_t s4 = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
    float32x2_t s2 = vadd_f32(vget_low_f32(s4), vget_high_f32(s4));
    return vget_lane_f32(s2, 0) + vget_lane_f32(s2, 1);
}
INLINE float v_top(v16 x) {
    float32x4_t s4 = v_max4(v_max4(x.a, x.c), v_max4(x.b, x.d));
    float32x4_t s2 = v_max4(s4, vextq_f32(s4, s4, 2));
    return vgetq_lane_f32(v_max4(s2, vextq_f32(s2, s2, 1)), 0);
}
/* A bit for each lane where x == y. */
INLINE unsigned v_equal(v16 x, v16 y) {
    static const uint8_t bits[8] = { 1, 2, 4, 8, 16, 32, 64, 128 };
    uint16x8_t low = vcombine_u16(vmovn_u32(vceqq_f32(x.a, y.a)), vmovn_u32(vceqq_f32(x.b, y.b)));
    uint16x8_t high = vcombine_u16(vmovn_u32(vceqq_f32(x.c, y.c)), vmovn_u32(vceqq_f32(x.d, y.d)));
    unsigned first = vaddv_u8(vand_u8(vmovn_u16(low), vld1_u8(bits)));
    return first | (unsigned)vaddv_u8(vand_u8(vmovn_u16(high), vld1_u8(bits))) << 8;
}

/* ---- Sixteen 32-bit integers ---- */

typedef struct v16i {
    int32x4_t a, b, c, d;
} v16i;

#define V_EACH1I(f) ((v16i){ f(x.a), f(x.b), f(x.c), f(x.d) })
#define V_EACH2I(f) ((v16i){ f(x.a, y.a), f(x.b, y.b), f(x.c, y.c), f(x.d, y.d) })

INLINE v16i i_set(int32_t x) {
    return (v16i){ vdupq_n_s32(x), vdupq_n_s32(x), vdupq_n_s32(x), vdupq_n_s32(x) };
}
INLINE v16i i_zero(void) {
    return i_set(0);
}
INLINE void i_store(void *p, v16i x) {
    int8_t *to = p;
    vst1q_s8(to, vreinterpretq_s8_s32(x.a));
    vst1q_s8(to + 16, vreinterpretq_s8_s32(x.b));
    vst1q_s8(to + 32, vreinterpretq_s8_s32(x.c));
    vst1q_s8(to + 48, vreinterpretq_s8_s32(x.d));
}
INLINE v16i i_add(v16i x, v16i y) {
    return V_EACH2I(vaddq_s32);
}
INLINE v16i i_and(v16i x, v16i y) {
    return V_EACH2I(vandq_s32);
}
INLINE v16i i_xor(v16i x, v16i y) {
    return V_EACH2I(veorq_s32);
}
INLINE v16i i_shift_left(v16i x, int bits) {
    int32x4_t by = vdupq_n_s32(bits);
    return (v16i){ vshlq_s32(x.a, by), vshlq_s32(x.b, by), vshlq_s32(x.c, by), vshlq_s32(x.d, by) };
}
INLINE int32x4_t i_max_unsigned4(int32x4_t x, int32x4_t y) {
    return vreinterpretq_s32_u32(vmaxq_u32(vreinterpretq_u32_s32(x), vreinterpretq_u32_s32(y)));
}
INLINE v16i i_max_unsigned(v16i x, v16i y) {
    return V_EACH2I(i_max_unsigned4);
}
/* The greatest lane, taken as unsigned. */
INLINE uint32_t i_top_unsigned(v16i x) {
    return vmaxvq_u32(vreinterpretq_u32_s32(i_max_unsigned4(i_max_unsigned4(x.a, x.b), i_max_unsigned4(x.c, x.d))));
}
INLINE v16i i_from_float(v16 x) { /* to nearest, ties to even */
    return V_EACH1I(vcvtnq_s32_f32);
}
INLINE v16 i_to_float(v16i x) {
    return V_EACH1(vcvtq_f32_s32);
}
INLINE v16i v_bits(v16 x) {
    return V_EACH1I(vreinterpretq_s32_f32);
}
INLINE v16 v_from_bits(v16i x) {
    return V_EACH1(vreinterpretq_f32_s32);
}
INLINE int32x4_t i_words8(int32x4_t x, int32x4_t y) {
    return vreinterpretq_s32_s16(vcombine_s16(vqmovn_s32(x), vqmovn_s32(y)));
}
/* Thirty-two words -32768..32767 as s16, for i_words_to_bytes() and what works on each s16. */
INLINE v16i i_words(v16i x, v16i y) {
    return (v16i){ i_words8(x.a, x.b), i_words8(x.c, x.d), i_words8(y.a, y.b), i_words8(y.c, y.d) };
}
INLINE int32x4_t i_words_shift_right8(int32x4_t x, int bits) {
    return vreinterpretq_s32_u16(vshlq_u16(vreinterpretq_u16_s32(x), vdupq_n_s16((int16_t)-bits)));
}
INLINE v16i i_words_shift_right(v16i x, int bits) {
    return (v16i){ i_words_shift_right8(x.a, bits), i_words_shift_right8(x.b, bits), i_words_shift_right8(x.c, bits),
                   i_words_shift_right8(x.d, bits) };
}
INLINE int32x4_t i_words_to_bytes16(int32x4_t x, int32x4_t y) {
    int8x8_t low = vqmovn_s16(vreinterpretq_s16_s32(x)), high = vqmovn_s16(vreinterpretq_s16_s32(y));
    return vreinterpretq_s32_s8(vcombine_s8(low, high));
}
/* The low bytes, which must be -128..127, of a, b and c, d where ab = i_words(a, b), in order. */
INLINE v16i i_words_to_bytes(v16i ab, v16i cd) {
    return (v16i){ i_words_to_bytes16(ab.a, ab.b), i_words_to_bytes16(ab.c, ab.d), i_words_to_bytes16(cd.a, cd.b),
                   i_words_to_bytes16(cd.c, cd.d) };
}

#endif
