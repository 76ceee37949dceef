/* INT8 matrix product for AVX-512 with VNNI: 12 x 32 tiles, 24 sums of the 32 registers.  SPDX-License-Identifier: MIT */
#define TARGET_EXTRA ",avx512vnni"
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx512.h"

INLINE v16i i_dot_s8(v16i acc, vword x, v16i w) {
    return _mm512_dpbusd_epi32(acc, x, w);
}

#define NAME(op) am_##op##_avx512vnni
#define MAX_ROWS 12
#define MAX_PANELS 2
#define WIDE 0
#include "kernels/x86/gemm_s8_template.h"
