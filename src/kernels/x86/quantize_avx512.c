/* quantize_s8, softmax_s8 for AVX512.  SPDX-License-Identifier: MIT */
#include "kernels/x86/kernels_x86.h"
#include "kernels/x86/vec16_avx512.h"

#define NAME(op) am_##op##_avx512
#include "kernels/quantize_template.h"
