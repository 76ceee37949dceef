/* INT8 matrix product for AVX-512 without VNNI: 12 x 32 tiles of s16 pairs.  SPDX-License-Identifier: MIT */
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx512.h"

#define NAME(op) am_##op##_avx512
#define MAX_ROWS 12
#define MAX_PANELS 2
#define WIDE 1
#include "kernels/x86/gemm_s8_template.h"
