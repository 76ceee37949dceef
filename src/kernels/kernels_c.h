/* The C reference of every kernel.  Contracts: kernels.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_KERNELS_C_H
#define AM_KERNELS_KERNELS_C_H

#include "kernels/kernels.h"

am_gemm_fn am_gemm_f32f32_c, am_gemm_f32f16_c;
am_softmax_f32_fn am_softmax_f32_c;
am_layernorm_f32_fn am_layernorm_f32_c;
am_gelu_f32_fn am_gelu_f32_c;
am_quantize_s8_fn am_quantize_s8_c;
am_gemm_s8_fn am_gemm_s8s8_c;
am_softmax_s8_fn am_softmax_s8_c;
am_max_f32_fn am_max_f32_c;
am_sum_exp_f32_fn am_sum_exp_f32_c;
am_dot_fn am_dot_f32f32_c, am_dot_f32f16_c;

#endif
