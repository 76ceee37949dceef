/* Sixteen floats as one AVX-512 register.  Same operations as vec16_avx2.h, in the same order of rounding: a template
 * written with them gives the same bits on both.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_VEC16_AVX512_H
#define AM_KERNELS_VEC16_AVX512_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* A file that needs more than this instruction set says what, with a comma before it. */
#ifndef TARGET_EXTRA
#define TARGET_EXTRA ""
#endif
#define TARGET __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl" TARGET_EXTRA)))
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef __m512 v16;

INLINE v16 v_zero(void) {
    return _mm512_setzero_ps();
}
INLINE v16 v_set(float x) {
    return _mm512_set1_ps(x);
}
INLINE v16 v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
INLINE v16 v_load_half(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
INLINE void v_store(float *p, v16 a) {
    _mm512_storeu_ps(p, a);
}
INLINE __mmask16 v_first(int count) {
    return (__mmask16)((1u << count) - 1);
}
/* The first `count` (0..16) elements; the others read as `other` and are not touched in memory. */
INLINE v16 v_load_part(const float *p, int count, float other) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(other), v_first(count), p);
}
INLINE void v_store_part(float *p, v16 a, int count) {
    _mm512_mask_storeu_ps(p, v_first(count), a);
}
INLINE v16 v_keep_part(v16 a, int count) {
    return _mm512_maskz_mov_ps(v_first(count), a);
}
INLINE v16 v_add(v16 a, v16 b) {
    return _mm512_add_ps(a, b);
}
INLINE v16 v_sub(v16 a, v16 b) {
    return _mm512_sub_ps(a, b);
}
INLINE v16 v_mul(v16 a, v16 b) {
    return _mm512_mul_ps(a, b);
}
INLINE v16 v_div(v16 a, v16 b) {
    return _mm512_div_ps(a, b);
}
INLINE v16 v_max(v16 a, v16 b) {
    return _mm512_max_ps(a, b);
}
INLINE v16 v_min(v16 a, v16 b) {
    return _mm512_min_ps(a, b);
}
INLINE v16 v_fma(v16 a, v16 b, v16 c) {
    return _mm512_fmadd_ps(a, b, c);
}
INLINE v16 v_abs(v16 a) {
    return _mm512_abs_ps(a);
}
INLINE v16 v_round(v16 a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^a for integral a in -126..127 */
INLINE v16 v_pow2(v16 a) {
    __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
}
INLINE __m256 v_low8(v16 a) {
    return _mm512_castps512_ps256(a);
}
INLINE __m256 v_high8(v16 a) {
    return _mm512_extractf32x8_ps(a, 1);
}

#include "kernels/x86/vec16_lanes.h"
/* ---- Sixteen 32-bit integers ---- */

typedef __m512i v16i;
typedef __m512i vword; /* one 32-bit word in every lane of a register */

INLINE v16i i_zero(void) {
    return _mm512_setzero_si512();
}
INLINE v16i i_load(const void *p) {
    return _mm512_loadu_si512(p);
}
INLINE void i_store(void *p, v16i a) {
    _mm512_storeu_si512(p, a);
}
INLINE vword i_word(const void *p) {
    int32_t word;
    memcpy(&word, p, 4); /* at any address */
    return _mm512_set1_epi32(word);
}
INLINE v16i i_add(v16i a, v16i b) {
    return _mm512_add_epi32(a, b);
}
INLINE v16i i_sub(v16i a, v16i b) {
    return _mm512_sub_epi32(a, b);
}
INLINE v16i i_shift_left(v16i a, int bits) {
    return _mm512_slli_epi32(a, (unsigned)bits);
}
INLINE v16 i_to_float(v16i a) {
    return _mm512_cvtepi32_ps(a);
}
/* Of four bytes b0 b1 b2 b3 in each word, as s16: b0 and b2; b1 and b3. */
INLINE v16i i_even_bytes(v16i a) {
    return _mm512_srai_epi16(_mm512_slli_epi16(a, 8), 8);
}
INLINE v16i i_odd_bytes(v16i a) {
    return _mm512_srai_epi16(a, 8);
}
/* acc + the sum of two products of s16, in each word. */
INLINE v16i i_dot_s16(v16i acc, vword x, v16i w) {
    return _mm512_add_epi32(acc, _mm512_madd_epi16(x, w));
}
INLINE v16i i_set(int32_t x) {
    return _mm512_set1_epi32(x);
}
INLINE v16i i_max_unsigned(v16i a, v16i b) {
    return _mm512_max_epu32(a, b);
}
INLINE v16i i_and(v16i a, v16i b) {
    return _mm512_and_si512(a, b);
}
INLINE v16i i_xor(v16i a, v16i b) {
    return _mm512_xor_si512(a, b);
}
INLINE v16i i_from_float(v16 a) { /* to nearest, ties to even */
    return _mm512_cvtps_epi32(a);
}
INLINE v16i v_bits(v16 a) {
    return _mm512_castps_si512(a);
}
INLINE v16 v_from_bits(v16i a) {
    return _mm512_castsi512_ps(a);
}
/* The greatest lane, taken as unsigned. */
INLINE uint32_t i_top_unsigned(v16i a) {
    return _mm512_reduce_max_epu32(a);
}
/* A bit for each lane where a == b. */
INLINE unsigned v_equal(v16 a, v16 b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
/* Thirty-two words -32768..32767 as s16, for i_words_to_bytes() and what works on each s16. */
INLINE v16i i_words(v16i a, v16i b) {
    return _mm512_packs_epi32(a, b);
}
INLINE v16i i_words_shift_right(v16i a, int bits) {
    return _mm512_srli_epi16(a, (unsigned)bits);
}
/* The low bytes, which must be -128..127, of a, b and c, d where ab = i_words(a, b), in order. */
INLINE v16i i_words_to_bytes(v16i ab, v16i cd) {
    __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, _mm512_packs_epi16(ab, cd));
}

#endif
