/* See cpu.h.  On x86 GCC's and Clang's __builtin_cpu_supports() asks CPUID and XGETBV, so an operating system that does
 * not save the wide registers is seen as a machine without them.  On ARM only the system can say: Linux does in the
 * auxiliary vector; elsewhere what every 64-bit ARM has is all that is taken for granted.
 *
 * SPDX-License-Identifier: MIT */
#include "base/cpu.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* What this architecture has, in rising order of what is preferred; a level is had when all its flags are. */
static const struct {
    const char *name;
    unsigned flags;
} levels[] = {
    { "c", 0 },
#if defined(__x86_64__)
    { "avx2", AM_CPU_AVX2 },
    { "avxvnni", AM_CPU_AVX2 | AM_CPU_AVXVNNI },
    { "avx512", AM_CPU_AVX2 | AM_CPU_AVX512 },
    { "avx512vnni", AM_CPU_AVX2 | AM_CPU_AVX512 | AM_CPU_AVX512VNNI },
#elif defined(__aarch64__)
    { "neon", AM_CPU_NEON },
    { "dotprod", AM_CPU_NEON | AM_CPU_DOTPROD },
    { "i8mm", AM_CPU_NEON | AM_CPU_DOTPROD | AM_CPU_I8MM },
#endif
};
#define N_LEVELS (sizeof levels / sizeof levels[0])

#if defined(__x86_64__)
/* Names that __builtin_cpu_supports() knows only in newer compilers.  Their registers are those of AVX2: whoever has seen
 * that needs not ask the operating system again. */
static bool has_f16c(void) {
    unsigned eax, ebx, ecx = 0, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx >> 29 & 1;
}

static bool has_avxvnni(void) {
    unsigned eax = 0, ebx, ecx, edx;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || eax < 1) return false; /* the last subleaf */
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && eax >> 4 & 1;
}
#endif

unsigned am_cpu_flags(void) {
    unsigned flags = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c()) flags |= AM_CPU_AVX2;
    if (flags && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        flags |= AM_CPU_AVX512;
    if (flags && has_avxvnni()) flags |= AM_CPU_AVXVNNI;
    if (flags & AM_CPU_AVX512 && __builtin_cpu_supports("avx512vnni")) flags |= AM_CPU_AVX512VNNI;
#elif defined(__aarch64__)
    flags |= AM_CPU_NEON;
#if defined(__linux__)
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) flags |= AM_CPU_DOTPROD;
    if (getauxval(AT_HWCAP2) & HWCAP2_I8MM) flags |= AM_CPU_I8MM;
#endif
#endif
    return flags;
}

/* The names of the levels that `flags` has, with commas between. */
static am_status list_levels(unsigned flags, char *text, size_t cap) {
    size_t len = 0;
    if (cap) text[0] = '\0';
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (levels[i].flags & ~flags) continue;
        int n = snprintf(text + len, cap - len, "%s%s", len ? "," : "", levels[i].name);
        if (n < 0 || (size_t)n >= cap - len) return AM_E_LIMIT;
        len += (size_t)n;
    }
    return AM_OK;
}

am_status am_cpu_mask(const char *best, unsigned *flags, am_error *err) {
    unsigned have = am_cpu_flags();
    *flags = have;
    if (!best || strcmp(best, "auto") == 0) return AM_OK;
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (strcmp(best, levels[i].name) != 0) continue;
        if (levels[i].flags & ~have)
            return am_fail(err, AM_E_UNSUPPORTED, "this processor has no %s; its best is %s", best, am_cpu_name(have));
        *flags = have & levels[i].flags;
        return AM_OK;
    }
    char known[128];
    list_levels(~0u, known, sizeof known);
    return am_fail(err, AM_E_ARG, "unknown instruction set \"%s\"; known for this architecture are auto,%s", best,
                   known);
}

const char *am_cpu_name(unsigned flags) {
    const char *name = levels[0].name;
    for (size_t i = 0; i < N_LEVELS; i++)
        if ((levels[i].flags & ~flags) == 0) name = levels[i].name;
    return name;
}

am_status am_cpu_describe(char *text, size_t cap) {
    if (!text) return AM_E_ARG;
    return list_levels(am_cpu_flags(), text, cap);
}
