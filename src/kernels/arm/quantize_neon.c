/* quantize_s8, softmax_s8 for NEON.  SPDX-License-Identifier: MIT */
#include "kernels/arm/kernels_arm.h"
#include "kernels/arm/vec16_neon.h"

#define NAME(op) am_##op##_neon
#include "kernels/quantize_template.h"
