/* INT8 matrix product for AVX-VNNI: 6 x 16 tiles, 12 sums of the 16 registers.  SPDX-License-Identifier: MIT */
#define TARGET_EXTRA ",avxvnni"
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx2.h"

INLINE v16i i_dot_s8(v16i acc, vword x, v16i w) {
    return (v16i){ _mm256_dpbusd_avx_epi32(acc.lo, x, w.lo), _mm256_dpbusd_avx_epi32(acc.hi, x, w.hi) };
}

#define NAME(op) am_##op##_avxvnni
#define MAX_ROWS 6
#define MAX_PANELS 1
#define WIDE 0
#include "kernels/x86/gemm_s8_template.h"
