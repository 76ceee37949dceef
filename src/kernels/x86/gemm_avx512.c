/* Matrix product for AVX-512: 12 x 32 tiles, 24 sums of the 32 registers.  SPDX-License-Identifier: MIT */
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx512.h"

#define NAME(op) am_##op##_avx512
#define PANEL_VECS 2
#define MAX_ROWS 12
#define PANELS_1 4
#define PANELS_2 4
#define PANELS_3 2
#define PANELS_4 2
#define PANELS_5 2
#define PANELS_6 2
#define VECS_MAX 8
#include "kernels/gemm_template.h"
