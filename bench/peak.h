/* What one core can multiply at most: loops of independent multiplications on registers, in GMAC/s.
 * Written in assembler, because compilers keep copies of the sums in memory, which measures something else.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BENCH_PEAK_H
#define AM_BENCH_PEAK_H

#include "base/cpu.h"
#include "measure.h"

enum { PEAK_STEPS = 100000, PEAK_CHAINS = 12 }; /* latency 4 x 2 units needs 8 chains; the rest hides the loop */

#if defined(__x86_64__)

/* Twelve times the instruction, each time to another sum, 0 to 11; the factors lie in 12 and 13, all zero.  A loop of
 * assembler alone, so nothing is saved or loaded between steps. */
#define PEAK_TWELVE(op)                                                                                                \
    op("0") op("1") op("2") op("3") op("4") op("5") op("6") op("7") op("8") op("9") op("10") op("11")
#define PEAK_LOOP(op)                                                                                                  \
    long steps = PEAK_STEPS;                                                                                           \
    __asm__ volatile("1:\n\t" PEAK_TWELVE(op) "dec %0\n\tjnz 1b\n\t"                                                   \
                     : "+r"(steps)                                                                                     \
                     :                                                                                                 \
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",        \
                       "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc")
#define PEAK_ZERO_FACTORS                                                                                              \
    __asm__ volatile("vpxor %%xmm12, %%xmm12, %%xmm12\n\tvpxor %%xmm13, %%xmm13, %%xmm13" ::: "xmm12", "xmm13")

#define PEAK_FMA_Y(i) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" i "\n\t"
#define PEAK_FMA_Z(i) "vfmadd231ps %%zmm12, %%zmm13, %%zmm" i "\n\t"
#define PEAK_MADD_Y(i) "vpmaddwd %%ymm12, %%ymm13, %%ymm14\n\tvpaddd %%ymm14, %%ymm" i ", %%ymm" i "\n\t"
#define PEAK_DOT_Y(i) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" i "\n\t"
#define PEAK_DOT_Z(i) "vpdpbusd %%zmm12, %%zmm13, %%zmm" i "\n\t"

__attribute__((target("avx2,fma"))) static void peak_fma_y(void *arg) {
    PEAK_ZERO_FACTORS;
    PEAK_LOOP(PEAK_FMA_Y);
}
__attribute__((target("avx512f"))) static void peak_fma_z(void *arg) {
    PEAK_ZERO_FACTORS;
    PEAK_LOOP(PEAK_FMA_Z);
}
__attribute__((target("avx2"))) static void peak_madd_y(void *arg) {
    PEAK_ZERO_FACTORS;
    PEAK_LOOP(PEAK_MADD_Y);
}
__attribute__((target("avx2"))) static void peak_dot_y(void *arg) {
    PEAK_ZERO_FACTORS;
    PEAK_LOOP(PEAK_DOT_Y);
}
__attribute__((target("avx512f"))) static void peak_dot_z(void *arg) {
    PEAK_ZERO_FACTORS;
    PEAK_LOOP(PEAK_DOT_Z);
}

static inline double peak_of(measure_fn *loop, double macs) {
    return 1e-9 * macs * PEAK_CHAINS * PEAK_STEPS / measure_calls(loop, NULL, 0.3);
}

/* 0 where there is no such loop. */
static inline double peak_f32(unsigned flags) {
    if (flags & AM_CPU_AVX512) return peak_of(peak_fma_z, 16);
    if (flags & AM_CPU_AVX2) return peak_of(peak_fma_y, 8);
    return 0;
}

/* s8 x s8 -> s32, exact: four products an instruction and lane with VNNI, else two s16. */
static inline double peak_s8(unsigned flags) {
    if (flags & AM_CPU_AVX512VNNI) return peak_of(peak_dot_z, 64);
    if (flags & AM_CPU_AVXVNNI) return peak_of(peak_dot_y, 32);
    if (flags & AM_CPU_AVX2) return peak_of(peak_madd_y, 16);
    return 0;
}

#else

static inline double peak_f32(unsigned flags) {
    return 0;
}
static inline double peak_s8(unsigned flags) {
    return 0;
}

#endif
#endif
