/* Kernels for x86-64.  Contracts: kernels/kernels.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_KERNELS_X86_H
#define AM_KERNELS_X86_H

#include "kernels/kernels.h"

am_gemm_fn am_gemm_f32f32_avx2, am_gemm_f32f16_avx2, am_gemm_f32f32_avx512, am_gemm_f32f16_avx512;
am_softmax_f32_fn am_softmax_f32_avx2, am_softmax_f32_avx512;
am_layernorm_f32_fn am_layernorm_f32_avx2, am_layernorm_f32_avx512;
am_gelu_f32_fn am_gelu_f32_avx2, am_gelu_f32_avx512;
am_quantize_s8_fn am_quantize_s8_avx2, am_quantize_s8_avx512;
am_softmax_s8_fn am_softmax_s8_avx2, am_softmax_s8_avx512;
am_max_f32_fn am_max_f32_avx2, am_max_f32_avx512;
am_sum_exp_f32_fn am_sum_exp_f32_avx2, am_sum_exp_f32_avx512;
am_dot_fn am_dot_f32f32_avx2, am_dot_f32f16_avx2, am_dot_f32f32_avx512, am_dot_f32f16_avx512;
am_gemm_s8_fn am_gemm_s8s8_avx2, am_gemm_s8s8_avxvnni, am_gemm_s8s8_avx512, am_gemm_s8s8_avx512vnni;

#endif
