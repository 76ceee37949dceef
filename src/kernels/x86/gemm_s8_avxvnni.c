/* INT8 matrix product for AVX-VNNI: 6 x 16 tiles, 12 sums of the 16 registers.  SPDX-License-Identifier: MIT */
#define TARGET_EXTRA ",avxvnni"
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx2.h"

/* In assembler: for the intrinsic GCC 12 moves every sum to a fresh register and back. */
INLINE v16i i_dot_s8(v16i acc, vword x, v16i w) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc.lo) : "x"(x), "x"(w.lo));
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc.hi) : "x"(x), "x"(w.hi));
    return acc;
}

#define NAME(op) am_##op##_avxvnni
#define MAX_ROWS 6
#define MAX_PANELS 1
#define WIDE 0
#include "kernels/x86/gemm_s8_template.h"
