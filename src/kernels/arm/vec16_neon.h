/* Sixteen floats as four NEON registers.  Same operations as x86/vec16_avx2.h, in the same order of rounding, so a
 * template written with them gives the same bits on both.
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

#endif
