/* The kernel table: everything starts as plain C; each architecture overwrites what it does better.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/kernels.h"

#include "base/cpu.h"
#include "kernels/kernels_c.h"

#if defined(__x86_64__)
#include "kernels/x86/kernels_x86.h"

static void init_x86(am_kernels *k, unsigned flags) {
    if (!(flags & AM_CPU_AVX2)) return;
    k->gemm = (am_gemm_desc){ am_gemm_f32f32_avx2, am_gemm_f32f16_avx2, .nr = 16, .m_block = 96 };
    k->softmax_f32 = am_softmax_f32_avx2;
    k->layernorm_f32 = am_layernorm_f32_avx2;
    k->gelu_f32 = am_gelu_f32_avx2;
    k->quantize_s8 = am_quantize_s8_avx2;
    k->softmax_s8 = am_softmax_s8_avx2;
    k->max_f32 = am_max_f32_avx2;
    k->sum_exp_f32 = am_sum_exp_f32_avx2;
    k->dot_f32f32 = am_dot_f32f32_avx2;
    k->dot_f32f16 = am_dot_f32f16_avx2;
    k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_avx2, .flip = 0, .m_block = 72 };
    if (flags & AM_CPU_AVXVNNI) k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_avxvnni, .flip = 0x80, .m_block = 96 };
    if (!(flags & AM_CPU_AVX512)) return;
    k->gemm = (am_gemm_desc){ am_gemm_f32f32_avx512, am_gemm_f32f16_avx512, .nr = 32, .m_block = 96 };
    k->softmax_f32 = am_softmax_f32_avx512;
    k->layernorm_f32 = am_layernorm_f32_avx512;
    k->gelu_f32 = am_gelu_f32_avx512;
    k->quantize_s8 = am_quantize_s8_avx512;
    k->softmax_s8 = am_softmax_s8_avx512;
    k->max_f32 = am_max_f32_avx512;
    k->sum_exp_f32 = am_sum_exp_f32_avx512;
    k->dot_f32f32 = am_dot_f32f32_avx512;
    k->dot_f32f16 = am_dot_f32f16_avx512;
    if (!(flags & AM_CPU_AVXVNNI)) k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_avx512, .flip = 0, .m_block = 60 };
    if (!(flags & AM_CPU_AVX512VNNI)) return;
    k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_avx512vnni, .flip = 0x80, .m_block = 96 };
}
#elif defined(__aarch64__)
#include "kernels/arm/kernels_arm.h"

static void init_arm(am_kernels *k, unsigned flags) {
    if (!(flags & AM_CPU_NEON)) return;
    k->gemm = (am_gemm_desc){ am_gemm_f32f32_neon, am_gemm_f32f16_neon, .nr = 16, .m_block = 96 };
    k->softmax_f32 = am_softmax_f32_neon;
    k->layernorm_f32 = am_layernorm_f32_neon;
    k->gelu_f32 = am_gelu_f32_neon;
    k->quantize_s8 = am_quantize_s8_neon;
    k->softmax_s8 = am_softmax_s8_neon;
    k->max_f32 = am_max_f32_neon;
    k->sum_exp_f32 = am_sum_exp_f32_neon;
    k->dot_f32f32 = am_dot_f32f32_neon;
    k->dot_f32f16 = am_dot_f32f16_neon;
    k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_neon, .flip = 0, .m_block = 96 };
    if (!(flags & AM_CPU_DOTPROD)) return;
    k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_dotprod, .flip = 0, .m_block = 96 };
    if (!(flags & AM_CPU_I8MM)) return;
    k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_i8mm, .flip = 0, .m_block = 96 };
}
#endif

void am_kernels_init(am_kernels *k, unsigned cpu_flags) {
    k->gemm = (am_gemm_desc){ am_gemm_f32f32_c, am_gemm_f32f16_c, .nr = 8, .m_block = 48 };
    k->softmax_f32 = am_softmax_f32_c;
    k->layernorm_f32 = am_layernorm_f32_c;
    k->gelu_f32 = am_gelu_f32_c;
    k->gemm_s8 = (am_gemm_s8_desc){ am_gemm_s8s8_c, .flip = 0, .m_block = 48 };
    k->quantize_s8 = am_quantize_s8_c;
    k->softmax_s8 = am_softmax_s8_c;
    k->max_f32 = am_max_f32_c;
    k->sum_exp_f32 = am_sum_exp_f32_c;
    k->dot_f32f32 = am_dot_f32f32_c;
    k->dot_f32f16 = am_dot_f32f16_c;
#if defined(__x86_64__)
    init_x86(k, cpu_flags);
#elif defined(__aarch64__)
    init_arm(k, cpu_flags);
#endif
}
