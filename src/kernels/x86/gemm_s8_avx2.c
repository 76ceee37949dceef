/* INT8 matrix product for AVX2: 6 x 16 tiles of s16 pairs, 12 sums of the 16 registers.  SPDX-License-Identifier: MIT */
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx2.h"

#define NAME(op) am_##op##_avx2
#define MAX_ROWS 6
#define MAX_PANELS 1
#define WIDE 1
#include "kernels/x86/gemm_s8_template.h"
