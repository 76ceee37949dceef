/* Sixteen floats as two AVX2 registers.  See vec16_avx512.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_VEC16_AVX2_H
#define AM_KERNELS_VEC16_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* A file that needs more than this instruction set says what, with a comma before it. */
#ifndef TARGET_EXTRA
#define TARGET_EXTRA ""
#endif
#define TARGET __attribute__((target("avx2,fma,f16c" TARGET_EXTRA)))
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef struct v16 {
    __m256 lo, hi;
} v16;

#define V_EACH1(f) ((v16){ f(a.lo), f(a.hi) })
#define V_EACH2(f) ((v16){ f(a.lo, b.lo), f(a.hi, b.hi) })
#define V_EACH2I(f) ((v16i){ f(a.lo, b.lo), f(a.hi, b.hi) })

INLINE v16 v_zero(void) {
    return (v16){ _mm256_setzero_ps(), _mm256_setzero_ps() };
}
INLINE v16 v_set(float x) {
    return (v16){ _mm256_set1_ps(x), _mm256_set1_ps(x) };
}
INLINE v16 v_load(const float *p) {
    return (v16){ _mm256_loadu_ps(p), _mm256_loadu_ps(p + 8) };
}
INLINE v16 v_load_half(const uint16_t *p) {
    return (v16){ _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                  _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8))) };
}
INLINE void v_store(float *p, v16 a) {
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}
/* All ones in the first `count` of eight lanes; any count, also below 0 or above 8. */
INLINE __m256i v_first8(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE __m256 v_load_part8(const float *p, int count, float other) {
    __m256i first = v_first8(count);
    return _mm256_blendv_ps(_mm256_set1_ps(other), _mm256_maskload_ps(p, first), _mm256_castsi256_ps(first));
}
INLINE v16 v_load_part(const float *p, int count, float other) {
    return (v16){ v_load_part8(p, count, other), v_load_part8(p + 8, count - 8, other) };
}
INLINE void v_store_part(float *p, v16 a, int count) {
    _mm256_maskstore_ps(p, v_first8(count), a.lo);
    _mm256_maskstore_ps(p + 8, v_first8(count - 8), a.hi);
}
INLINE v16 v_keep_part(v16 a, int count) {
    return (v16){ _mm256_and_ps(a.lo, _mm256_castsi256_ps(v_first8(count))),
                  _mm256_and_ps(a.hi, _mm256_castsi256_ps(v_first8(count - 8))) };
}
INLINE v16 v_add(v16 a, v16 b) {
    return V_EACH2(_mm256_add_ps);
}
INLINE v16 v_sub(v16 a, v16 b) {
    return V_EACH2(_mm256_sub_ps);
}
INLINE v16 v_mul(v16 a, v16 b) {
    return V_EACH2(_mm256_mul_ps);
}
INLINE v16 v_div(v16 a, v16 b) {
    return V_EACH2(_mm256_div_ps);
}
INLINE v16 v_max(v16 a, v16 b) {
    return V_EACH2(_mm256_max_ps);
}
INLINE v16 v_min(v16 a, v16 b) {
    return V_EACH2(_mm256_min_ps);
}
INLINE v16 v_fma(v16 a, v16 b, v16 c) {
    return (v16){ _mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi) };
}
INLINE __m256 v_abs8(__m256 a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
INLINE v16 v_abs(v16 a) {
    return V_EACH1(v_abs8);
}
INLINE __m256 v_round8(__m256 a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE v16 v_round(v16 a) {
    return V_EACH1(v_round8);
}
INLINE __m256 v_pow2_8(__m256 a) {
    __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
INLINE v16 v_pow2(v16 a) {
    return V_EACH1(v_pow2_8);
}
INLINE __m256 v_low8(v16 a) {
    return a.lo;
}
INLINE __m256 v_high8(v16 a) {
    return a.hi;
}

#include "kernels/x86/vec16_lanes.h"
/* ---- Sixteen 32-bit integers ---- */

typedef struct v16i {
    __m256i lo, hi;
} v16i;
typedef __m256i vword; /* one 32-bit word in every lane of a register */

INLINE v16i i_zero(void) {
    return (v16i){ _mm256_setzero_si256(), _mm256_setzero_si256() };
}
INLINE v16i i_load(const void *p) {
    return (v16i){ _mm256_loadu_si256(p), _mm256_loadu_si256((const __m256i *)p + 1) };
}
INLINE void i_store(void *p, v16i a) {
    _mm256_storeu_si256(p, a.lo);
    _mm256_storeu_si256((__m256i *)p + 1, a.hi);
}
INLINE vword i_word(const void *p) {
    int32_t word;
    memcpy(&word, p, 4); /* at any address */
    return _mm256_set1_epi32(word);
}
INLINE v16i i_add(v16i a, v16i b) {
    return V_EACH2I(_mm256_add_epi32);
}
INLINE v16i i_sub(v16i a, v16i b) {
    return V_EACH2I(_mm256_sub_epi32);
}
INLINE v16i i_shift_left(v16i a, int bits) {
    return (v16i){ _mm256_slli_epi32(a.lo, bits), _mm256_slli_epi32(a.hi, bits) };
}
INLINE v16 i_to_float(v16i a) {
    return (v16){ _mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi) };
}
/* Of four bytes b0 b1 b2 b3 in each word, as s16: b0 and b2; b1 and b3. */
INLINE v16i i_even_bytes(v16i a) {
    return (v16i){ _mm256_srai_epi16(_mm256_slli_epi16(a.lo, 8), 8), _mm256_srai_epi16(_mm256_slli_epi16(a.hi, 8), 8) };
}
INLINE v16i i_odd_bytes(v16i a) {
    return (v16i){ _mm256_srai_epi16(a.lo, 8), _mm256_srai_epi16(a.hi, 8) };
}
/* acc + the sum of two products of s16, in each word. */
INLINE v16i i_dot_s16(v16i acc, vword x, v16i w) {
    return (v16i){ _mm256_add_epi32(acc.lo, _mm256_madd_epi16(x, w.lo)),
                   _mm256_add_epi32(acc.hi, _mm256_madd_epi16(x, w.hi)) };
}
INLINE v16i i_set(int32_t x) {
    return (v16i){ _mm256_set1_epi32(x), _mm256_set1_epi32(x) };
}
INLINE v16i i_max_unsigned(v16i a, v16i b) {
    return V_EACH2I(_mm256_max_epu32);
}
INLINE v16i i_and(v16i a, v16i b) {
    return V_EACH2I(_mm256_and_si256);
}
INLINE v16i i_xor(v16i a, v16i b) {
    return V_EACH2I(_mm256_xor_si256);
}
INLINE v16i i_from_float(v16 a) { /* to nearest, ties to even */
    return (v16i){ _mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi) };
}
INLINE v16i v_bits(v16 a) {
    return (v16i){ _mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi) };
}
INLINE v16 v_from_bits(v16i a) {
    return (v16){ _mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi) };
}
/* The greatest lane, taken as unsigned. */
INLINE uint32_t i_top_unsigned(v16i a) {
    __m256i s8 = _mm256_max_epu32(a.lo, a.hi);
    __m128i s4 = _mm_max_epu32(_mm256_castsi256_si128(s8), _mm256_extracti128_si256(s8, 1));
    __m128i s2 = _mm_max_epu32(s4, _mm_unpackhi_epi64(s4, s4));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(s2, _mm_shuffle_epi32(s2, 1)));
}
/* A bit for each lane where a == b. */
INLINE unsigned v_equal(v16 a, v16 b) {
    unsigned lo = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ));
    return lo | (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ)) << 8;
}
/* Thirty-two words -32768..32767 as s16, for i_words_to_bytes() and what works on each s16. */
INLINE v16i i_words(v16i a, v16i b) {
    return (v16i){ _mm256_packs_epi32(a.lo, a.hi), _mm256_packs_epi32(b.lo, b.hi) };
}
INLINE v16i i_words_shift_right(v16i a, int bits) {
    return (v16i){ _mm256_srli_epi16(a.lo, bits), _mm256_srli_epi16(a.hi, bits) };
}
/* The low bytes, which must be -128..127, of a, b and c, d where ab = i_words(a, b), in order. */
INLINE v16i i_words_to_bytes(v16i ab, v16i cd) {
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return (v16i){ _mm256_permutevar8x32_epi32(_mm256_packs_epi16(ab.lo, ab.hi), order),
                   _mm256_permutevar8x32_epi32(_mm256_packs_epi16(cd.lo, cd.hi), order) };
}

#endif
