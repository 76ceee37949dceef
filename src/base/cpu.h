/* What this processor can do, as a set of flags the kernel table is chosen by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_CPU_H
#define AM_BASE_CPU_H

#include "base/error.h"

enum {
    AM_CPU_AVX2 = 1u << 0,   /* AVX2, FMA and F16C: always met together */
    AM_CPU_AVX512 = 1u << 1, /* F, BW, DQ and VL */
};

/* Flags of the machine, the operating system's support for the registers included. */
unsigned am_cpu_flags(void);

/* The flags left when nothing better than `best` may be used: "c", "avx2", "avx512"; NULL or "auto" masks nothing.
 * Returns AM_OK, AM_E_ARG (unknown name) or AM_E_UNSUPPORTED (this machine lacks it). */
am_status am_cpu_mask(const char *best, unsigned *flags, am_error *err);

/* The name of the best instruction set in `flags`: "c", "avx2", "avx512". */
const char *am_cpu_name(unsigned flags);

#endif
