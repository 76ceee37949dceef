/* Sum and maximum over the lanes of v16, from its halves: included at the end of vec16_avx2.h and vec16_avx512.h.
 *
 * SPDX-License-Identifier: MIT */

INLINE float v_sum(v16 a) {
    __m256 s8 = _mm256_add_ps(v_low8(a), v_high8(a));
    __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

INLINE float v_top(v16 a) {
    __m256 s8 = _mm256_max_ps(v_low8(a), v_high8(a));
    __m128 s4 = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_max_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_max_ss(s2, _mm_movehdup_ps(s2)));
}
