/* Matrix product for NEON: 6 x 16 tiles, 24 sums of the 32 registers.  SPDX-License-Identifier: MIT */
#include "kernels/arm/kernels_arm.h"
#include "kernels/arm/vec16_neon.h"

#define NAME(op) am_##op##_neon
#define PANEL_VECS 1
#define MAX_ROWS 6
#define PANELS_1 3
#define PANELS_2 2
#define PANELS_3 1
#define PANELS_4 1
#define PANELS_5 1
#define PANELS_6 1
#define VECS_MAX 3
#define FINISH                                                                                                         \
    static __attribute__((noinline)) /* a v16 travels in registers here; inline, the code is ten times as long */
#include "kernels/gemm_template.h"
