/* Matrix product for AVX2: 6 x 16 tiles, 12 sums of the 16 registers.  SPDX-License-Identifier: MIT */
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx2.h"

#define NAME(op) am_##op##_avx2
#define PANEL_VECS 1
#define MAX_ROWS 6
#define PANELS_1 3
#define PANELS_2 2
#define PANELS_3 1
#define PANELS_4 1
#define PANELS_5 1
#define PANELS_6 1
#define VECS_MAX 3
#include "kernels/gemm_template.h"
