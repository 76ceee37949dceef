/* Kernels for 64-bit ARM.  Contracts: kernels/kernels.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_ARM_H
#define AM_KERNELS_ARM_H

#include "kernels/kernels.h"

am_gemm_fn am_gemm_f32f32_neon, am_gemm_f32f16_neon;
am_softmax_f32_fn am_softmax_f32_neon;
am_layernorm_f32_fn am_layernorm_f32_neon;
am_gelu_f32_fn am_gelu_f32_neon;
am_quantize_s8_fn am_quantize_s8_neon;
am_softmax_s8_fn am_softmax_s8_neon;
am_max_f32_fn am_max_f32_neon;
am_sum_exp_f32_fn am_sum_exp_f32_neon;
am_gemm_s8_fn am_gemm_s8s8_neon, am_gemm_s8s8_dotprod, am_gemm_s8s8_i8mm;
am_dot_fn am_dot_f32f32_neon, am_dot_f32f16_neon;

#endif
