/* What this processor can do, as a set of flags the kernel table is chosen by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_CPU_H
#define AM_BASE_CPU_H

#include "base/error.h"

enum {
    AM_CPU_AVX2 = 1u << 0,   /* AVX2, FMA and F16C: always met together */
    AM_CPU_AVX512 = 1u << 1, /* F, BW, DQ and VL */
    AM_CPU_AVXVNNI = 1u << 2,
    AM_CPU_AVX512VNNI = 1u << 3,
    AM_CPU_NEON = 1u << 4, /* every 64-bit ARM */
    AM_CPU_DOTPROD = 1u << 5,
    AM_CPU_I8MM = 1u << 6,
};

/* Flags of the machine, the operating system's support for the registers included. */
unsigned am_cpu_flags(void);

/* The flags left when nothing better than `best` may be used: "c", "avx2", "avxvnni", "avx512", "avx512vnni"; on ARM
 * "c", "neon", "dotprod", "i8mm"; NULL or "auto" masks nothing.
 * Returns AM_OK, AM_E_ARG (unknown name, or one of another architecture) or AM_E_UNSUPPORTED (this machine lacks it). */
am_status am_cpu_mask(const char *best, unsigned *flags, am_error *err);

/* The name of the best instruction set in `flags`: "c", "avx2", ... */
const char *am_cpu_name(unsigned flags);

#endif
